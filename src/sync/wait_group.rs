//! Waiting until all of a group are done.

use super::waiters::{Wait, Waiters};
use crate::sched::on::{On, WaitsFor};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

/// A group whose members can be waited for: each clone is a member, until it is dropped. With the shape of crossbeam's.
///
/// ```
/// use morestack::{sync::WaitGroup, thread};
///
/// let group = WaitGroup::new();
/// for _ in 0..4 {
///     let member = group.clone();
///     morestack::go!(move || {
///         thread::yield_now();
///         drop(member);
///     });
/// }
/// // All four are done when this returns.
/// group.wait();
/// ```
pub struct WaitGroup(Arc<Group>);

struct Group {
    waiters: Waiters,
    members: AtomicUsize,
}

impl WaitGroup {
    /// A group with one member, which this is. Allocates.
    #[must_use]
    pub fn new() -> WaitGroup {
        WaitGroup(Arc::new(Group { waiters: Waiters::new(), members: AtomicUsize::new(1) }))
    }

    /// Leaves the group, and waits until it has no members. What they did before they left is visible then.
    ///
    /// Returns at once if there are no others. Several may wait, and go on together. Who is interrupted here has left the group.
    pub fn wait(self) {
        let group = self.0.clone();
        drop(self);
        group.waiters.wait(On::new(WaitsFor::WaitGroup, &*group), None, &*group);
    }
}

impl Wait for Group {
    fn begin(&self, _: usize) -> bool {
        // Who is in no group any more cannot bring back a member, so 0 is for good.
        self.members.load(Acquire) > 0
    }
}

impl Clone for WaitGroup {
    fn clone(&self) -> WaitGroup {
        // An Arc each, whose count ends the process before it overflows.
        self.0.members.fetch_add(1, Relaxed);
        WaitGroup(self.0.clone())
    }
}

impl Drop for WaitGroup {
    fn drop(&mut self) {
        if self.0.members.fetch_sub(1, AcqRel) == 1 {
            self.0.waiters.tell_all();
        }
    }
}

impl Default for WaitGroup {
    fn default() -> WaitGroup {
        WaitGroup::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("count", &self.0.members.load(Relaxed)).finish_non_exhaustive()
    }
}
