//! A lock for one who writes, or many who read.

use super::poison::{Before, Flag};
use super::raw_rwlock::RawRwLock;
use super::{LockResult, TryLockError, TryLockResult};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// A value that many may read at once, or one may change. As [`std::sync::RwLock`], but who waits lets other tasks run, and the
/// lock may be held across anything that waits.
///
/// Taking a free lock and giving it back costs one atomic exchange each. Waiting does not allocate. Readers do not pass a writer
/// that waits, and a writer passes who waits once at most: neither starves the other. So who reads already and asks to read again
/// may wait for a writer that waits for it: for ever, as long as nothing interrupts it.
///
/// ```
/// use morestack::sync::RwLock;
///
/// let lock = RwLock::new(5);
/// {
///     let (one, other) = (lock.read().unwrap(), lock.read().unwrap());
///     assert_eq!(*one + *other, 10);
/// }
/// *lock.write().unwrap() += 1;
/// assert_eq!(*lock.read().unwrap(), 6);
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    poison: Flag,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with it.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers share the value, and who writes is as one that it was sent to.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// The right to read the value of an [`RwLock`]. Gives the lock back when it is dropped.
#[must_use = "the lock is given back at once if this is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    /// Not a reference to the lock: a guard can be used as one for a shorter-lived type, and it does not promise that nobody
    /// changes the value while a function goes on that has dropped it.
    value: NonNull<T>,
    raw: &'a RawRwLock,
    /// It is the task's, or the thread's, that made it.
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard is a shared value.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

/// The right to change the value of an [`RwLock`]. Gives the lock back when it is dropped.
#[must_use = "the lock is given back at once if this is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized + 'a> {
    lock: &'a RwLock<T>,
    before: Before,
    /// It is the task's, or the thread's, that made it.
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard is a shared value.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    /// With this value, and free.
    #[inline]
    pub const fn new(value: T) -> RwLock<T> {
        RwLock { raw: RawRwLock::new(), poison: Flag::new(), value: UnsafeCell::new(value) }
    }

    /// The value. Nobody has the lock, as nobody else has the whole.
    ///
    /// # Errors
    /// It is poisoned; the value is in the error.
    pub fn into_inner(self) -> LockResult<T> {
        let value = self.value.into_inner();
        self.poison.check(value)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes, and takes the lock for reading.
    ///
    /// # Errors
    /// A writer has panicked. The guard is in the error.
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.read();
        self.reader()
    }

    /// Takes the lock for reading, if nobody writes or waits.
    ///
    /// # Errors
    /// [`WouldBlock`](TryLockError::WouldBlock) if somebody does; [`Poisoned`](TryLockError::Poisoned), with the guard, if a writer
    /// has panicked.
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if self.raw.try_read() { Ok(self.reader()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// Waits until nobody else has the lock, and takes it for writing.
    ///
    /// # Errors
    /// A writer has panicked. The guard is in the error.
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.write();
        self.writer()
    }

    /// Takes the lock for writing, if nobody has it.
    ///
    /// # Errors
    /// [`WouldBlock`](TryLockError::WouldBlock) if somebody has; [`Poisoned`](TryLockError::Poisoned), with the guard, if a writer has
    /// panicked.
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if self.raw.try_write() { Ok(self.writer()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// Whether a writer has panicked. It may be out of date at once, unless the caller holds the lock.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// The value is in order: later lockers get it without an error.
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, without locking: nobody else has the whole.
    ///
    /// # Errors
    /// It is poisoned; the value is in the error.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let value = self.value.get_mut();
        self.poison.check(value)
    }

    /// For who has the lock for reading.
    #[inline]
    fn reader(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        // SAFETY: a cell is somewhere.
        let value = unsafe { NonNull::new_unchecked(self.value.get()) };
        self.poison.check(RwLockReadGuard { value, raw: &self.raw, not_send: PhantomData })
    }

    /// For who has the lock for writing.
    #[inline]
    fn writer(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.poison.check(RwLockWriteGuard { lock: self, before: self.poison.before(), not_send: PhantomData })
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on with reading only, and lets other readers in, without giving the lock back in between.
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let guard = ManuallyDrop::new(guard);
        let lock = guard.lock;
        lock.raw.downgrade();
        // SAFETY: a cell is somewhere.
        let value = unsafe { NonNull::new_unchecked(lock.value.get()) };
        RwLockReadGuard { value, raw: &lock.raw, not_send: PhantomData }
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => out.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => out.field("data", &format_args!("<locked>")),
        };
        out.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock for reading.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock for writing.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the lock for writing.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.unlock_read();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.poison.after(&self.before);
        self.lock.raw.unlock_write();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
