//! Waiting: for an unpark, or for a time. In a task these switch to another one; on an OS thread they are std's.

use crate::sched::{self, wait};
use std::thread as os;
use std::time::{Duration, Instant};

/// Whether a task runs here, and not an OS thread outside tasks.
fn in_task() -> bool {
    sched::current_task().is_some()
}

/// Waits for an [`unpark`](super::Thread::unpark) of this task, or OS thread; returns at once if there has been one since the
/// last park. All that was done before any of these unparks is visible then.
///
/// In a task it does not return without a reason; on an OS thread it may, as std's.
///
/// ```
/// use morestack::thread;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static READY: AtomicBool = AtomicBool::new(false);
///
/// let waiting = thread::spawn(|| {
///     while !READY.load(Ordering::Acquire) {
///         thread::park();
///     }
/// });
/// READY.store(true, Ordering::Release);
/// waiting.thread().unpark();
/// waiting.join().unwrap();
/// ```
pub fn park() {
    sched::park();
}

/// As [`park`], for `dur` at most. Which of both ended it is not told.
pub fn park_timeout(dur: Duration) {
    if !in_task() {
        return os::park_timeout(dur);
    }
    match Instant::now().checked_add(dur) {
        Some(deadline) => sched::park_until(deadline),
        // Later than any time there is.
        None => sched::park(),
    }
}

/// Waits for `dur` at least; for none at all it returns at once. An [`unpark`](super::Thread::unpark) does not end it.
///
/// Costs a timer of the worker: a million tasks may sleep.
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
pub fn sleep(dur: Duration) {
    if !in_task() {
        return os::sleep(dur);
    }
    if dur.is_zero() {
        return;
    }
    match Instant::now().checked_add(dur) {
        Some(deadline) => while !wait::wait_until(deadline) {},
        // Later than any time there is. Only a shutdown of the runtime ends it.
        None => loop {
            wait::wait();
        },
    }
}

/// Waits until `deadline` at least; returns at once if that has passed. Otherwise as [`sleep`].
pub fn sleep_until(deadline: Instant) {
    if !in_task() {
        os::sleep(deadline.saturating_duration_since(Instant::now()));
    } else if Instant::now() < deadline {
        while !wait::wait_until(deadline) {}
    }
}
