//! A value that is made when it is first used.

use super::once::Once;
use crate::sched::wait::Uncancellable;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A value that is made when it is first used, by one, while the others wait. As [`std::sync::LazyLock`], but who waits lets other
/// tasks run, and the value may be made by code that waits.
///
/// Using it costs a load and a comparison. If its closure panics, the value is poisoned for good. The closure can run once only,
/// so **nothing interrupts it**: a [`timeout`](crate::time::timeout) or a shutdown has to wait for it, or to wait with what comes
/// after it. One that may last long is better given to [`OnceLock::get_or_init`](super::OnceLock::get_or_init), which can be
/// tried again. A closure that uses the value waits for itself, for ever.
///
/// ```
/// use morestack::sync::LazyLock;
///
/// static PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| (2..30).filter(|n| (2..*n).all(|d| n % d != 0)).collect());
///
/// assert_eq!(PRIMES.len(), 10);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    state: UnsafeCell<State<T, F>>,
}

/// The closure until it runs; the value when the once is completed; in between, and poisoned, nothing.
union State<T, F> {
    f: ManuallyDrop<F>,
    value: ManuallyDrop<T>,
}

// SAFETY: the value is shared, and may be dropped by another thread than the one that made it. The closure is only ever run, or
// dropped, by one: as if it were sent there.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}

impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// With a closure that makes the value.
    #[inline]
    pub const fn new(f: F) -> LazyLock<T, F> {
        LazyLock { once: Once::new(), state: UnsafeCell::new(State { f: ManuallyDrop::new(f) }) }
    }

    /// The value; makes it, or waits for it, if it is not there. What a dereference does.
    ///
    /// # Panics
    /// With the panic of the closure; and if that has panicked earlier.
    #[inline]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.once.call_once_and_never_again(|| {
            // SAFETY: this runs once, and alone.
            unsafe { make(this.state.get()) }
        });
        // SAFETY: it is completed.
        unsafe { &(*this.state.get()).value }
    }

    /// The value, to be changed; makes it if it is not there.
    ///
    /// # Panics
    /// As of [`force`](Self::force).
    #[inline]
    pub fn force_mut(this: &mut LazyLock<T, F>) -> &mut T {
        LazyLock::force(this);
        // SAFETY: it is completed.
        unsafe { &mut this.state.get_mut().value }
    }
}

/// Puts the value in the place of the closure.
///
/// # Safety
/// The closure is there, and nobody else uses the state.
unsafe fn make<T, F: FnOnce() -> T>(state: *mut State<T, F>) {
    // What the closure uses up could not be had again.
    let _not_now = Uncancellable::new();
    // SAFETY: by the contract. If it unwinds, neither is there, as the once will say.
    unsafe {
        let f = ManuallyDrop::take(&mut (*state).f);
        let value = f();
        state.write(State { value: ManuallyDrop::new(value) });
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it is there.
    #[inline]
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        // SAFETY: it is completed, and nobody changes the value while the whole is borrowed.
        this.once.is_completed().then(|| unsafe { &*(*this.state.get()).value })
    }

    /// The value, to be changed, if it is there.
    #[inline]
    pub fn get_mut(this: &mut LazyLock<T, F>) -> Option<&mut T> {
        // SAFETY: it is completed.
        this.once.is_completed_mut().then(|| unsafe { &mut *this.state.get_mut().value })
    }
}

impl<T, F> Drop for LazyLock<T, F> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        // SAFETY: what the once says is there, and nobody uses it after. Nobody runs the closure.
        unsafe {
            if self.once.is_completed_mut() {
                ManuallyDrop::drop(&mut state.value);
            } else if !self.once.is_poisoned_mut() {
                ManuallyDrop::drop(&mut state.f);
            }
        }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        LazyLock::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("LazyLock");
        match LazyLock::get(self) {
            Some(value) => out.field(value),
            None => out.field(&format_args!("<uninit>")),
        };
        out.finish()
    }
}
