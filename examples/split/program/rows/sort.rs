//! Sorts with closures, stable and unstable.

use crate::program::measure::{numbers, row};
use std::hint::black_box;

const ITEMS: usize = 50_000;

pub fn run() {
    let items: Vec<(u64, u32)> = numbers().map(|n| (n, n as u32 % 1000)).take(ITEMS).collect();
    row("sort", 2 * ITEMS, || {
        let mut stable = items.clone();
        stable.sort_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
        let mut unstable = items.clone();
        unstable.sort_unstable_by_key(|item| std::cmp::Reverse(item.0));
        black_box((stable, unstable));
    });
}
