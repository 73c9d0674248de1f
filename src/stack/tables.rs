//! Containers for what is known of stack memory. None of them uses the global allocator.
//!
//! In a split build a check may fail in the middle of that allocator, which is ordinary Rust and perhaps holds a lock of its own; and
//! what a failed check leads to takes stack memory.

use allocator_api2::alloc::System;
use allocator_api2::vec::Vec;

pub(super) use allocator_api2::collections::TryReserveError;

/// As std's `Vec`, with memory from libc's `malloc`. No check fails in there.
pub(super) type List<T> = Vec<T, System>;

/// An empty one.
pub(super) const fn list<T>() -> List<T> {
    Vec::new_in(System)
}

/// The last `N` that were put in.
pub(super) struct Quarantine<T, const N: usize> {
    items: [Option<T>; N],
    /// The oldest, or the first that is free.
    next: usize,
}

impl<T: Copy, const N: usize> Quarantine<T, N> {
    pub(super) const fn new() -> Self {
        Quarantine { items: [None; N], next: 0 }
    }

    /// Puts one in, and takes out the oldest if it is full.
    pub(super) fn exchange(&mut self, item: T) -> Option<T> {
        let oldest = self.items[self.next].replace(item);
        self.next = (self.next + 1) % N;
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_gives_back_the_oldest() {
        let mut quarantine = Quarantine::<usize, 3>::new();
        let out: [_; 8] = std::array::from_fn(|item| quarantine.exchange(item));
        assert_eq!(out, [None, None, None, Some(0), Some(1), Some(2), Some(3), Some(4)]);
    }
}
