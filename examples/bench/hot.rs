//! A leaf in a loop, at 96 depths: where stacks are linked piece by piece, some depth puts the boundary between the loop and
//! the leaf, and each call pays for it.

use crate::frames::leaf2k;
use crate::report::{line, median, nanos};
use morestack::thread;
use std::hint::black_box;
use std::time::Instant;

const DEPTHS: usize = 96;
const CALLS: usize = 100_000;

/// Nanoseconds per call of the leaf below so many frames.
#[inline(never)]
fn at_depth(depth: usize) -> f64 {
    if depth > 0 {
        let mut a = [0; 4];
        a[depth & 3] = depth;
        let a = black_box(&mut a);
        let result = at_depth(depth - 1);
        // Keeps the frame until the call returns.
        black_box(a[depth & 3]);
        return result;
    }
    let begin = Instant::now();
    let mut sum = 0;
    for i in 0..CALLS {
        sum += leaf2k(i);
    }
    black_box(sum);
    nanos(begin) / CALLS as f64
}

pub fn run() {
    let mut samples: Vec<f64> =
        (0..DEPTHS).map(|depth| thread::spawn(move || at_depth(depth)).join().expect("a loop")).collect();
    let middle = median(&mut samples);
    line("hotsplit_best", samples[0], "ns/call");
    line("hotsplit_median", middle, "ns/call");
    line("hotsplit_worst", samples[DEPTHS - 1], "ns/call");
}
