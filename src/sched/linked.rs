//! Under the debug modes: where the nodes of all queues are, so that a move can be checked to have left none behind.
//!
//! It interrupts what it looks at, on this thread and on others: so it is a table of words, with neither a lock nor the allocator.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Nodes and turns that are kept; more than a test has tasks that wait at a time. What finds no room is not checked.
const PLACES: usize = 1 << 12;

/// Places that are tried for one.
const TRIES: usize = 32;

static TABLE: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

/// How many are kept: where tasks only move there are none, and nothing to look through.
static KEPT: AtomicUsize = AtomicUsize::new(0);

fn places(address: usize) -> impl Iterator<Item = &'static AtomicUsize> {
    // Frames lie at multiples of powers of two: a multiplication spreads them (Knuth's).
    let first = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (0..TRIES).map(move |i| &TABLE[(first + i) % PLACES])
}

/// From now on something refers to what is there.
pub(super) fn add(address: usize) {
    KEPT.fetch_add(1, Relaxed);
    if !places(address).any(|place| place.compare_exchange(0, address, Relaxed, Relaxed).is_ok()) {
        KEPT.fetch_sub(1, Relaxed);
    }
}

/// Takes back one [`add`].
pub(super) fn remove(address: usize) {
    if places(address).any(|place| place.compare_exchange(address, 0, Relaxed, Relaxed).is_ok()) {
        KEPT.fetch_sub(1, Relaxed);
    }
}

/// Something in this range that others refer to.
#[allow(dead_code, reason = "the models of queues have no stacks that move")]
pub(crate) fn any_in(range: &Range<usize>) -> Option<usize> {
    if KEPT.load(Relaxed) == 0 {
        return None;
    }
    TABLE.iter().map(|place| place.load(Relaxed)).find(|address| range.contains(address))
}
