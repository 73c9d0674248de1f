//! A stack pointer equal to the guard grows the stack, one above does not; in all three forms of the check.

#[path = "common/mapped.rs"]
mod mapped;

use mapped::{by_name, every_check_fails, moves_during, on_fresh_task};
use morestack::stack::layout::{GUARD_MOVE, GUARD_PREEMPT, STACK_GUARD};

/// What `boundary.grow` leaves: room for the largest form.
const SEGMENT: usize = 16 * 1024;

morestack::mapped_asm!(
    ".set STACK_GUARD, {guard}; .set SEGMENT, {segment}",
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/check_boundary.s"));
    guard = const STACK_GUARD, segment = const SEGMENT
);

const FORMS: [&str; 6] = ["_small_16", "_small_128", "_medium_136", "_medium_4088", "_large_4096", "_large_5000"];

#[test]
fn a_word_decides() {
    if every_check_fails("stack pointers next to the guard") {
        return;
    }
    for form in FORMS {
        // SAFETY: neither takes or returns anything.
        let (at, above) = unsafe {
            (by_name::<(), ()>(&format!("boundary.at{form}")), by_name::<(), ()>(&format!("boundary.above{form}")))
        };
        let ((), moves) = moves_during(|| on_fresh_task(above, ()));
        let sizes: Vec<_> = moves.iter().map(|m| (m.old.1, m.new.1)).collect();
        assert_eq!(sizes, [(2048, SEGMENT)], "{form}: the next word above the guard is enough");

        let ((), moves) = moves_during(|| on_fresh_task(at, ()));
        let sizes: Vec<_> = moves.iter().map(|m| (m.old.1, m.new.1)).collect();
        assert_eq!(sizes, [(2048, SEGMENT), (SEGMENT, 2 * SEGMENT)], "{form}: at the guard it grows");
    }
}

#[test]
fn a_byte_decides() {
    if every_check_fails("guards next to the stack pointer") {
        return;
    }
    // On the thread's own g, with real room for each form.
    // SAFETY: takes and returns nothing.
    unsafe { by_name::<(), ()>("boundary.grow") }.call(());
    for form in FORMS {
        // SAFETY: see the assembly.
        let faked = unsafe { by_name::<(i64,), u64>(&format!("boundary.faked{form}")) };
        for (distance, grows) in
            [(0, true), (-1, false), (1, true), (-8, false), (8, true), (-4096, false), (4096, true)]
        {
            let (moved, moves) = moves_during(|| faked.call((distance,)));
            assert_eq!(moved == 1, grows, "{form}: guard {distance} bytes above the stack pointer");
            assert_eq!(moves.len(), usize::from(grows), "{form}");
        }
    }
}

#[test]
fn a_poisoned_guard_fails_every_form_but_grows_nothing() {
    if every_check_fails("single poisoned checks") {
        return;
    }
    // SAFETY: takes and returns nothing.
    unsafe { by_name::<(), ()>("boundary.grow") }.call(());
    for form in FORMS {
        // SAFETY: see the assembly.
        let poisoned = unsafe { by_name::<(u64,), (u64, u64, u64)>(&format!("boundary.poisoned{form}")) };
        // The last is no poison that is known, like one that came too late.
        for (poison, moves_expected) in [(GUARD_MOVE, 1), (GUARD_PREEMPT, 0), (usize::MAX, 0)] {
            let ((moved, guard0, guard1), moves) = moves_during(|| poisoned.call((poison as u64,)));
            assert_eq!(guard0, guard1, "{form}: {poison:#x} is gone once it was seen");
            assert_eq!(moved, moves_expected, "{form}: {poison:#x}");
            assert_eq!(moves.len() as u64, moves_expected);
            assert!(moves.iter().all(|m| m.new.1 == m.old.1 && m.new.0 != m.old.0), "{form}: moved, not grown");
        }
    }
}
