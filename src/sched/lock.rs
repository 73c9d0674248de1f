//! The lock over a list of those who wait: held for a few instructions, and never across a wait or anybody's code.
//!
//! Not std's `Mutex`: giving that back is a second read-modify-write, because somebody may sleep on it. Where a whole hand-over from
//! task to task takes 40 ns, that is 5 of them, for each lock on its way. Here nobody sleeps. Who finds it taken tries
//! again for as long as the holder can be expected to need, and then gives its processor away, because the holder may have lost its
//! own.

use super::sync::{Acquire, AtomicBool, Relaxed, Release, const_fn, pause};
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

/// See the module.
pub(crate) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one thread at a time, and what one wrote is visible to the next.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    const_fn! {
        /// Free.
        pub(crate) fn new(value: T) -> Lock<T> {
            Lock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }
    }

    /// Waits, without leaving the processor to other tasks, until the lock is free, and takes it.
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        if !self.try_take() {
            self.contended();
        }
        Guard(self)
    }

    /// Not a swap, which would store also where it changes nothing.
    #[inline]
    fn try_take(&self) -> bool {
        self.taken.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    #[cold]
    fn contended(&self) {
        let mut tries = 0;
        loop {
            // An attempt that fails takes the cache line away from the holder, so time passes between them, and more after each.
            pause(&mut tries);
            if self.try_take() {
                return;
            }
        }
    }
}

/// While it lives, the lock is the caller's.
pub(crate) struct Guard<'a, T>(&'a Lock<T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: whoever holds the lock is alone with the value.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Release);
    }
}
