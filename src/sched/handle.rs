//! Handles of tasks.

use super::queue::Inner;
use super::{current_task, is_done, park};
use crate::task::g::G;
use std::panic;
use std::rc::Rc;
use std::thread::Result;

/// A task, to be unparked or asked for its name. Clones name the same task.
pub struct Task {
    inner: Rc<Inner>,
    g: *mut G,
}

impl Task {
    /// A handle to a live task of the scheduler.
    pub(super) unsafe fn new(inner: Rc<Inner>, g: *mut G) -> Task {
        // SAFETY: the caller's g is live.
        unsafe { G::retain(g) };
        Task { inner, g }
    }

    /// A handle to the task that runs on this thread.
    pub(super) unsafe fn of_current(g: *mut G) -> Task {
        // SAFETY: the caller's g is current, so the Rc that its `sched` came from has owners.
        unsafe {
            let inner = (*g).sched.cast::<Inner>();
            Rc::increment_strong_count(inner);
            Task::new(Rc::from_raw(inner), g)
        }
    }

    /// A number that no other task of its scheduler has.
    pub fn id(&self) -> u64 {
        // SAFETY: the handle holds a reference.
        unsafe { (*self.g).id }
    }

    /// The name its builder gave it.
    pub fn name(&self) -> Option<&str> {
        // SAFETY: the handle holds a reference, and names do not change.
        unsafe { (*self.g).name.as_deref() }
    }

    /// Makes its park return: the one it is in, or else the next.
    pub fn unpark(&self) {
        // SAFETY: the handle holds a reference, and names the task's scheduler.
        unsafe { self.inner.unpark(self.g) };
    }
}

impl Clone for Task {
    fn clone(&self) -> Task {
        // SAFETY: this handle holds a reference.
        unsafe { Task::new(self.inner.clone(), self.g) }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: the handle's own reference.
        unsafe { G::release(self.g) };
    }
}

/// The right to a task's result. Dropping it detaches the task, which runs on.
pub struct JoinHandle<T> {
    inner: Rc<Inner>,
    g: *mut G,
    take: unsafe fn(*mut G) -> T,
}

impl<T> JoinHandle<T> {
    /// Takes over the handle's reference to `g`; `take` fits its body.
    pub(super) unsafe fn new(inner: &Rc<Inner>, g: *mut G, take: unsafe fn(*mut G) -> T) -> JoinHandle<T> {
        JoinHandle { inner: inner.clone(), g, take }
    }

    /// The task.
    pub fn task(&self) -> Task {
        // SAFETY: this handle holds a reference.
        unsafe { Task::new(self.inner.clone(), self.g) }
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        // SAFETY: this handle holds a reference.
        unsafe { is_done(self.g) }
    }

    /// Waits for the task's end. In a task of the same scheduler it parks; elsewhere it runs the task's scheduler until the
    /// task has ended. (In a task of another scheduler, that other one stands still meanwhile.)
    ///
    /// # Errors
    /// The payload of the panic that ended the task; a `&'static str` if its scheduler was dropped before it had started.
    ///
    /// # Panics
    /// If it can never return: no task is ready, and none of them could wake the one that is waited for; or in the task
    /// itself.
    pub fn join(self) -> Result<T> {
        match current_task() {
            // SAFETY: the current g is live; so is the task's.
            Some(me) if unsafe { (*me).sched == (*self.g).sched } => {
                assert!(me != self.g, "a task cannot join itself: it would wait for ever");
                let mut unparked = false;
                while !self.is_finished() {
                    // SAFETY: as above; one handle, so one joiner.
                    unsafe { (*self.g).joiner.set(me) };
                    park();
                    unparked |= !self.is_finished();
                }
                // Somebody else's unpark is for a park that comes after this.
                if unparked {
                    // SAFETY: the current g is live.
                    unsafe { (*me).token.set(true) };
                }
            }
            _ => {
                let awaiting = Awaiting::new(&self.inner, self.g);
                self.inner.run_until(|| self.is_finished());
                drop(awaiting);
                // SAFETY: this handle holds a reference.
                let label = crate::task::report::Label(self.g);
                assert!(
                    self.is_finished(),
                    "all tasks are asleep - deadlock: {label} has not ended, and no task of its scheduler is ready"
                );
            }
        }
        // SAFETY: the task has ended, and this handle is the only one that takes its result.
        unsafe {
            match (*self.g).panic.take() {
                Some(payload) => Err(payload),
                None => Ok((self.take)(self.g)),
            }
        }
    }

    /// As [`join`](Self::join), but a panic of the task goes on here.
    pub fn join_or_resume(self) -> T {
        self.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
    }
}

/// While it lives, the end of the task brings the scheduler back to its `run_until`s, until the one that waits has looked.
struct Awaiting<'a> {
    inner: &'a Inner,
    g: *mut G,
}

impl<'a> Awaiting<'a> {
    /// The caller holds a reference to `g` for as long.
    fn new(inner: &'a Inner, g: *mut G) -> Awaiting<'a> {
        // SAFETY: the caller's g is live.
        unsafe { (*g).awaited.set(!is_done(g)) };
        Awaiting { inner, g }
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        if unsafe { (*self.g).awaited.replace(false) && is_done(self.g) } {
            // Its exit has counted it.
            self.inner.awaited.set(self.inner.awaited.get() - 1);
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle's own reference, given up once. If the task is alive it must not find its joiner gone: one that
        // waits in `join` holds the handle.
        unsafe { G::release(self.g) };
    }
}
