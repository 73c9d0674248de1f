//! Doing something once.

use super::waiters::{Wait, Waiters};
use crate::sched::on::{On, WaitsFor};
use crate::sched::wait;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Something that is done once, whoever comes first; the others wait until it is done. As [`std::sync::Once`], but who waits lets
/// other tasks run, and what is done may wait too.
///
/// If it panics, the `Once` is poisoned. If it is interrupted, by a [`timeout`](crate::time::timeout) around it or because its
/// runtime is shut down, it is as if nobody had begun: the next one begins again, one that waits or one that comes.
///
/// Who comes again from inside waits for itself: for ever, as long as nothing interrupts it.
///
/// Costs a load when it is done. A wait does not allocate.
///
/// ```
/// use morestack::sync::Once;
///
/// static START: Once = Once::new();
///
/// let mut runs = 0;
/// START.call_once(|| runs += 1);
/// START.call_once(|| runs += 1);
/// assert_eq!(runs, 1);
/// assert!(START.is_completed());
/// ```
pub struct Once {
    state: AtomicU8,
    waiters: Waiters,
}

const INCOMPLETE: u8 = 0;
const POISONED: u8 = 1;
const RUNNING: u8 = 2;
const COMPLETE: u8 = 3;

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

/// What there was before: for the closure of [`Once::call_once_force`].
pub struct OnceState {
    poisoned: bool,
}

/// How a closure is called.
#[derive(Clone, Copy)]
struct Terms {
    /// Also if an earlier one has panicked.
    force: bool,
    /// If it is interrupted, another may be called.
    again: bool,
}

impl Terms {
    const ONCE: Terms = Terms { force: false, again: true };
    const FORCE: Terms = Terms { force: true, again: true };
    const NEVER_AGAIN: Terms = Terms { force: false, again: false };
}

impl OnceState {
    /// Whether an earlier closure has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl Once {
    /// Not done.
    #[inline]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "std's has none")]
    pub const fn new() -> Once {
        Once { state: AtomicU8::new(INCOMPLETE), waiters: Waiters::new() }
    }

    /// Runs the closure, if this is the first time. Otherwise waits until the first is done. What that wrote is visible then.
    ///
    /// # Panics
    /// If an earlier closure has panicked; and with the panic of this one.
    #[inline]
    #[track_caller]
    pub fn call_once<F: FnOnce()>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(Terms::ONCE, &mut |_| f.take().expect("it runs once")());
        }
    }

    /// As [`call_once`](Self::call_once), but if earlier closures have panicked, it runs this one too. The closure is told whether so.
    ///
    /// # Panics
    /// With the panic of this closure.
    #[inline]
    #[track_caller]
    pub fn call_once_force<F: FnOnce(&OnceState)>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(Terms::FORCE, &mut |state| f.take().expect("it runs once")(state));
        }
    }

    /// Whether it is done. What it wrote is visible if so.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.state.load(Acquire) == COMPLETE
    }

    /// Waits until it is done.
    ///
    /// # Panics
    /// If a closure has panicked.
    #[track_caller]
    pub fn wait(&self) {
        if !self.is_completed() {
            self.wait_for_end(false);
        }
    }

    /// As [`wait`](Self::wait), but if a closure has panicked it goes on waiting for another.
    pub fn wait_force(&self) {
        if !self.is_completed() {
            self.wait_for_end(true);
        }
    }

    /// As [`call_once`](Self::call_once), for a closure that cannot be had again: however it is unwound, it is poisoned then.
    #[inline]
    #[track_caller]
    pub(super) fn call_once_and_never_again<F: FnOnce()>(&self, f: F) {
        if !self.is_completed() {
            let mut f = Some(f);
            self.call(Terms::NEVER_AGAIN, &mut |_| f.take().expect("it runs once")());
        }
    }

    /// For who has it alone.
    pub(super) fn is_completed_mut(&mut self) -> bool {
        *self.state.get_mut() == COMPLETE
    }

    /// For who has it alone.
    pub(super) fn is_poisoned_mut(&mut self) -> bool {
        *self.state.get_mut() == POISONED
    }

    #[cold]
    #[track_caller]
    fn wait_for_end(&self, force: bool) {
        loop {
            match self.state.load(Acquire) {
                COMPLETE => return,
                POISONED if !force => poisoned(),
                seen => _ = self.waiters.wait(On::new(WaitsFor::Once, self), None, &While { once: self, state: seen }),
            }
        }
    }

    #[cold]
    #[track_caller]
    fn call(&self, terms: Terms, f: &mut dyn FnMut(&OnceState)) {
        loop {
            let seen = self.state.load(Acquire);
            match seen {
                COMPLETE => return,
                POISONED if !terms.force => poisoned(),
                RUNNING => {
                    _ = self.waiters.wait(On::new(WaitsFor::Once, self), None, &While { once: self, state: RUNNING })
                }
                _ if self.state.compare_exchange(seen, RUNNING, Acquire, Relaxed).is_ok() => {
                    let mut running = Running { once: self, before: seen, again: terms.again, returned: false };
                    f(&OnceState { poisoned: seen == POISONED });
                    running.returned = true;
                    return;
                }
                _ => {}
            }
        }
    }
}

/// While it lives, the closure runs.
struct Running<'a> {
    once: &'a Once,
    before: u8,
    /// Whether it is as before if the closure is interrupted.
    again: bool,
    returned: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let end = match self.returned {
            true => COMPLETE,
            false if self.again && wait::unwinding_by_interruption() => self.before,
            false => POISONED,
        };
        self.once.state.store(end, Release);
        self.once.waiters.tell_all();
    }
}

/// A wait for the end of this state.
struct While<'a> {
    once: &'a Once,
    state: u8,
}

impl Wait for While<'_> {
    fn begin(&self, _: usize) -> bool {
        // If it ends from now on, those in the list are told.
        self.once.state.load(Relaxed) == self.state
    }
}

#[cold]
#[track_caller]
fn poisoned() -> ! {
    panic!("a closure of this Once has panicked")
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.is_poisoned()).finish()
    }
}
