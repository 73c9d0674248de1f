//! `%fs:0x70` mirrors `stackguard0` while mapped code runs, and is 0 while Rust runs on a big stack or a thread's own: compiled
//! checks must always pass there, and glibc gives the slot to the next thread as it is.
//!
//! In a split build the Rust code of a task runs on small segments, and has their guard: the same again after whatever it called.

mod common;
#[path = "common/contexts.rs"]
mod contexts;

use common::{caps, debug_mode};
use contexts::everywhere;
use morestack::arch::tcb_guard;
use morestack::sched::{Scheduler, current, park, yield_now};
use std::cell::Cell;
use std::hint::black_box;
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
        // On the stack where foreign code would run.
        assert_eq!(tcb_guard(), 0);
        assert_eq!(count(30), 30);
        assert_eq!(tcb_guard(), 0);
        assert!(catch_unwind(panics).is_err());
        assert_eq!(tcb_guard(), 0);
        if current().is_some() {
            yield_now();
            assert_eq!(tcb_guard(), 0);
        }
    }
}

/// What the slot holds where the caller's Rust code runs: 0, or in a split build the guard of the small segment that it is on.
#[inline(never)]
fn guard() -> usize {
    let guard = tcb_guard();
    if guard != 0 {
        assert_eq!(guard != 0, cfg!(morestack_split), "{guard:#x}");
        let here = (&raw const guard).addr();
        let in_segment = guard < here && here - guard < 1 << 20;
        assert!(in_segment || debug_mode("move") && guard == usize::MAX, "guard {guard:#x}, stack {here:#x}");
    }
    guard
}

/// Calls `f`, after which the slot must hold what it did.
#[inline(never)]
fn keeps_the_guard<R>(f: impl FnOnce() -> R) -> R {
    // A frame into which a pointer leads is not moved, and so its segment and the guard stay.
    let pinned = Cell::new(0_u8);
    black_box(&pinned);
    let before = guard();
    let result = f();
    assert_eq!(guard(), before);
    black_box(&pinned);
    result
}

/// Deeper than a fresh segment reaches.
#[inline(never)]
fn deep(n: u64, then: &mut dyn FnMut()) -> u64 {
    let local = black_box([n; 8]);
    if n == 0 {
        then();
        return 0;
    }
    deep(n - 1, then) + local[3] - n + 1
}

/// Frames of Rust to descend to. In a plain build they find no boundary, and must fit twice into a task's stack unoptimised.
fn frames(wanted: usize) -> u64 {
    caps::often(if cfg!(morestack_split) { wanted } else { wanted.min(200) }) as u64
}

const YIELD: u64 = 0;
const CALL_RUST: u64 = 1;
const NOTHING: u64 = 2;

/// Looks at the slot in Rust and in mapped code.
fn look() {
    let (mirror, guard0, guard1, lo, sp) = keeps_the_guard(probe);
    assert_eq!(mirror, guard0);
    assert_eq!(guard1, lo + morestack::stack::layout::STACK_GUARD);
    assert!(sp > lo && sp < lo + (1 << 30));
    if !debug_mode("move") && !debug_mode("preempt") {
        assert_eq!(guard0, guard1, "not poisoned");
    }
    for what in [YIELD, CALL_RUST, NOTHING] {
        for descent in [0, 10, 2_000] {
            let differed = keeps_the_guard(|| around(what, caps::often(descent) as u64));
            assert_eq!(differed, 0, "after {what}");
        }
    }
}

#[test]
fn mirrors_the_guard_in_mapped_code_and_is_as_before_in_rust() {
    everywhere(look);
}

#[test]
fn is_as_before_at_each_depth() {
    everywhere(|| {
        for depth in [0, 10, 20, 40, 80, 1_000] {
            let depth = frames(depth);
            keeps_the_guard(|| {
                assert_eq!(deep(depth, &mut || keeps_the_guard(look)), depth);
            });
        }
    });
}

#[test]
fn is_as_before_in_every_task_after_every_switch() {
    let scheduler = Scheduler::new();
    let mapped: Vec<_> = (0..30_u64)
        .map(|i| scheduler.spawn_mapped(around::function(), (i % 3, caps::often(100 * i as usize) as u64)))
        .collect();
    let rust: Vec<_> = (0..30_u64)
        .map(|i| {
            scheduler.spawn(move || {
                assert_eq!(guard() != 0, cfg!(morestack_split));
                keeps_the_guard(|| {
                    for _ in 0..i {
                        keeps_the_guard(yield_now);
                        // From where the stack has grown.
                        deep(i, &mut || keeps_the_guard(yield_now));
                        let differed = keeps_the_guard(|| around(YIELD, caps::often(50 * i as usize) as u64));
                        assert_eq!(differed, 0);
                    }
                    keeps_the_guard(park);
                });
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
fn is_as_before_after_panics() {
    everywhere(|| {
        // Through mapped code.
        keeps_the_guard(|| assert!(catch_unwind(panics).is_err()));
        look();
        // Through frames on several stacks, to the one in the middle and to the outermost.
        for depth in [1, 20, 200, 1_000] {
            let depth = frames(depth);
            let raise = || {
                let caught = keeps_the_guard(|| catch_unwind(|| deep(depth, &mut || resume_unwind(Box::new(2_u8)))));
                assert!(caught.is_err());
            };
            raise();
            keeps_the_guard(|| deep(depth, &mut || raise()));
            let outer = keeps_the_guard(|| {
                catch_unwind(|| {
                    deep(depth, &mut || {
                        raise();
                        resume_unwind(Box::new(3_u8));
                    })
                })
            });
            assert!(outer.is_err());
        }
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
