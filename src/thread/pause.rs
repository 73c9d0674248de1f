//! Waiting: for an unpark, or for a time. In a task these switch to another one; on an OS thread they are std's.

use crate::sched;
use std::time::{Duration, Instant};

pub use crate::sched::sleep::{sleep, sleep_until};

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
    match Instant::now().checked_add(dur) {
        Some(deadline) => sched::park_until(deadline),
        // Later than any time there is.
        None => sched::park(),
    }
}
