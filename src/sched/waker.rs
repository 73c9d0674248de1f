//! Interim: wakers of OS threads only; the lead replaces it by one for tasks as well, with this interface.

use crossbeam_utils::sync::{Parker, Unparker};

thread_local! {
    pub(super) static PARKER: Parker = Parker::new();
}

/// Who is to be woken: a task, or an OS thread.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Unparker);

impl Waker {
    /// The running task, or the calling OS thread outside tasks.
    pub(crate) fn current() -> Waker {
        PARKER.with(|p| Waker(p.unparker().clone()))
    }

    /// Makes its `wait` return: the one it is in, or else the next.
    pub(crate) fn wake(&self) {
        self.0.unpark();
    }
}
