//! `%fs:0x70` mirrors `stackguard0` while mapped code runs, and is 0 while Rust does: compiled checks on a big stack or a
//! thread's own must always pass, and glibc gives the slot to the next thread as it is.

mod common;
#[path = "common/contexts.rs"]
mod contexts;

use common::{caps, debug_mode};
use contexts::everywhere;
use morestack::arch::tcb_guard;
use morestack::sched::{Scheduler, current, park, yield_now};
use std::panic::{catch_unwind, resume_unwind};

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/guard_slot.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
        fn probe() -> (usize, usize, usize, usize, usize) = "guard.probe";
        fn around(what: u64, descent: u64) -> u64 = "guard.around";
        fn panics() = "guard.panics";
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "guard.panics")]
    fn guard_panics() { resume_unwind(Box::new(1_u8)) }

    #[unsafe(export_name = "guard.rust")]
    fn guard_rust() {
        assert_eq!(tcb_guard(), 0);
        assert_eq!(count(30), 30);
        assert_eq!(tcb_guard(), 0);
        if current().is_some() {
            yield_now();
            assert_eq!(tcb_guard(), 0);
        }
    }
}

const YIELD: u64 = 0;
const CALL_RUST: u64 = 1;
const NOTHING: u64 = 2;

/// Looks at the slot in Rust and in mapped code.
fn look() {
    assert_eq!(tcb_guard(), 0);
    let (mirror, guard0, guard1, lo, sp) = probe();
    assert_eq!(mirror, guard0);
    assert_eq!(guard1, lo + morestack::stack::layout::STACK_GUARD);
    assert!(sp > lo && sp < lo + (1 << 30));
    if !debug_mode("move") && !debug_mode("preempt") {
        assert_eq!(guard0, guard1, "not poisoned");
    }
    assert_eq!(tcb_guard(), 0);
    for what in [YIELD, CALL_RUST, NOTHING] {
        for descent in [0, 10, 2_000] {
            assert_eq!(around(what, caps::often(descent) as u64), 0, "after {what}");
            assert_eq!(tcb_guard(), 0);
        }
    }
}

#[test]
fn mirrors_the_guard_in_mapped_code_and_is_zero_in_rust() {
    everywhere(look);
}

#[test]
fn is_zero_in_every_task_after_every_switch() {
    let scheduler = Scheduler::new();
    let mapped: Vec<_> = (0..30_u64)
        .map(|i| scheduler.spawn_mapped(around::function(), (i % 3, caps::often(100 * i as usize) as u64)))
        .collect();
    let rust: Vec<_> = (0..30_u64)
        .map(|i| {
            scheduler.spawn(move || {
                for _ in 0..i {
                    yield_now();
                    assert_eq!(tcb_guard(), 0);
                    assert_eq!(around(YIELD, caps::often(50 * i as usize) as u64), 0);
                }
                park();
                assert_eq!(tcb_guard(), 0);
            })
        })
        .collect();
    scheduler.run();
    assert_eq!(tcb_guard(), 0);
    for task in rust {
        task.task().unpark();
        task.join_or_resume();
        assert_eq!(tcb_guard(), 0);
    }
    for task in mapped {
        assert_eq!(task.join_or_resume(), 0);
        assert_eq!(tcb_guard(), 0);
    }
}

#[test]
fn is_zero_after_a_panic_through_mapped_code() {
    everywhere(|| {
        assert!(catch_unwind(panics).is_err());
        assert_eq!(tcb_guard(), 0);
        look();
    });
}

#[test]
fn threads_that_follow_find_it_zero() {
    for round in 0..50 {
        // glibc reuses the block of the thread before, without clearing it.
        let thread = std::thread::spawn(move || {
            assert_eq!(tcb_guard(), 0, "in a fresh thread, round {round}");
            assert_eq!(count(500), 500);
            let scheduler = Scheduler::new();
            let task = scheduler.spawn_mapped(around::function(), (YIELD, 100));
            // One is left parked when the thread ends.
            drop(scheduler.spawn(park));
            assert_eq!(task.join_or_resume(), 0);
            assert_eq!(tcb_guard(), 0);
        });
        thread.join().unwrap();
    }
}
