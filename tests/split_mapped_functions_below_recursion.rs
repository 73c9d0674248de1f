//! Mapped functions are called deep in the recursion of a closure, call back into recursion, and so on: each of the stacks grows,
//! and all results and panics arrive.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/quiet.rs"]
mod quiet;

use common::{caps, debug_mode};
use fresh::{DEEP, caught_with, task_with};
use morestack::sched::{Scheduler, yield_now};
use quiet::{Expected, number, quiet};
use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/panics.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        /// Descends n frames.
        fn count(n: u64) -> u64 = "deep.count";
        /// Calls the export below so many mapped frames; its result plus 1.
        fn below(depth: u64, n: u64, end: u64, unused: u64) -> u64 = "panics.below";
    }
}

thread_local! {
    static DROPS: Cell<u64> = const { Cell::new(0) };
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
        // Mapped code and growth in a destructor, be there a panic or not.
        assert_eq!(count(20), 20);
    }
}

/// What is done at the last level.
const RETURNS: u64 = 0;
const PANICS: u64 = 1;

morestack::mapped_export! {
    #[unsafe(export_name = "panics.rust")]
    fn panics_rust(n: u64, end: u64, unused: u64) -> u64 {
        assert_eq!(unused, 77);
        recurse(n % 17 * 5, n, end)
    }
}

/// Rust frames, then mapped ones, then the next level.
#[inline(never)]
fn recurse(frames: u64, levels: u64, end: u64) -> u64 {
    let _guard = Guard;
    let local = black_box([frames ^ levels; 7]);
    let result = match (frames, levels) {
        (0, 0) if end == PANICS => panic_any(Expected(3)),
        (0, 0) => 0,
        (0, _) if levels.is_multiple_of(3) => {
            // By way of std.
            struct Next(u64, u64);
            impl fmt::Display for Next {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{:>30}", below(self.0 % 40, self.0 - 1, self.1, 77) - 1)
                }
            }
            format!("{}", Next(levels, end)).trim_start().parse::<u64>().unwrap() + 1
        }
        (0, _) => below(levels % 40, levels - 1, end, 77),
        _ => recurse(frames - 1, levels, end),
    };
    if levels.is_multiple_of(50) && frames == 0 {
        yield_now();
        assert_eq!(count(caps::often(2000) as u64), caps::often(2000) as u64);
    }
    assert_eq!(black_box(local), [frames ^ levels; 7]);
    result
}

fn guards(levels: u64) -> u64 {
    (0..levels).map(|n| n % 17 * 5 + 1).sum::<u64>() + 1
}

/// Levels, capped where each check moves the whole stack.
fn levels() -> impl Iterator<Item = u64> {
    [0, 1, 4, 60, 400].into_iter().map(capped)
}

fn capped(levels: u64) -> u64 {
    if debug_mode("move") { levels.min(8) } else { levels }
}

#[test]
fn and_return() {
    for levels in levels() {
        DROPS.set(0);
        assert_eq!(task_with(DEEP, move || recurse(0, levels, RETURNS)), levels);
        assert_eq!(DROPS.get(), guards(levels));
    }
}

#[test]
fn and_panic() {
    quiet(&[]);
    for levels in levels() {
        DROPS.set(0);
        let caught = caught_with(DEEP, move || recurse(0, levels, PANICS));
        assert_eq!((number(caught.unwrap_err()), DROPS.get()), (3, guards(levels)));
        // Caught in the middle, and on.
        let again = task_with(DEEP, move || {
            fresh::below(30, &mut || {
                let caught = catch_unwind(AssertUnwindSafe(|| recurse(10, levels, PANICS)));
                number(caught.unwrap_err()) + recurse(10, levels, RETURNS) + count(100)
            })
        });
        assert_eq!(again, 103 + levels);
    }
}

#[test]
fn in_many_tasks_that_take_turns() {
    let scheduler = Scheduler::new();
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let levels = capped(i * 2);
            let run = move || recurse(i % 9, levels, RETURNS) - levels;
            scheduler.builder().stack_size(DEEP >> 4).spawn(run).unwrap()
        })
        .collect();
    for task in tasks {
        assert_eq!(task.join_or_resume(), 0);
    }
}
