//! A fresh task recurses a million frames deep in ordinary Rust and computes what an arithmetic formula says: directly, through
//! pointers and vtables, across generic instances, with small frames and large ones, once and again.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::{DEEP, depth, task_with};
use std::hint::black_box;

const MILLION: usize = 1_000_000;

fn triangle(n: usize) -> u64 {
    (n as u64) * (n as u64 + 1) / 2
}

#[inline(never)]
fn sum(n: u64) -> u64 {
    let here = black_box(n);
    if n == 0 { 0 } else { black_box(sum(n - 1)) + here }
}

#[test]
fn that_return_sums() {
    for n in [10, 100, 1000, 100_000, MILLION].map(depth) {
        assert_eq!(task_with(DEEP, move || sum(n as u64)), triangle(n));
    }
}

#[inline(never)]
fn through_pointer(n: u64) -> u64 {
    type Function = fn(u64) -> u64;
    if n == 0 { 0 } else { black_box(through_pointer as Function)(n - 1) + n }
}

#[test]
fn through_a_function_pointer() {
    let n = depth(MILLION);
    assert_eq!(task_with(DEEP, move || through_pointer(n as u64)), triangle(n));
}

trait Step {
    fn step(&self, other: &dyn Step, n: u64) -> u64;
}

/// Two types whose methods take turns.
struct Odd(u64);
struct Even;

impl Step for Odd {
    #[inline(never)]
    fn step(&self, other: &dyn Step, n: u64) -> u64 {
        if n == 0 { self.0 } else { black_box(other).step(self, n - 1) + n }
    }
}

impl Step for Even {
    #[inline(never)]
    fn step(&self, other: &dyn Step, n: u64) -> u64 {
        let local = black_box([n; 3]);
        if n == 0 { 0 } else { black_box(other).step(self, n - 1) + local[2] }
    }
}

#[test]
fn through_vtables() {
    let n = depth(MILLION);
    assert_eq!(task_with(DEEP, move || Odd(0).step(&Even, n as u64)), triangle(n));
}

/// One instance for each width, which call each other in turn.
#[inline(never)]
fn turns<const WIDTH: usize>(n: u64) -> u64 {
    let local = black_box([n; WIDTH]);
    if n == 0 {
        return 0;
    }
    let below = match n % 4 {
        0 => turns::<1>(n - 1),
        1 => turns::<5>(n - 1),
        2 => turns::<18>(n - 1),
        _ => turns::<33>(n - 1),
    };
    black_box(below) + local[WIDTH - 1]
}

#[test]
fn across_instances_of_a_generic() {
    let n = depth(MILLION);
    assert_eq!(task_with(DEEP, move || turns::<1>(n as u64)), triangle(n));
}

#[test]
fn through_closures() {
    type Deeper<'a> = &'a dyn Fn(u64) -> u64;
    fn call(f: &dyn Fn(Deeper<'_>, u64) -> u64, n: u64) -> u64 {
        if n == 0 { 0 } else { f(&|below| call(f, below), n) }
    }
    // Three functions a level.
    let n = depth(MILLION / 3);
    assert_eq!(task_with(DEEP, move || call(&|below, n| below(n - 1) + n, n as u64)), triangle(n));
}

/// Frames of `WORDS` words, all of which must be what they were.
#[inline(never)]
fn wide<const WORDS: usize>(n: u64) -> u64 {
    let local = black_box([n; WORDS]);
    let below = if n == 0 { 0 } else { black_box(wide::<WORDS>(n - 1)) };
    assert!(black_box(&local).iter().all(|word| *word == n));
    below + n
}

#[test]
fn of_larger_sizes() {
    for (function, bytes) in [
        (wide::<8> as fn(u64) -> u64, 64),
        (wide::<32>, 256),
        (wide::<128>, 1024),
        (wide::<512>, 4096),
        (wide::<8192>, 65_536),
    ] {
        // 128 MB of them.
        let n = depth(((128 << 20) / bytes).min(MILLION / 10));
        assert_eq!(task_with(DEEP, move || function(n as u64)), triangle(n), "frames of {bytes} bytes");
    }
}

/// Each way a stack may have been left: deep, shallow, deeper, in the middle of a descent.
#[test]
fn again_and_again() {
    let n = depth(100_000) as u64;
    let total = task_with(DEEP, move || {
        let mut total = 0;
        for round in 0..40 {
            let deep = [n, 10, 1000, n / 2, 100, n / 3][round % 6];
            total += sum(deep) - triangle(deep as usize);
        }
        // From many places, so that each descent begins on another stack.
        fn from(frames: u64, n: u64) -> u64 {
            let here = if frames.is_multiple_of(16) { sum(n) - triangle(n as usize) } else { 0 };
            if frames == 0 { here } else { black_box(from(frames - 1, n)) + here }
        }
        total + from(1000, 1000)
    });
    assert_eq!(total, 0);
}

/// A call in a loop at the edge of the stack, for each place of the edge: what a link or a copy leaves must serve the next call.
#[test]
fn back_and_forth_over_the_edge() {
    for frames in 0..60 {
        let total = task_with(DEEP, move || fresh::below(frames, &mut || (0..200).map(|n| sum(n % 5)).sum::<u64>()));
        assert_eq!(total, 40 * (1 + 3 + 6 + 10));
    }
}
