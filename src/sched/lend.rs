//! Tasks that lend what they borrow to other threads: to the tasks of a scope, to a helper of `blocking`, to a task in
//! [`Runtime::run`](crate::runtime::Runtime::run).
//!
//! A task that is given up keeps its stack for ever, so what it owns may go on being lent. But what it borrows may be a
//! thread-local, and those are dropped when their thread ends, whoever borrows them. So a thread does not end while a task that was
//! left on it lends. The thread of a runtime's worker stays then. On other threads, which are the program's, a
//! [`Scheduler`](super::Scheduler) goes on running instead of leaving such a task parked.

use super::current_task;
use super::worker::Worker;
use std::cell::Cell;

thread_local! {
    /// What the tasks of this thread lend, whichever worker's they are.
    static LENT: Cell<u32> = const { Cell::new(0) };
}

/// Whether a task of this thread lends, or has been given up while it did.
pub(super) fn any_here() -> bool {
    LENT.get() > 0
}

/// While it lives, the current task lends. Outside tasks it is nothing: there a frame ends before its thread does.
pub(crate) struct Lends<'a>(Option<&'a Worker>);

impl Lends<'_> {
    pub(crate) fn new() -> Self {
        // The worker is there for as long as the task goes on. One that is given up never comes to the drop.
        let worker = current_task().map(|_| Worker::running());
        if let Some(worker) = worker {
            worker.lent.set(worker.lent.get() + 1);
            LENT.set(LENT.get() + 1);
        }
        Lends(worker)
    }
}

impl Drop for Lends<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.0 {
            worker.lent.set(worker.lent.get() - 1);
            LENT.set(LENT.get() - 1);
        }
    }
}
