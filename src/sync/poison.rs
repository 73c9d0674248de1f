//! Poisoning: what a lock protects may be half changed, because who held the lock has panicked.
//!
//! As std does it, but for interruptions: a task that is unwound because it was cancelled or because a
//! [`timeout`](crate::time::timeout) is over has not failed, and poisons nothing.

use crate::sched::wait;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

/// Whether a lock is poisoned. Its lock orders what is read and written here.
pub(super) struct Flag(AtomicBool);

/// What a guard has to know for its drop.
pub(super) struct Before {
    panicking: bool,
}

impl Flag {
    pub(super) const fn new() -> Flag {
        Flag(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Relaxed);
    }

    /// To be asked when the lock is taken.
    #[inline]
    pub(super) fn before(&self) -> Before {
        Before { panicking: thread::panicking() }
    }

    /// To be told when a guard that allows changes is dropped.
    #[inline]
    pub(super) fn after(&self, before: &Before) {
        if !before.panicking && thread::panicking() {
            self.after_panic();
        }
    }

    #[cold]
    fn after_panic(&self) {
        if !wait::unwinding_by_interruption() {
            self.0.store(true, Relaxed);
        }
    }

    /// The value, or the error with the value in it.
    #[inline]
    pub(super) fn check<T>(&self, value: T) -> LockResult<T> {
        if self.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}
