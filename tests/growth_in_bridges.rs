//! A bridge whose frame does not fit makes room for it, in both directions, however the crossings are nested: arguments and
//! results arrive whole.

mod common;
#[path = "common/contexts.rs"]
mod contexts;

use common::caps;
use contexts::everywhere;
use morestack::sched::Scheduler;
use std::cell::Cell;

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/growth_in_bridges.s"))
);

/// As in the assembly.
const WIDE: usize = 64;
const LEVELS: u64 = 10;

morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
        fn wide(n: u64, words: [u64; WIDE]) -> u64 = "bridges.wide";
        fn reverse(words: [u64; WIDE]) -> [u64; WIDE] = "bridges.reverse";
    }
}

thread_local! {
    /// Frames to descend in each callback, before it calls on and after.
    static DESCENT: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
    static CALLBACKS: Cell<u64> = const { Cell::new(0) };
}

fn descend(which: usize) {
    let depth = DESCENT.get()[which];
    assert_eq!(count(depth), depth);
}

morestack::mapped_export! {
    #[unsafe(export_name = "bridges.wide_rust")]
    fn bridges_wide_rust(n: u64, words: [u64; WIDE]) -> u64 {
        CALLBACKS.set(CALLBACKS.get() + 1);
        assert_eq!(words, expected(LEVELS - n + 1), "words at level {n}");
        descend(0);
        let next = words.map(|word| word + 1);
        let sum = wide(n - 1, next);
        let reversed = reverse(next);
        assert!(reversed.iter().rev().eq(&next));
        descend(1);
        assert_eq!(words, expected(LEVELS - n + 1), "words at level {n} afterwards");
        sum
    }
}

/// The words that the callback of the given number gets.
fn expected(callback: u64) -> [u64; WIDE] {
    words().map(|word| word + 2 * callback - 1)
}

fn words() -> [u64; WIDE] {
    std::array::from_fn(|i| i as u64 * 1_000_003)
}

/// Level `i` sums words that are `2 * i` larger than the first.
fn total() -> u64 {
    let first: u64 = words().iter().sum();
    (0..=LEVELS).map(|level| first + 2 * level * WIDE as u64).sum()
}

fn with_descents(descents: [usize; 2]) {
    DESCENT.set(descents.map(|depth| caps::often(depth) as u64));
    CALLBACKS.set(0);
    assert_eq!(wide(LEVELS, words()), total());
    assert_eq!(CALLBACKS.get(), LEVELS);
}

#[test]
fn nested_ten_times() {
    everywhere(|| with_descents([0, 0]));
}

#[test]
fn with_growth_before_each_crossing() {
    everywhere(|| with_descents([300, 0]));
}

#[test]
fn with_growth_after_each_crossing() {
    everywhere(|| with_descents([0, 5_000]));
}

#[test]
fn with_growth_all_along() {
    everywhere(|| with_descents([1_000, 20_000]));
}

#[test]
fn for_the_very_first_call() {
    // On a fresh thread, and in a fresh task, the frame of 1 KB meets no segment or one of 2 KB.
    everywhere(|| assert!(reverse(words()).iter().rev().eq(&words())));
    let scheduler = Scheduler::new();
    let task = scheduler.spawn_mapped(reverse::function(), (words(),));
    assert!(task.join_or_resume().iter().rev().eq(&words()));
}

#[test]
fn of_a_mapped_task_itself() {
    let scheduler = Scheduler::new();
    CALLBACKS.set(0);
    DESCENT.set([100, 100]);
    let tasks: Vec<_> = (0..10).map(|_| scheduler.spawn_mapped(wide::function(), (LEVELS, words()))).collect();
    for task in tasks {
        assert_eq!(task.join_or_resume(), total());
    }
    assert_eq!(CALLBACKS.get(), 10 * LEVELS);
}
