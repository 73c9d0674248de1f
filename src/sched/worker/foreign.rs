//! Split builds: whose big stack foreign calls go to, when tasks take turns.
//!
//! A worker's [`M`](crate::task::g::M) has one big stack, which all tasks that run there use for their foreign calls. A task that gives way in
//! the middle of one, because foreign code has called Rust code that waits, takes it along, and the worker gets another. It
//! keeps that (in `G::big_hi`) until it gives way outside any foreign call. A task that was spawned with a larger stack than usual has
//! one of its own from the start, and keeps it to the end.
//!
//! In a plain build there is nothing to do.

#![cfg_attr(not(morestack_split), allow(unused_variables, clippy::missing_const_for_fn))]

use super::Worker;
use crate::task::g::G;

#[cfg(morestack_split)]
mod split {
    use super::*;
    use crate::arch;
    use crate::stack::split::{self, Foreign};
    use crate::task::g::M;
    use std::ptr;

    /// A big stack, without which no task can go on.
    fn fresh() -> Foreign {
        Foreign::new().unwrap_or_else(|error| {
            crate::stack::report::fatal(format_args!("no stack for the foreign calls of a worker's tasks: {error}"))
        })
    }

    /// The task `g` is about to give way; `waits`: not only for a turn.
    #[inline]
    pub(in crate::sched) unsafe fn leave(g: *mut G, waits: bool) {
        // SAFETY: the caller's g is the current task.
        unsafe {
            if !(*g).split.get() {
                return;
            }
            if waits {
                let segment = arch::current_segment();
                if !(*segment).next.is_null() {
                    split::trim(segment);
                }
            }
            if arch::foreign().sp != (*(*g).m).foreign.sp {
                exchange(g);
            }
        }
    }

    /// The task is in a foreign call, or was in one when it gave way before.
    #[cold]
    unsafe fn exchange(g: *mut G) {
        // SAFETY: the current task, and its thread's M. While the words below are in between, nothing calls foreign code on a
        // small segment: this runs on the system stack, or changes them at once.
        unsafe {
            let m: *mut M = (*g).m;
            let now = arch::foreign();
            let kept = (*g).big_hi;
            if kept == 0 {
                // The worker's own, from now on the task's.
                let taken = (*m).foreign.hi;
                now.keep(taken);
                (*g).away.set(true);
                (*g).big_hi = taken;
                (*m).foreign = fresh();
            } else if now.is_unused(kept) && (*g).big.is_none() {
                (*g).big_hi = 0;
                // From here on what it calls runs on the worker's, also what gives this one back.
                arch::set_foreign((*m).foreign);
                Foreign { hi: kept, ..Foreign::NONE }.give_back();
            } else {
                now.keep(kept);
                (*g).away.set(true);
            }
            arch::set_foreign((*m).foreign);
        }
    }

    /// The task `g` was about to give way, and goes on instead. (Where it does give way, assembly does this: TAKE_SEGMENT.)
    #[inline]
    pub(in crate::sched) unsafe fn stay(g: *mut G) {
        // SAFETY: the caller's g is the current task.
        unsafe {
            if (*g).split.get() && (*g).away.replace(false) {
                arch::set_foreign(Foreign::kept((*g).big_hi));
            }
        }
    }

    /// The worker is about to sleep: it gives back what deep recursion through foreign code has left cached.
    pub(in crate::sched) fn tidy(worker: &Worker) {
        // SAFETY: m is this thread's. Its big stack has a top, and what is behind it is in use only while something is on it.
        unsafe {
            let foreign = (*worker.thread.m()).foreign;
            if foreign.hi != 0 && arch::foreign() == foreign && foreign.is_unused(foreign.hi) {
                Foreign::trim(foreign.hi);
            }
        }
    }

    /// The task has ended: nothing is on its segment but `G`.
    pub(in crate::sched) unsafe fn end(g: *mut G) {
        // SAFETY: the caller's g is the one that has ended, or has never run; m is this thread's.
        unsafe {
            let kept = std::mem::take(&mut (*g).big_hi);
            if kept != 0 {
                match (*g).big.take() {
                    Some(own) => {
                        Foreign::trim(kept);
                        drop(own);
                    }
                    None => Foreign { hi: kept, ..Foreign::NONE }.give_back(),
                }
                // One that has never run is not the current task.
                if !(*g).away.get() {
                    arch::set_foreign((*(*g).m).foreign);
                }
            }
            split::free_first((*g).seg);
        }
    }

    /// While it lives, the tasks of a worker that runs inside a task, or in other checked code, have another big stack than that.
    pub(in crate::sched) struct Inside {
        m: *mut M,
        outer: Option<Foreign>,
    }

    impl Inside {
        #[inline]
        pub(in crate::sched) fn new(worker: &Worker) -> Inside {
            let m = worker.thread.m();
            // SAFETY: m is this thread's, and nobody else looks at it meanwhile.
            unsafe {
                let mut outer = None;
                if (*m).foreign.hi == 0 {
                    split::prepare();
                    (*m).foreign = fresh();
                    if arch::tcb_guard() == 0 && arch::foreign() == Foreign::NONE {
                        arch::set_foreign((*m).foreign);
                    }
                }
                if arch::tcb_guard() != 0 || arch::foreign().sp != (*m).foreign.sp {
                    outer = Some((*m).foreign);
                    (*m).foreign = fresh();
                }
                Inside { m, outer }
            }
        }
    }

    impl Drop for Inside {
        fn drop(&mut self) {
            // SAFETY: as in `new`; no task is on the inner one, because a worker comes back only between tasks, and who waits
            // in a foreign call has taken it along.
            unsafe {
                match self.outer {
                    Some(outer) => ptr::replace(&raw mut (*self.m).foreign, outer).give_back(),
                    // The one that was the thread's and the worker's both is gone with such a task, perhaps.
                    None => arch::set_foreign((*self.m).foreign),
                }
            }
        }
    }
}

#[cfg(morestack_split)]
pub(in crate::sched) use split::{Inside, end, leave, stay, tidy};

#[cfg(not(morestack_split))]
mod plain {
    use super::*;

    #[inline(always)]
    pub(in crate::sched) unsafe fn leave(g: *mut G, waits: bool) {}

    #[inline(always)]
    pub(in crate::sched) unsafe fn stay(g: *mut G) {}

    pub(in crate::sched) unsafe fn end(g: *mut G) {}

    #[inline(always)]
    pub(in crate::sched) fn tidy(worker: &Worker) {}

    pub(in crate::sched) struct Inside;

    impl Inside {
        #[inline(always)]
        pub(in crate::sched) fn new(worker: &Worker) -> Inside {
            Inside
        }
    }
}

#[cfg(not(morestack_split))]
pub(in crate::sched) use plain::{Inside, end, leave, stay, tidy};
