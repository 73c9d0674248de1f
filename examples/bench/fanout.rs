//! Work for the processor, split over tasks: what more workers are for.

use crate::report::{line, nanos, repeat};
use morestack::thread;
use std::hint::black_box;
use std::time::Instant;

/// Many more than workers, so that they can be spread evenly.
const TASKS: u64 = 64;
/// A few milliseconds each: long beside a spawn and a steal.
const STEPS: u64 = 1_500_000;

/// A chain of dependent operations, which no compiler and no processor shortens.
fn work(seed: u64) -> u64 {
    (0..STEPS).fold(black_box(seed), |x, _| {
        let x = x ^ (x << 13);
        let x = x ^ (x >> 7);
        x ^ (x << 17)
    })
}

pub fn run() {
    // Giving way in between, or the monitor rightly reports the worker as stuck.
    let expected: u64 = (1..=TASKS).fold(0, |sum, seed| {
        thread::yield_now();
        sum ^ work(seed)
    });
    let total = repeat(9, || {
        let begin = Instant::now();
        let tasks: Vec<_> = (1..=TASKS).map(|seed| thread::spawn(move || work(seed))).collect();
        let sum = tasks.into_iter().fold(0, |sum, task| sum ^ task.join().expect("a working task"));
        assert_eq!(sum, expected, "the tasks have done the work");
        nanos(begin)
    });
    line(&format!("fanout_{TASKS}"), total, "ns");
}
