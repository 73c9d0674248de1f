//! A recursion that does nothing else: a check for a few additions.
//!
//! Where its code happens to lie makes a difference of a fifth, more than the check does. So there are several copies, which
//! lie differently, and the figure is their mean.

use crate::program::measure::{best, line};
use std::hint::black_box;

const N: u64 = 36;
/// Calls that `fib(36)` makes: twice the next of Fibonacci's numbers, less one.
const CALLS: usize = 48_315_633;

/// Fibonacci's numbers, and `COPY` more for each call at the bottom, so that no two copies are the same.
#[inline(never)]
pub fn fib<const COPY: u64>(n: u64) -> u64 {
    if n < 2 { n + COPY } else { fib::<COPY>(n - 1) + fib::<COPY>(n - 2) }
}

const COPIES: [fn(u64) -> u64; 8] = [fib::<1>, fib::<2>, fib::<3>, fib::<4>, fib::<5>, fib::<6>, fib::<7>, fib::<8>];

pub fn run() {
    let each = COPIES.map(|fib| best(CALLS, || _ = black_box(fib(black_box(N)))));
    line("fib", each.iter().sum::<f64>() / each.len() as f64, "ns");
}
