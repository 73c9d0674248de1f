//! Tasks come to a worker, and leave it.

use super::{Worker, foreign};
use crate::sched::header::{self, Header};
use crate::sched::runtime::{Seat, Stealable};
use crate::stack::big::BigStack;
use crate::task::g::G;
use crate::task::slab;
use std::collections::TryReserveError;
use std::ptr;

impl Worker {
    /// Makes room for one more task in the lists, so that neither taking it in nor waking any task needs memory.
    pub(in crate::sched) fn reserve(&self) -> Result<(), TryReserveError> {
        self.live().try_reserve(1)?;
        let total = self.live_count() + 1;
        self.ready().reserve(total)
    }

    /// Takes a task in that has a `G`, and for which room is reserved. Its reference from the scheduler goes to the list.
    pub(in crate::sched) unsafe fn adopt(&self, task: *mut Header) -> *mut G {
        // SAFETY: the caller's task is live, belongs to no worker, and does not run.
        unsafe {
            let live = self.live();
            (*task).index.set(u32::try_from(live.len()).expect("fewer tasks than addresses"));
            live.push(task);
            self.mail.counts.live.set(live.len());
            self.mail.counts.started.raise();
            Header::set_mailbox(task, &self.mail);
            let g = (*task).g.get();
            (*g).set_m(self.thread.m());
            g
        }
    }

    /// Takes a fresh task of this thread in, for which room is reserved.
    pub(in crate::sched) unsafe fn make_ready_fresh(&self, task: *mut Header) {
        // SAFETY: the caller's task has a G and belongs to no worker.
        unsafe {
            let g = self.adopt(task);
            self.ready().push_back(g);
        }
    }

    /// Takes a task out of the list, with its reference.
    pub(in crate::sched) unsafe fn disown(&self, task: *mut Header) {
        let live = self.live();
        // SAFETY: the caller's task is in the list at its index.
        unsafe {
            let index = (*task).index.get();
            live.swap_remove(index as usize);
            self.mail.counts.live.set(live.len());
            if let Some(&moved) = live.get(index as usize) {
                (*moved).index.set(index);
            }
        }
    }

    /// Brings a task that was stealable onto this worker: a fresh one gets its stack now. If the runtime is being shut down,
    /// that one will only drop its closure.
    pub(in crate::sched) unsafe fn start(&self, task: *mut Header) -> *mut G {
        // SAFETY: the caller has just taken the task out of a queue of stealable ones, so it is live and nobody else's.
        unsafe {
            if let Err(error) = self.reserve() {
                crate::stack::report::fatal(format_args!("no memory for the run queue, to start {}: {error}", *task));
            }
            if (*task).g.get().is_null() && header::is_checked((*task).kind) {
                if let Err(error) = header::settle_small(task, self.thread.m()) {
                    crate::stack::report::fatal(format_args!(
                        "{} cannot start: {error}; spawn fewer tasks at a time",
                        *task
                    ));
                }
            } else if (*task).g.get().is_null() {
                let big = match header::take_big(task) {
                    Ok(big) => big,
                    Err(error) => crate::stack::report::fatal(format_args!(
                        "{} cannot start: {error}; spawn fewer tasks at a time",
                        *task
                    )),
                };
                header::settle(task, big);
            }
            let g = self.adopt(task);
            if self.is_closing() {
                (*task).cancel.ask();
            }
            g
        }
    }

    /// Whether this is a worker of a runtime that is being shut down.
    #[inline]
    pub(in crate::sched) fn is_closing(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.shared.is_closing())
    }

    /// Gives a task away that others may run: it goes to the deque, and a worker that sleeps is woken for it.
    pub(super) unsafe fn share(&self, seat: &Seat, g: *mut G) {
        let task = Header::of(g);
        // SAFETY: the caller's g is saved and all mapped.
        unsafe { self.disown(task) };
        seat.push(Stealable(task));
    }

    /// Drops the tasks that have been taken in but have not run.
    pub(in crate::sched) fn cancel_fresh(&self) {
        /// Ends the task even if its closure panics while it is dropped.
        struct End(*mut Header);
        impl Drop for End {
            fn drop(&mut self) {
                // SAFETY: the list's reference to the task was ours since it was taken out.
                unsafe { header::end_cancelled(self.0) };
            }
        }
        // SAFETY: one thread, and no borrow of the lists is held while a closure is dropped, which may spawn, or unpark.
        unsafe {
            while let Some(task) = self.live().iter().copied().find(|&task| header::has_not_run((*task).g.get())) {
                let g = (*task).g.get();
                self.unqueue(g);
                self.disown(task);
                free_stacks(g);
                let _end = End(task);
                header::cancel_closure(task, "the scheduler was dropped before the task had started");
            }
        }
    }
}

/// Gives back all stacks of a task that will not run again, and its `G`.
pub(in crate::sched) unsafe fn free_stacks(g: *mut G) {
    // SAFETY: the caller says so, and m is this thread's.
    unsafe {
        (*Header::of(g)).g.set(ptr::null_mut());
        (*g).stack.to_rust = ptr::null_mut();
        if let Some(segment) = (*g).stack.take_segment() {
            (*(*g).m).cache.free(segment);
        }
        if (*g).split.get() {
            // The G lies in its first segment, and has nothing left to drop.
            return foreign::end(g);
        }
        drop(take_lent(g));
        match (*g).big.take() {
            // The G lies in it, and has nothing left to drop.
            Some(big) => drop(big),
            None => slab::free(g),
        }
    }
}

/// The big stack that was lent to the task and is not in use.
pub(super) unsafe fn take_lent(g: *mut G) -> Option<BigStack> {
    // SAFETY: the caller says that no frame is on it; only stacks of the default size are lent.
    unsafe {
        let hi = std::mem::take(&mut (*g).big_hi);
        (hi != 0).then(|| BigStack::from_hi(hi))
    }
}
