//! Who is to be woken: one word for a task or an OS thread, so that everything that waits serves both.

use super::current_task;
use super::header::Header;
use crossbeam_utils::sync::{Parker, Unparker};
use std::cell::OnceCell;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// What a thread outside tasks waits with. Not std's park, whose token is the user's.
    static PARKER: Parker = Parker::new();
    /// What stands in for it when it is gone: in destructors of other thread-locals. Without a destructor, so it is leaked.
    static LATE: OnceCell<ManuallyDrop<Parker>> = const { OnceCell::new() };
}

/// Runs `f` with the parker of the calling thread.
fn with_parker<R>(f: impl Fn(&Parker) -> R) -> R {
    PARKER.try_with(&f).unwrap_or_else(|_| LATE.with(|late| f(late.get_or_init(|| ManuallyDrop::new(Parker::new())))))
}

/// Set in the word of a thread.
const THREAD: usize = 1;

/// A task or an OS thread that waits, or will. Counts as a reference to it.
///
/// The word is a [`Header`]'s address, or that of a parker with a bit set.
#[derive(Debug)]
pub(crate) struct Waker(NonNull<()>);

// SAFETY: both kinds are counted atomically, and may be woken from any thread.
unsafe impl Send for Waker {}
// SAFETY: likewise.
unsafe impl Sync for Waker {}

impl Waker {
    /// Words that no waker is.
    pub(super) const UNUSED: [usize; 2] = [1, 2];

    /// The running task, or the calling OS thread outside tasks.
    #[inline]
    pub(crate) fn current() -> Waker {
        match current_task() {
            // SAFETY: the current task is live.
            Some(g) => unsafe { Waker::of(Header::of(g)) },
            None => with_parker(|parker| {
                let raw = Unparker::into_raw(parker.unparker().clone()).cast_mut();
                Waker(NonNull::new(raw.map_addr(|address| address | THREAD)).expect("an Arc is somewhere"))
            }),
        }
    }

    /// The given task.
    #[inline]
    pub(super) unsafe fn of(task: *mut Header) -> Waker {
        // SAFETY: the caller's task is live.
        unsafe { Header::retain(task) };
        Waker(NonNull::new(task.cast()).expect("a task is somewhere"))
    }

    /// The task it is for.
    #[inline]
    fn task(&self) -> Option<*mut Header> {
        (self.0.addr().get() & THREAD == 0).then(|| self.0.as_ptr().cast())
    }

    /// Runs `f` with the unparker of the thread that it is for.
    fn with_thread<R>(&self, f: impl FnOnce(&Unparker) -> R) -> R {
        // SAFETY: not a task, so the word came from `into_raw`; forgotten again, because the reference is the waker's.
        let unparker = unsafe { Unparker::from_raw(self.0.as_ptr().map_addr(|address| address & !THREAD)) };
        let unparker = std::mem::ManuallyDrop::new(unparker);
        f(&unparker)
    }

    /// Makes its wait return: the one it is in, or else the next.
    #[inline]
    pub(crate) fn wake(&self) {
        match self.task() {
            // SAFETY: the waker is a reference.
            Some(task) => unsafe { Header::wake(task, false) },
            None => self.with_thread(Unparker::unpark),
        }
    }

    /// As [`wake`](Self::wake); a task of the same thread runs before the others that are ready.
    #[inline]
    pub(crate) fn wake_next(&self) {
        match self.task() {
            // SAFETY: the waker is a reference.
            Some(task) => unsafe { Header::wake(task, true) },
            None => self.with_thread(Unparker::unpark),
        }
    }

    /// The word, with the reference.
    pub(super) fn into_raw(self) -> *mut () {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }

    /// Takes back what [`into_raw`](Self::into_raw) gave.
    pub(super) unsafe fn from_raw(raw: *mut ()) -> Waker {
        // SAFETY: the caller's word is a waker's.
        Waker(unsafe { NonNull::new_unchecked(raw) })
    }
}

impl Clone for Waker {
    fn clone(&self) -> Waker {
        match self.task() {
            // SAFETY: the waker is a reference.
            Some(task) => unsafe { Waker::of(task) },
            None => {
                self.with_thread(|unparker| std::mem::forget(unparker.clone()));
                Waker(self.0)
            }
        }
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        match self.task() {
            // SAFETY: the waker's own reference.
            Some(task) => unsafe { Header::release(task) },
            None => {
                // SAFETY: as in `with_thread`; the reference is given up.
                drop(unsafe { Unparker::from_raw(self.0.as_ptr().map_addr(|address| address & !THREAD)) });
            }
        }
    }
}

/// A task or an OS thread that waits. As a [`Waker`], but no reference: good while its wait is not over.
#[derive(Clone, Copy)]
pub(crate) struct Who(NonNull<()>);

impl Who {
    /// The running task, or the calling OS thread outside tasks.
    #[inline]
    pub(crate) fn current() -> Who {
        match current_task() {
            Some(g) => Who(NonNull::new(Header::of(g).cast()).expect("a task is somewhere")),
            // The thread has a reference of its own until it ends.
            None => Who(Waker::current().0),
        }
    }

    /// What wakes it, also when its wait is over by then.
    ///
    /// # Safety
    /// Its wait is not over, and cannot be before the caller says so.
    #[inline]
    pub(crate) unsafe fn to_wake(self) -> Wake {
        let waker = ManuallyDrop::new(Waker(self.0));
        // A task of this thread does not run before the caller waits or wakes it, so it needs no reference.
        // SAFETY: it waits, so it is live.
        let local = waker.task().is_some_and(|task| unsafe { Header::is_local(task) });
        if !local {
            std::mem::forget(Waker::clone(&waker));
        }
        Wake { waker, counted: !local }
    }
}

/// The duty to wake somebody. Not to be kept across a wait.
#[must_use = "somebody waits for it"]
pub(crate) struct Wake {
    waker: ManuallyDrop<Waker>,
    counted: bool,
}

impl Wake {
    /// Wakes it.
    #[inline]
    pub(crate) fn wake(self) {
        self.waker.wake();
    }

    /// Wakes it; a task of the same thread runs before the others that are ready.
    #[inline]
    pub(crate) fn wake_next(self) {
        self.waker.wake_next();
    }
}

impl Drop for Wake {
    #[inline]
    fn drop(&mut self) {
        if self.counted {
            // SAFETY: the reference was taken for this, and nothing uses it after.
            unsafe { ManuallyDrop::drop(&mut self.waker) };
        }
    }
}

/// Blocks the calling OS thread until it is woken.
pub(super) fn block_thread() {
    BLOCKED.fetch_add(1, Ordering::Relaxed);
    with_parker(Parker::park);
    BLOCKED.fetch_sub(1, Ordering::Relaxed);
}

/// Threads that are blocked so, without a deadline.
static BLOCKED: AtomicUsize = AtomicUsize::new(0);

/// How many they are now.
pub(super) fn blocked_threads() -> usize {
    BLOCKED.load(Ordering::Relaxed)
}

/// The same, until `deadline` at most.
pub(super) fn block_thread_until(deadline: std::time::Instant) {
    with_parker(|parker| parker.park_deadline(deadline));
}
