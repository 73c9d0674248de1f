//! Going on together.

use super::waiters::{Wait, Waiters};
use crate::sched::on::{On, WaitsFor};
use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Where a number of tasks and OS threads wait for each other. As [`std::sync::Barrier`]; it can be used again and again.
///
/// One that is interrupted while it waits does not count any more. A wait does not allocate.
///
/// ```
/// use morestack::{sync::Barrier, thread};
///
/// let barrier = Barrier::new(3);
/// let leaders = thread::scope(|s| {
///     let tasks = [(); 3].map(|()| s.spawn(|| barrier.wait().is_leader()));
///     tasks.map(|task| task.join().unwrap())
/// });
/// assert_eq!(leaders.iter().filter(|leads| **leads).count(), 1);
/// ```
pub struct Barrier {
    waiters: Waiters,
    /// How many there are to be.
    number: usize,
    /// How many wait since it opened last. This and the next are changed with the list locked.
    waiting: AtomicUsize,
    /// Those of lower numbers may go on.
    opened: AtomicUsize,
}

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

/// Whether a wait at a [`Barrier`] was the leader's. As [`std::sync::BarrierWaitResult`].
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether it was. One of those who go on together is the leader.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// For so many. 0 is as 1: nobody waits.
    #[must_use]
    #[inline]
    pub const fn new(n: usize) -> Barrier {
        Barrier { waiters: Waiters::new(), number: n, waiting: AtomicUsize::new(0), opened: AtomicUsize::new(0) }
    }

    /// Waits until all have come. The last to come is the leader.
    pub fn wait(&self) -> BarrierWaitResult {
        let arrival = Arrival { barrier: self, opens: Cell::new(None) };
        self.waiters.wait(On::new(WaitsFor::Barrier, self), None, &arrival);
        if let Some(end) = arrival.opens.get() {
            self.waiters.tell_below(end);
        }
        BarrierWaitResult(arrival.opens.get().is_some())
    }
}

struct Arrival<'a> {
    barrier: &'a Barrier,
    /// If it is the last: the number below which all may go on.
    opens: Cell<Option<usize>>,
}

impl Wait for Arrival<'_> {
    fn begin(&self, number: usize) -> bool {
        let waiting = self.barrier.waiting.load(Relaxed) + 1;
        let opens = waiting >= self.barrier.number;
        if opens {
            self.opens.set(Some(number));
            self.barrier.opened.store(number, Relaxed);
        }
        self.barrier.waiting.store(if opens { 0 } else { waiting }, Relaxed);
        !opens
    }

    fn left(&self, number: usize) {
        if number >= self.barrier.opened.load(Relaxed) {
            self.barrier.waiting.fetch_sub(1, Relaxed);
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.is_leader()).finish()
    }
}
