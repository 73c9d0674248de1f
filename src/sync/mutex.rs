//! A lock for one at a time.

use super::poison::{Before, Flag};
use super::raw_mutex::RawMutex;
use super::{LockResult, TryLockError, TryLockResult};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A value that one task or OS thread at a time may use. As [`std::sync::Mutex`], but who waits lets other tasks run, and the lock
/// may be held across anything that waits.
///
/// Taking a free lock and giving it back costs one atomic exchange each. A lock that is taken is waited for without allocating.
/// Who comes may take a lock that is free although others wait, but one that was woken and came too late gets it next: nobody
/// starves.
///
/// To lock it once more while holding it is a wait for ever, as long as nothing interrupts it.
///
/// ```
/// use morestack::{sync::{Arc, Mutex}, thread};
///
/// let sum = Arc::new(Mutex::new(0));
/// let tasks: Vec<_> = (1..=10)
///     .map(|i| {
///         let sum = sum.clone();
///         thread::spawn(move || *sum.lock().unwrap() += i)
///     })
///     .collect();
/// tasks.into_iter().for_each(|task| task.join().unwrap());
/// assert_eq!(*sum.lock().unwrap(), 55);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    poison: Flag,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with it.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: one at a time gets at the value, so that is as if it were sent to each.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// The right to use the value of a [`Mutex`]. Gives the lock back when it is dropped, which is where it was taken:
///
/// ```compile_fail,E0277
/// fn send(_: impl Send) {}
/// send(morestack::sync::Mutex::new(()).lock().unwrap());
/// ```
#[must_use = "the lock is given back at once if this is not kept"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    mutex: &'a Mutex<T>,
    before: Before,
    /// It is the task's, or the thread's, that made it.
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard is a shared value.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// With this value, and free.
    #[inline]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: RawMutex::new(), poison: Flag::new(), value: UnsafeCell::new(value) }
    }

    /// The value. Nobody has the lock, as nobody else has the mutex.
    ///
    /// # Errors
    /// It is poisoned; the value is in the error.
    pub fn into_inner(self) -> LockResult<T> {
        let value = self.value.into_inner();
        self.poison.check(value)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free, and takes it.
    ///
    /// # Errors
    /// A holder has panicked. The guard is in the error.
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        self.guard()
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// [`WouldBlock`](TryLockError::WouldBlock) if it is not; [`Poisoned`](TryLockError::Poisoned), with the guard, if a holder
    /// has panicked.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.raw.try_lock() { Ok(self.guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// Whether a holder has panicked. It may be out of date at once, unless the caller holds the lock.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// The value is in order: later lockers get it without an error.
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, without locking: nobody else has the mutex.
    ///
    /// # Errors
    /// It is poisoned; the value is in the error.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let value = self.value.get_mut();
        self.poison.check(value)
    }

    /// For who has the lock.
    #[inline]
    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        self.poison.check(MutexGuard { mutex: self, before: self.poison.before(), not_send: PhantomData })
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// What a condition gives back while it waits, and takes again.
    pub(super) fn raw(&self) -> &'a RawMutex {
        &self.mutex.raw
    }

    /// Looks again whether the mutex is poisoned: others have had it.
    pub(super) fn check(self) -> LockResult<Self> {
        let poison = &self.mutex.poison;
        poison.check(self)
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => out.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => out.field("data", &"<locked>"),
        };
        out.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the lock.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.poison.after(&self.before);
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
