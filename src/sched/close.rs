//! The end of a runtime's worker: its tasks are unwound where they park, so that what they own is dropped.
//!
//! Fresh tasks start only to drop their closures: a destructor may wait, and must not keep the worker while it does. Mapped
//! frames own nothing and are abandoned. A task with Rust frames is asked to unwind: its park does, or its next one
//! ([`wait`](super::wait)). Those that cannot be unwound, or catch it and park again, are left over, and so are, after a time,
//! those that still wait for something, or yield for ever: they are reported, what they own is leaked, and who joins them is
//! told that they were cancelled.

use super::cancel::Cancel;
use super::header::{self, Header};
use super::runtime::{Leftover, Seat, Stealable, end_unstarted};
use super::timers;
use super::wait::Cancelled;
use super::worker::Worker;
use crate::task::g::G;
use std::cell::Cell;
use std::time::Instant;

/// Fresh tasks that one step takes in: about as many as a turn of the loop runs, so that few have a stack at once.
const FRESH_BATCH: usize = 64;

/// How far a worker's shutdown is.
#[derive(Default)]
pub(super) struct Closing {
    /// The tick at which to look at all live tasks again: a look costs as much as so many switches.
    look_at: Cell<usize>,
    /// The tick at which the worker gives up on tasks that are ready: each has had a turn since the time was up.
    give_up_at: Cell<Option<usize>>,
}

impl Worker {
    /// One step of the shutdown, between two turns of the loop. Whether the worker is through.
    pub(super) fn close(&self, seat: &Seat) -> bool {
        let first = !seat.knows.replace(true);
        self.take_in_fresh(seat);
        self.requeue_preempted();
        if first || !self.has_ready() || self.ticks() >= self.closing.look_at.get() {
            self.ask_all();
            self.closing.look_at.set(self.ticks().wrapping_add(self.live_count()));
        }
        if self.live_count() == 0 {
            return !seat.has_stealable();
        }
        let deadline = seat.shared.deadline();
        let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
        if self.has_ready() {
            if !late {
                return false;
            }
            let give_up_at = self.closing.give_up_at.get().unwrap_or_else(|| self.ticks() + 2 * self.live_count());
            self.closing.give_up_at.set(Some(give_up_at));
            if self.ticks() < give_up_at {
                return false;
            }
        } else if !late && !self.all_refuse() {
            if let Some(deadline) = deadline {
                // The loop sleeps; this wakes it in time.
                self.wake_at.set(timers::from_instant(deadline));
            }
            return false;
        }
        self.leave_over(seat);
        true
    }

    /// Takes fresh tasks in, wherever they are queued, and ends those that are mapped.
    fn take_in_fresh(&self, seat: &Seat) {
        for _ in 0..FRESH_BATCH {
            let Some(Stealable(task)) = seat.take_any() else { return };
            // SAFETY: it came out of a queue, so it is ours.
            unsafe {
                if (*task).kind.run.is_some() {
                    self.start(task);
                    self.make_ready(task, false);
                } else {
                    end_unstarted(Stealable(task));
                }
            }
        }
    }

    /// Asks every live task to end.
    fn ask_all(&self) {
        // SAFETY: live tasks of this worker, none of which runs now. What is ended is out of the queues.
        unsafe {
            // Out of the queue in one go: looking for each would take the square of the time.
            for _ in 0..self.ready_count() {
                let g = self.pop_started();
                if (*g).is_all_mapped() { self.abandon(Header::of(g)) } else { self.push_started(g) }
            }
            let mut index = 0;
            while let Some(&task) = self.live().get(index) {
                index += usize::from(!self.ask_to_end(task));
            }
        }
    }

    /// Ends a task of this worker that has mapped frames only, and is in no queue.
    pub(super) unsafe fn abandon(&self, task: *mut Header) {
        // SAFETY: the caller says so.
        unsafe { self.disown(task) };
        end_unstarted(Stealable(task));
    }

    /// Asks one task to end. Whether it has ended at once.
    unsafe fn ask_to_end(&self, task: *mut Header) -> bool {
        // SAFETY: the caller's task is live on this worker and does not run.
        unsafe {
            let g: *mut G = (*task).g.get();
            if (*g).is_all_mapped() {
                // One that is in the inbox has its turn when it comes out.
                let parked = (*task).park.is_parked() && (*task).park.notify();
                if parked {
                    self.abandon(task);
                }
                return parked;
            }
            if (*task).cancel.ask() && (*task).park.notify() {
                self.make_ready(task, false);
            }
            false
        }
    }

    /// Whether none of the live tasks will end. One with mapped frames only will: if it was not parked when it was asked,
    /// somebody is about to deliver it.
    fn all_refuse(&self) -> bool {
        // SAFETY: live, and none of them runs.
        let refuses = |task: *mut Header| unsafe {
            (*task).cancel.get() == Cancel::Refused && !(*(*task).g.get()).is_all_mapped()
        };
        self.live().iter().all(|&task| refuses(task))
    }

    /// Gives up on the tasks that are left. The list's references to them are leaked, like the rest.
    fn leave_over(&self, seat: &Seat) {
        for task in std::mem::take(self.live()) {
            // SAFETY: live, and never to run again; so its result, if there is none so far, is ours to write.
            unsafe {
                let reason = match (*task).cancel.get() {
                    Cancel::Refused => {
                        "it caught its cancellation and parked again, or cannot be unwound from where it is parked"
                    }
                    _ => "it waits for something that must not be interrupted, or goes on without an end",
                };
                seat.shared.leave(Leftover { task: (*task).to_string(), reason });
                if !(*task).is_done() {
                    ((*task).kind.cancel)(task, Box::new(Cancelled::as_result()));
                    header::end_left_over(task);
                }
            }
        }
    }

    /// The last look, when the loop has ended for good: ends what was handed to this worker and will not run. What comes later
    /// is ended by who brings it.
    pub(super) fn clear_out(&self, seat: &Seat) {
        self.mail.end();
        while let Some(task) = seat.fresh.pop() {
            end_unstarted(task);
        }
    }
}
