//! Sleeping, which `thread` and `time` both offer.

use super::wait;
use std::time::{Duration, Instant};

/// Waits for at least `duration`; a task lets others run meanwhile, an OS thread blocks.
///
/// Never shorter; longer by some 0.1 ms if the worker is idle, and by as long as other tasks of the worker run without
/// giving way. In a task a sleep of no time gives way, as [`yield_now`](super::yield_now) does. A duration past the end of
/// the clock is for ever.
pub fn sleep(duration: Duration) {
    match Instant::now().checked_add(duration) {
        Some(deadline) => sleep_until(deadline),
        None => loop {
            wait::wait();
        },
    }
}

/// Waits until `deadline`, see [`sleep`].
pub fn sleep_until(deadline: Instant) {
    while !wait::wait_until(deadline) {}
}
