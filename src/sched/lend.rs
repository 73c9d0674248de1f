//! Tasks that lend what they borrow to other threads: to the tasks of a scope, to a helper of `blocking`, to a task in
//! [`Runtime::run`](crate::runtime::Runtime::run).
//!
//! A task that is given up keeps its stack for ever, so what it owns may go on being lent. But what it borrows may be a
//! thread-local, and those are dropped when their thread ends, whoever borrows them. So a thread does not end while a task that was
//! left on it lends: a [`Scheduler`](super::Scheduler) goes on running instead of leaving such a task parked, and the thread of
//! a worker that had to give one up stays.

use super::current_task;
use super::worker::Worker;

/// While it lives, the current task lends. Outside tasks it is nothing: there a frame ends before its thread does.
pub(crate) struct Lends<'a>(Option<&'a Worker>);

impl Lends<'_> {
    pub(crate) fn new() -> Self {
        // The worker is there for as long as the task goes on. One that is given up never comes to the drop.
        let worker = current_task().map(|_| Worker::running());
        if let Some(worker) = worker {
            worker.lent.set(worker.lent.get() + 1);
        }
        Lends(worker)
    }
}

impl Drop for Lends<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.0 {
            worker.lent.set(worker.lent.get() - 1);
        }
    }
}
