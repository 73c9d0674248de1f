//! Stacks of parked tasks that are mostly unused.

use super::Worker;
use crate::stack::grow::{self, GrowError, Innermost};
use crate::task::report;

/// How many tasks a look for stacks to shrink takes in, and how many parks lie between two looks: a few percent of the
/// switches at most, and a million parked tasks are through after a few seconds of switching.
const SHRINK_BATCH: usize = 16;
const SHRINK_EVERY: u32 = 1024;

impl Worker {
    /// Looks at a few tasks for stacks to shrink, now and then.
    pub(super) fn shrink_some(&self) {
        let parks = self.parks.get().wrapping_add(1);
        self.parks.set(parks);
        if !parks.is_multiple_of(SHRINK_EVERY) {
            return;
        }
        let live = self.live_count();
        for _ in 0..SHRINK_BATCH.min(live) {
            let hand = self.hand.get() % live;
            self.hand.set(hand + 1);
            self.shrink(hand);
        }
    }

    /// Shrinks the segment of one task if it is parked and uses little of it. Whether it was.
    pub(in crate::sched) fn shrink(&self, index: usize) -> bool {
        let task = self.live()[index];
        // SAFETY: one thread, and a parked task does not run before this thread resumes it: it stands in its sched, and its
        // records are live.
        unsafe {
            if !(*task).park.is_parked() || self.blocked.get() == task {
                return false;
            }
            let g = (*task).g.get();
            let stack = &mut (*g).stack;
            let innermost = if stack.contains(stack.sched.sp) { Innermost::Sched } else { Innermost::Crossing };
            match grow::shrink(stack, &mut (*self.thread.m()).cache, &report::known(), innermost) {
                Ok(shrunk) => shrunk,
                // No memory for a smaller stack: it keeps the one it has.
                Err(GrowError::Memory(_)) => false,
                Err(error) => report::cannot_grow(&*g, innermost, &error),
            }
        }
    }
}
