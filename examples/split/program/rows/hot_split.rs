//! A leaf in a loop, at many depths: where a stack is linked piece by piece, some depth puts the boundary between the loop
//! and the leaf, and each call pays for it. The figure is what the worst depth costs beyond the middle one.
//!
//! The frames cannot be moved, because the program has pointers into them: so the stack does not grow by copying, which
//! would put an end to this.

use crate::program::measure::{line, nanos};
use morestack::{stack, thread};
use std::hint::black_box;
use std::mem::MaybeUninit;

/// With frames of 64 bytes or more: past the first two boundaries, in steps of a fraction of the leaf's frame.
const DEPTHS: usize = 96;
const CALLS: usize = 20_000;
const SAMPLES: usize = 3;

/// A leaf with a frame of some 500 bytes.
#[inline(never)]
fn leaf(n: usize) -> usize {
    // Not filled: that would be a call.
    let mut a = [MaybeUninit::uninit(); 60];
    a[n & 31].write(n);
    let a = black_box(&mut a);
    // SAFETY: it has just been written.
    unsafe { a[n & 31].assume_init() }
}

/// Nanoseconds per call of the leaf below so many frames, and segments that were handed out meanwhile.
#[inline(never)]
fn at_depth(depth: usize) -> (f64, u64) {
    let mut a = [0; 4];
    a[depth & 3] = depth;
    let a = black_box(&mut a);
    let result = if depth > 0 { at_depth(depth - 1) } else { the_loop() };
    // Keeps the frame until the call returns.
    black_box(a[depth & 3]);
    result
}

#[inline(never)]
fn the_loop() -> (f64, u64) {
    let sample = || {
        nanos(|| {
            for i in 0..CALLS {
                black_box(leaf(i));
            }
        })
    };
    // The first one may link the segment that the others find.
    sample();
    let before = segments();
    let best = (0..SAMPLES).map(|_| sample()).fold(f64::INFINITY, f64::min);
    (best / CALLS as f64, segments() - before)
}

/// Segments handed out so far.
fn segments() -> u64 {
    stack::stats().allocs.iter().sum()
}

pub fn run() {
    let depth = |depth| thread::spawn(move || at_depth(depth)).join().expect("a loop");
    let mut samples: Vec<(f64, u64)> = (0..DEPTHS).map(depth).collect();
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (middle, (worst, _)) = (samples[DEPTHS / 2].0, samples[DEPTHS - 1]);
    line("hot_split", worst - middle, "ns");
    line("hot_split_median", middle, "ns");
    line("hot_split_segments", samples.iter().map(|sample| sample.1).max().unwrap_or(0) as f64, "segments");
}
