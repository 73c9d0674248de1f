//! The scheduler as its owner sees it.

use super::queue::Inner;
use crate::task::report;
use std::rc::Rc;

/// What [`Scheduler::run`] leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Every task has ended.
    Finished,
    /// So many tasks are parked, and nothing is ready.
    Parked(usize),
}

/// A scheduler of tasks on the calling thread.
///
/// Tasks run inside [`run`](Scheduler::run) and [`JoinHandle::join`](super::JoinHandle::join), on this thread only; so their
/// closures need not be `Send`. Dropping it drops the tasks that have not started, and joining one of them gives an error; a
/// parked task stays as it is for ever, and what its stack owns is leaked.
pub struct Scheduler {
    pub(super) inner: Rc<Inner>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl Scheduler {
    /// A scheduler for the calling thread.
    pub fn new() -> Scheduler {
        report::register();
        Scheduler { inner: Rc::new(Inner::new()) }
    }

    /// Runs tasks until none is ready.
    pub fn run(&self) -> Idle {
        self.inner.run_until(|| false);
        match self.inner.live_count() {
            0 => Idle::Finished,
            parked => Idle::Parked(parked),
        }
    }

    /// Halves the go segments of parked tasks that use less than a quarter, until none does. Segments made smaller.
    ///
    /// The scheduler does the same bit by bit while it runs; this is for a quiet moment, or a test.
    pub fn shrink_parked(&self) -> usize {
        (0..self.inner.live_count()).filter(|&index| self.inner.shrink(index)).count()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.inner.cancel_fresh();
    }
}
