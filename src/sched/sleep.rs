//! Sleeping, which `thread` and `time` both offer.

use super::on::{On, WaitsFor};
use super::wait;
use std::time::{Duration, Instant};

const TIME: On = On::any(WaitsFor::Time);

/// Waits for at least `duration`; a task lets others run meanwhile, an OS thread blocks. An unpark does not end it.
///
/// Never shorter; longer by some 0.1 ms if the worker is idle, and by as long as other tasks of the worker run without
/// giving way. A sleep of no time returns at once. A duration past the end of the clock is for ever. Costs a timer of the
/// worker: a million tasks may sleep.
///
/// ```
/// use morestack::thread;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let sleeper = || thread::sleep(Duration::from_millis(20));
/// let sleepers: Vec<_> = (0..100).map(|_| thread::spawn(sleeper)).collect();
/// sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
/// assert!(start.elapsed() >= Duration::from_millis(20));
/// ```
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        return;
    }
    match Instant::now().checked_add(duration) {
        Some(deadline) => sleep_until(deadline),
        None => loop {
            wait::wait(TIME);
        },
    }
}

/// Waits until `deadline`, see [`sleep`]. If that has passed, a task gives way, as with [`yield_now`](super::yield_now).
pub fn sleep_until(deadline: Instant) {
    while !wait::wait_until(TIME, deadline) {}
}
