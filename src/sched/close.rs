//! The end of a runtime's worker: its tasks are unwound where they park, so that what they own is dropped.
//!
//! Fresh tasks are dropped. Mapped frames own nothing and are abandoned. A task with Rust frames is asked to unwind: its
//! park does, or its next one ([`wait`](super::wait)). Those that cannot be unwound, or catch it and park again, are left
//! over, and so are, after a time, those that still wait for something: they are reported, and what they own is leaked.

use super::header::Header;
use super::runtime::{Leftover, Seat, Stealable, end_unstarted};
use super::timers;
use super::worker::Worker;
use crate::task::g::{Cancel, G};
use std::time::Instant;

impl Worker {
    /// One step of the shutdown, between two turns of the loop. Whether the worker is through.
    pub(super) fn close(&self, seat: &Seat) -> bool {
        seat.knows.set(true);
        while let Some(task) = seat.fresh.pop() {
            end_unstarted(task);
        }
        seat.shared.drop_injected();
        let mut index = 0;
        while let Some(&task) = self.live().get(index) {
            // SAFETY: live tasks of this worker, none of which runs now.
            index += usize::from(unsafe { !self.ask_to_end(task) });
        }
        if self.live_count() == 0 {
            return true;
        }
        if self.has_ready() {
            return false;
        }
        // SAFETY: live, and none of them runs.
        let all_refuse = self.live().iter().all(|&task| unsafe { (*(*task).g.get()).cancel.get() == Cancel::Refused });
        let deadline = seat.shared.deadline();
        if all_refuse || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.leave_over(seat);
            return true;
        }
        if let Some(deadline) = deadline {
            // The loop sleeps; this wakes it in time.
            self.wake_at.set(timers::from_instant(deadline));
        }
        false
    }

    /// Asks one task to end. Whether it has ended at once.
    unsafe fn ask_to_end(&self, task: *mut Header) -> bool {
        // SAFETY: the caller's task is live on this worker and does not run.
        unsafe {
            let g: *mut G = (*task).g.get();
            if (*g).is_all_mapped() {
                if !self.unqueue(g) && !(*task).park.notify() {
                    return false;
                }
                self.disown(task);
                end_unstarted(Stealable(task));
                return true;
            }
            if (*g).cancel.get() == Cancel::No {
                (*g).cancel.set(Cancel::Asked);
                if (*task).park.notify() {
                    self.make_ready(task, false);
                }
            }
            false
        }
    }

    /// Gives up on the tasks that are left.
    fn leave_over(&self, seat: &Seat) {
        for &task in self.live().iter() {
            // SAFETY: live, parked for good. The list's reference to it is leaked, like the rest.
            let (name, cancel) = unsafe { ((*task).to_string(), (*(*task).g.get()).cancel.get()) };
            let reason = match cancel {
                Cancel::Refused => "it caught its cancellation and parked again, or cannot be unwound from where it is parked",
                _ => "it waits for something that must not be interrupted",
            };
            seat.shared.leave(Leftover { task: name, reason });
        }
    }
}

