//! Mapped code calls Rust, which calls mapped code, which grows the stack: ten levels deep, each level growing. The frames
//! of all levels move, and the pointers to their own locals that they hold are right afterwards.

mod common;
#[path = "common/contexts.rs"]
mod contexts;

use common::caps;
use contexts::everywhere;
use morestack::sched::{Scheduler, yield_now};
use morestack::stack::grow::set_move_hook;
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
    /// Moves of segments on this thread, and levels at which the segment has grown.
    static MOVES: Cell<u64> = const { Cell::new(0) };
    static GROWN: Cell<u64> = const { Cell::new(0) };
}

fn count_moves() {
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(Some(|_| MOVES.set(MOVES.get() + 1))) };
}

morestack::mapped_export! {
    #[unsafe(export_name = "crossings.rust")]
    fn crossings_rust(n: u64, k: u64) -> (u64, u64) {
        let here = [n ^ k; 32];
        // The first takes 2 KB, so the stack grows to 4 KB; each one takes twice as much as the one before, so each one grows.
        let frames = caps::often(64 << (LEVELS - n)) as u64;
        let before = MOVES.get();
        assert_eq!(count(frames), frames);
        GROWN.set(GROWN.get() + u64::from(MOVES.get() > before));
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

/// Calls `levels` that must grow the stack at each of their crossings, and checks their sums. (That a frame has another
/// address at the end than at first proves less: a much larger segment may end where a small one did.)
fn check(calls: u64, levels: impl FnOnce()) {
    count_moves();
    let before = GROWN.get();
    levels();
    assert_eq!(GROWN.get() - before, calls * LEVELS, "levels that have grown");
}

#[test]
fn from_everywhere() {
    everywhere(|| {
        check(1, || assert_eq!(level(LEVELS, 3).0, sum(3)));
        // Now the segment is large enough: nothing grows, unless a mode moves it.
        assert_eq!(level(LEVELS, 4).0, sum(4));
    });
}

#[test]
fn in_fresh_tasks() {
    let scheduler = Scheduler::new();
    check(1, || assert_eq!(scheduler.spawn(|| level(LEVELS, 5)).join_or_resume().0, sum(5)));
    check(1, || assert_eq!(scheduler.spawn_mapped(level::function(), (LEVELS, 6)).join_or_resume().0, sum(6)));
}

#[test]
fn while_other_tasks_do_the_same() {
    let scheduler = Scheduler::new();
    YIELDS.set(true);
    check(20, || {
        let mapped: Vec<_> = (0..10).map(|k| scheduler.spawn_mapped(level::function(), (LEVELS, k))).collect();
        let rust: Vec<_> = (0..10).map(|k| scheduler.spawn(move || level(LEVELS, k))).collect();
        for (k, (mapped, rust)) in (0..).zip(mapped.into_iter().zip(rust)) {
            assert_eq!(mapped.join_or_resume().0, sum(k));
            assert_eq!(rust.join_or_resume().0, sum(k));
        }
    });
    YIELDS.set(false);
}
