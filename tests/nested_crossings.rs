//! Mapped code calls Rust, which calls mapped code, which grows the stack: ten levels deep, each level growing. The frames
//! of all levels move, and the pointers to their own locals that they hold are right afterwards.

mod common;
#[path = "common/contexts.rs"]
mod contexts;

use common::{caps, debug_mode};
use contexts::everywhere;
use morestack::sched::{Scheduler, yield_now};
use std::cell::Cell;

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/nested_crossings.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
        fn level(n: u64, k: u64) -> (u64, u64) = "crossings.level";
    }
}

const LEVELS: u64 = 10;

thread_local! {
    static YIELDS: Cell<bool> = const { Cell::new(false) };
}

morestack::mapped_export! {
    fn "crossings.rust"(n: u64, k: u64) -> (u64, u64) {
        let here = [n ^ k; 32];
        // The first takes 2 KB, so the stack grows to 4 KB; each one takes twice as much as the one before, so each one grows.
        let frames = caps::often(64 << (LEVELS - n)) as u64;
        assert_eq!(count(frames), frames);
        if YIELDS.get() {
            yield_now();
        }
        let results = level(n - 1, k);
        assert_eq!(std::hint::black_box(here), [n ^ k; 32]);
        results
    }
}

fn sum(k: u64) -> u64 {
    (0..=LEVELS).map(|n| 1000 * n + k).sum()
}

/// All frames but the innermost have moved. Under `move`, a frame may have come back to where it began.
fn check((sum_found, moved): (u64, u64), k: u64) {
    assert_eq!(sum_found, sum(k));
    if !debug_mode("move") {
        assert_eq!(moved, LEVELS);
    }
}

#[test]
fn from_everywhere() {
    everywhere(|| {
        check(level(LEVELS, 3), 3);
        // Now the segment is large enough: nothing grows, unless a mode moves it.
        assert_eq!(level(LEVELS, 4).0, sum(4));
    });
}

#[test]
fn in_fresh_tasks() {
    let scheduler = Scheduler::new();
    check(scheduler.spawn(|| level(LEVELS, 5)).join_or_resume(), 5);
    check(scheduler.spawn_mapped(level::function(), (LEVELS, 6)).join_or_resume(), 6);
}

#[test]
fn while_other_tasks_do_the_same() {
    let scheduler = Scheduler::new();
    YIELDS.set(true);
    let mapped: Vec<_> = (0..10).map(|k| scheduler.spawn_mapped(level::function(), (LEVELS, k))).collect();
    let rust: Vec<_> = (0..10).map(|k| scheduler.spawn(move || level(LEVELS, k))).collect();
    for (k, (mapped, rust)) in (0..).zip(mapped.into_iter().zip(rust)) {
        check(mapped.join_or_resume(), k);
        check(rust.join_or_resume(), k);
    }
    YIELDS.set(false);
}
