//! Waiting for something that a mutex protects.

use super::mutex::MutexGuard;
use super::raw_mutex::RawMutex;
use super::waiters::{Wait, Waiters};
use super::{LockResult, PoisonError};
use crate::sched::on::{On, WaitsFor};
use crate::sched::wait::Uncancellable;
use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// A condition: something about the value of a [`Mutex`](super::Mutex) for which tasks and OS threads wait. As
/// [`std::sync::Condvar`].
///
/// A wait gives the mutex back, and has it again when it ends, in whatever way: also when it is interrupted, by a
/// [`timeout`](crate::time::timeout) around it or because the runtime is shut down. To take the mutex again is not interrupted. A
/// wait may end without a notification, so look at the condition again, or use [`wait_while`](Self::wait_while).
///
/// Those who wait are notified in the order in which they came; a notification of one that is interrupted in the same moment goes to
/// the next. A wait does not allocate. A notification costs a load if nobody waits. A condition may be used with several mutexes
/// at once.
///
/// ```
/// use morestack::{sync::{Arc, Condvar, Mutex}, thread};
///
/// let pair = Arc::new((Mutex::new(false), Condvar::new()));
/// let task = thread::spawn({
///     let pair = pair.clone();
///     move || {
///         *pair.0.lock().unwrap() = true;
///         pair.1.notify_one();
///     }
/// });
/// let ready = pair.1.wait_while(pair.0.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*ready);
/// # drop(ready);
/// # task.join().unwrap();
/// ```
pub struct Condvar {
    waiters: Waiters,
}

impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

/// Whether a wait of a [`Condvar`] with a time limit has ended because of that. As [`std::sync::WaitTimeoutResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up. If not, there was a notification, or no reason.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Condvar {
        Condvar { waiters: Waiters::new() }
    }

    /// Gives the mutex back, waits for a notification, and takes the mutex again.
    ///
    /// # Errors
    /// The mutex is poisoned then. The guard is in the error.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard.raw(), None);
        guard.check()
    }

    /// Waits as long as the condition holds. It is looked at with the mutex locked, first of all too.
    ///
    /// # Errors
    /// As of [`wait`](Self::wait).
    pub fn wait_while<'a, T, F>(&self, mut guard: MutexGuard<'a, T>, mut condition: F) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As [`wait`](Self::wait), for so long at most. A duration past the end of the clock is no limit.
    ///
    /// # Errors
    /// As of [`wait`](Self::wait); the result is there, too.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        duration: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let told = self.wait_until(guard.raw(), Instant::now().checked_add(duration));
        with_result(guard.check(), WaitTimeoutResult(!told))
    }

    /// As [`wait_while`](Self::wait_while), for so long at most, in all. The result says that the time was up if the condition
    /// still held then.
    ///
    /// # Errors
    /// As of [`wait`](Self::wait); the result is there, too.
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        duration: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let deadline = Instant::now().checked_add(duration);
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            let told = self.wait_until(guard.raw(), deadline);
            guard = with_result(guard.check(), WaitTimeoutResult(!told))?.0;
        }
    }

    /// Ends the wait that began first, if there is one.
    #[inline]
    pub fn notify_one(&self) {
        if self.waiters.any() {
            self.waiters.tell_one();
        }
    }

    /// Ends all waits that have begun.
    #[inline]
    pub fn notify_all(&self) {
        if self.waiters.any() {
            self.waiters.tell_all();
        }
    }

    /// Waits without the mutex, which the caller has before and after. Whether there was a notification.
    fn wait_until(&self, mutex: &RawMutex, deadline: Option<Instant>) -> bool {
        let released = Released { mutex, relock: Cell::new(false) };
        self.waiters.wait(On::new(WaitsFor::Condvar, self), deadline, &released)
    }
}

/// The mutex that a wait gives back, and takes again however it ends: in its drop, which comes when the wait has left the list.
struct Released<'a> {
    mutex: &'a RawMutex,
    relock: Cell<bool>,
}

impl Wait for Released<'_> {
    fn begin(&self, _: usize) -> bool {
        true
    }

    fn queued(&self) {
        self.relock.set(true);
        self.mutex.unlock();
    }
}

impl Drop for Released<'_> {
    fn drop(&mut self) {
        if self.relock.get() {
            // The caller has a guard, so there is no going on without.
            let _not_now = Uncancellable::new();
            self.mutex.lock();
        }
    }
}

fn with_result<G>(guard: LockResult<G>, result: WaitTimeoutResult) -> LockResult<(G, WaitTimeoutResult)> {
    match guard {
        Ok(guard) => Ok((guard, result)),
        Err(error) => Err(PoisonError::new((error.into_inner(), result))),
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
