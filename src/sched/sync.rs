//! Where the lock-free protocols take their atomics from: std's.
//!
//! The models in `tests/loom_*.rs` compile the same files, with loom's atomics in the place of this one.

pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, fence};

/// Defines constructors as `const`. Under loom, whose atomics are made at run time only, they are not.
macro_rules! const_fn {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $of:ty),*) -> $type:ty $body:block)*) => {
        $($(#[$doc])* $vis const fn $name($($arg: $of),*) -> $type $body)*
    };
}
pub(crate) use const_fn;

/// std's, with loom's interface: it looks at who reaches the value when.
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    #[inline]
    pub(crate) const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Lets the caller read the value, if it may.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Lets the caller change the value, if it may.
    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// How often who waits for a few instructions of another thread looks again at once, twice as long after each time. Together some
/// 100 ns: more than a lock is held, much less than the kernel needs to run another thread.
const SPINS: u32 = 6;

/// For who waits for a few instructions of another thread, which will not wait itself: passes some time. `tries` counts the calls.
/// That thread may have been interrupted, so after a while the processor goes to others.
#[cold]
pub(crate) fn pause(tries: &mut u32) {
    if !spin(tries) {
        std::thread::yield_now();
    }
}

/// For who waits for a few instructions of another thread, which may wait itself: passes some time. `tries` counts the calls.
/// `false`: it has been long enough, and the caller had better wait too.
#[cold]
pub(crate) fn spin(tries: &mut u32) -> bool {
    if *tries == SPINS {
        return false;
    }
    for _ in 0..1 << *tries {
        std::hint::spin_loop();
    }
    *tries += 1;
    true
}
