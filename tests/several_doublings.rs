//! A frame larger than several doublings: the function is restarted once its frame fits, on a segment whose size is a power
//! of two.

#[path = "common/mapped.rs"]
mod mapped;

use mapped::{by_name, every_check_fails, moves_during, on_fresh_task};
use morestack::sched::Scheduler;
use morestack::stack::layout::STACK_MIN;

goasm::include! {
    "tests/asm/several_doublings_amd64.s";

    unsafe extern "ABI0" {
        fn frame_3k(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_3k";
        fn frame_40k(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_40k";
        fn frame_300k(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_300k";
        fn frame_5m(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_5m";
    }
}

const FRAMES: [(&str, usize); 4] = [
    ("doublings.frame_3k", 3000),
    ("doublings.frame_40k", 40_000),
    ("doublings.frame_300k", 300_000),
    ("doublings.frame_5m", 5_000_000),
];

#[test]
fn a_fresh_stack_grows_until_the_frame_fits() {
    for (name, frame) in FRAMES {
        let mut entered = 0u64;
        // SAFETY: see the assembly.
        let function = unsafe { by_name::<(u64, *mut u64), u64>(name) };
        let (sum, moves) = moves_during(|| on_fresh_task(function, (7, &raw mut entered)));
        let words = frame as u64 / 8;
        assert_eq!(sum, 7 + words * (words - 1) / 2, "{name}: every word of the frame kept its value");
        assert_eq!(entered, 1, "{name}: the body ran once");

        assert_eq!(moves[0].old.1, STACK_MIN);
        for pair in moves.windows(2) {
            assert_eq!(pair[0].new, pair[1].old, "{name}: each move begins where the last ended");
        }
        for m in &moves {
            assert!(m.new.1.is_power_of_two() && m.new.1 >= m.old.1, "{name}: {m:?}");
            assert_ne!(m.new.0, m.old.0, "{name}: every move changes the address");
        }
        let last = moves.last().unwrap().new.1;
        assert!(last > frame && last / 2 < frame + 2048, "{name}: the least power of two that holds it, not {last}");
        if !every_check_fails("the number of moves") {
            assert_eq!(moves.len(), 1, "{name}: one move, however many doublings");
        }
    }
}

#[test]
fn a_segment_that_is_large_enough_stays() {
    if every_check_fails("a call that moves nothing") {
        return;
    }
    let (name, _) = FRAMES[2];
    // SAFETY: see the assembly.
    let function = unsafe { by_name::<(u64, *mut u64), u64>(name) };
    let ((), moves) = moves_during(|| {
        Scheduler::new()
            .spawn(move || {
                for _ in 0..3 {
                    function.call((0, &raw mut *Box::leak(Box::new(0u64))));
                }
            })
            .join_or_resume()
    });
    assert!(moves.len() <= 1, "the first call makes room for the others: {moves:?}");
}
