//! A value that is set once.

use super::once::Once;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A place for a value that is set once, and can be read by all from then on. As [`std::sync::OnceLock`], but who waits lets other
/// tasks run, and the value may be made by code that waits.
///
/// Reading costs a load and a comparison. There is no poisoning: after an initialiser that panicked or was interrupted, the next one
/// runs. An initialiser that asks for the value waits for itself: for ever, as long as nothing interrupts it.
///
/// ```
/// use morestack::sync::OnceLock;
///
/// static ANSWER: OnceLock<u32> = OnceLock::new();
///
/// assert_eq!(ANSWER.get(), None);
/// assert_eq!(*ANSWER.get_or_init(|| 6 * 7), 42);
/// assert_eq!(ANSWER.set(43), Err(43));
/// assert_eq!(*ANSWER.wait(), 42);
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// There if the once is completed.
    value: UnsafeCell<MaybeUninit<T>>,
    /// It drops one.
    owns: PhantomData<T>,
}

// SAFETY: the value is shared, and it is dropped, or taken out, on a thread other than the one that set it.
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}
// SAFETY: the value goes with it.
unsafe impl<T: Send> Send for OnceLock<T> {}

impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// With no value.
    #[inline]
    #[must_use]
    pub const fn new() -> OnceLock<T> {
        OnceLock { once: Once::new(), value: UnsafeCell::new(MaybeUninit::uninit()), owns: PhantomData }
    }

    /// The value, if it is set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: it is set, and nobody changes it while the whole is borrowed.
        self.once.is_completed().then(|| unsafe { self.get_unchecked() })
    }

    /// The value, if it is set; nobody else has it.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: it is set.
        self.once.is_completed_mut().then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// Waits until the value is set.
    #[inline]
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        // SAFETY: it is set.
        unsafe { self.get_unchecked() }
    }

    /// Sets the value. Waits if somebody is about to.
    ///
    /// # Errors
    /// One is set. The new one is in the error.
    #[inline]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("it runs once"));
        value.map_or(Ok(()), Err)
    }

    /// The value; if none is set, the closure makes it. If somebody is about to set it, waits for that.
    ///
    /// # Panics
    /// With the panic of the closure. No value is set then.
    #[inline]
    pub fn get_or_init<F: FnOnce() -> T>(&self, f: F) -> &T {
        if !self.once.is_completed() {
            self.initialise(f);
        }
        // SAFETY: it is set.
        unsafe { self.get_unchecked() }
    }

    #[cold]
    fn initialise<F: FnOnce() -> T>(&self, f: F) {
        self.once.call_once_force(|_| {
            let value = f();
            // SAFETY: of those who initialise, one runs; nobody reads before it is completed.
            unsafe { (*self.value.get()).write(value) };
        });
    }

    /// The value; nobody else has it.
    #[inline]
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// Takes the value out; there is none then, and it can be set again.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        if !self.once.is_completed_mut() {
            return None;
        }
        self.once = Once::new();
        // SAFETY: it was set, and the new once says that it is no more.
        Some(unsafe { self.value.get_mut().assume_init_read() })
    }

    /// # Safety
    /// The once is completed.
    #[inline]
    unsafe fn get_unchecked(&self) -> &T {
        // SAFETY: by the contract.
        unsafe { (*self.value.get()).assume_init_ref() }
    }
}

impl<T> Drop for OnceLock<T> {
    #[inline]
    fn drop(&mut self) {
        if self.once.is_completed_mut() {
            // SAFETY: it is set, and nobody uses it after.
            unsafe { self.value.get_mut().assume_init_drop() };
        }
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        let lock = OnceLock::new();
        let is_set = lock.set(value).is_ok();
        debug_assert!(is_set, "it is new");
        lock
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().map_or_else(OnceLock::new, |value| OnceLock::from(value.clone()))
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => out.field(value),
            None => out.field(&format_args!("<uninit>")),
        };
        out.finish()
    }
}
