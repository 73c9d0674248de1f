//! What is ready, and which of it comes next.

use super::{FRESH_EVERY, TURN, Worker};
use crate::arch;
use crate::sched::cancel::Cancel;
use crate::sched::header::Header;
use crate::sched::monitor;
use crate::sched::ring::Ring;
use crate::sched::runtime::{Seat, Stealable};
use crate::task::g::G;
use std::mem::{ManuallyDrop, MaybeUninit, offset_of};
use std::ptr;
use std::sync::atomic::Ordering;

/// Bytes below a closure's `G` where the frames of a task that waits may be: only a prefetch depends on it.
const FRAMES: usize = 512;

impl Worker {
    /// Queues a task that can go on; `next`: before the others.
    #[inline]
    pub(in crate::sched) unsafe fn make_ready(&self, task: *mut Header, next: bool) {
        if self.blocked.get() == task {
            self.blocked.set(ptr::null_mut());
            return;
        }
        // SAFETY: the caller's task stands in its G, is live on this worker, and in no queue.
        unsafe {
            let g = (*task).g.get();
            // It was left long ago. By the time it has its turn, its state and its innermost frames are here again.
            arch::prefetch_write(g.addr());
            arch::prefetch_write(g.addr().wrapping_sub(FRAMES));
            if (*task).in_gopark.get() {
                // It cannot look once more whether it was an unpark: that is used up now.
                (*task).in_gopark.set(false);
                (*task).token.store(false, Ordering::Relaxed);
                if (*task).cancel.get() == Cancel::Asked && (*g).is_all_mapped() {
                    return self.doomed().push(task);
                }
                if let Some(seat) = &self.seat
                    && seat.others_sleep()
                    && (*g).may_change_thread()
                {
                    return self.share(seat, g);
                }
            }
            if next {
                let second = self.runnext.replace(g);
                if second.is_null() {
                    return;
                }
                self.ready().push_back(second);
            } else {
                self.ready().push_back(g);
            }
        }
    }

    /// Counts a switch. Whether the loop is due.
    #[inline]
    pub(super) fn tick(&self) -> bool {
        let ticks = self.ticks().wrapping_add(1);
        self.mail.pulse.ticks.store(ticks, Ordering::Relaxed);
        ticks >= self.poll_at.get()
    }

    #[inline]
    pub(in crate::sched) fn ticks(&self) -> usize {
        self.mail.pulse.ticks.load(Ordering::Relaxed)
    }

    /// Shows what will run, and prepares it.
    #[inline]
    pub(super) unsafe fn show(&self, g: *mut G) -> *mut G {
        self.mail.pulse.show(g);
        // The guard is the real one already, unless a mode wants each check to fail.
        if cfg!(feature = "debug-modes") {
            // SAFETY: the caller's g is live.
            unsafe { (*g).stack.reset_guard() };
        }
        g
    }

    /// A task to go on with, if one is ready. On the system stack, or with room to spare.
    #[inline]
    pub(super) unsafe fn pop(&self) -> *mut G {
        // SAFETY: queued tasks are live and stand in their sched.
        unsafe {
            let next = self.runnext.replace(ptr::null_mut());
            if !next.is_null() {
                return self.show(next);
            }
            if let Some(seat) = &self.seat
                && self.ticks().is_multiple_of(FRESH_EVERY)
                && let Some(Stealable(task)) = seat.pop_fresh()
            {
                return self.show(self.start(task));
            }
            if let Some(g) = self.ready().pop_front() {
                return self.show(g);
            }
            if let Some(seat) = &self.seat
                && let Some(Stealable(task)) = seat.pop_fresh()
            {
                return self.show(self.start(task));
            }
        }
        ptr::null_mut()
    }

    /// The next task to switch to; null for the loop.
    #[inline]
    pub(super) unsafe fn next(&self) -> *mut G {
        // SAFETY: as in `pop`; this is the system stack.
        if self.tick() { ptr::null_mut() } else { unsafe { self.pop() } }
    }

    /// Puts the current task behind the others. The task to go on with, maybe itself; null for the loop.
    ///
    /// From Rust it is called on the task's stack, so it starts no task: the loop does, whose turn comes early if there are
    /// fresh ones.
    #[inline]
    pub(super) unsafe fn give_way(&self, g: *mut G) -> *mut G {
        // SAFETY: the current g is live; queued ones too, and they stand in their sched.
        unsafe {
            if self.tick() && !self.nothing_elsewhere() {
                self.ready().push_back(g);
                return ptr::null_mut();
            }
            let mut next = self.runnext.replace(ptr::null_mut());
            if next.is_null() {
                let Some(first) = self.ready().pop_front() else { return self.alone(g) };
                next = first;
            }
            self.ready().push_back(g);
            self.show(next)
        }
    }

    /// Whether the loop, which is due, would find nothing to do but what is ready: then it is due again as much later.
    #[cold]
    pub(super) fn nothing_elsewhere(&self) -> bool {
        let nothing = self.mail.is_empty()
            && self.timers().next().is_none()
            && !self.has_sources()
            && self.awaited.get() == 0
            && self.seat.as_ref().is_none_or(Seat::leaves_in_peace);
        if nothing {
            let next = self.runnext.replace(ptr::null_mut());
            if !next.is_null() {
                self.ready().push_back(next);
            }
            self.poll_at.set(self.ticks().wrapping_add(TURN));
        }
        nothing
    }

    /// The current task gives way, and none is ready: there may be fresh ones.
    pub(super) unsafe fn alone(&self, g: *mut G) -> *mut G {
        if self.seat.as_ref().is_some_and(|seat| !seat.fresh.is_empty()) {
            self.ready().push_back(g);
            return ptr::null_mut();
        }
        g
    }

    /// Whether a task is ready.
    pub(in crate::sched) fn has_ready(&self) -> bool {
        self.ready().len() != 0 || !self.runnext.get().is_null() || !self.preempted.get().is_null()
    }

    /// How many tasks are ready on a worker of another thread, by copies that touch nothing of it. Nonsense unless the worker
    /// was there and ran no code of ours meanwhile, which the caller finds out.
    pub(in crate::sched) fn ready_from_outside(worker: *const Worker) -> Option<usize> {
        let runnext: MaybeUninit<*mut G> = monitor::copy(worker.addr() + offset_of!(Worker, runnext))?;
        let ring: MaybeUninit<[u8; size_of::<Ring>()]> = monitor::copy(worker.addr() + offset_of!(Worker, ready))?;
        // SAFETY: both were filled, and any bytes are an address, or bytes.
        let (runnext, ring) = unsafe { (runnext.assume_init(), ring.assume_init()) };
        Some(Ring::len_in(&ring) + usize::from(!runnext.is_null()))
    }

    /// The live tasks of a worker of another thread, by copies that touch nothing of it; as in
    /// [`ready_from_outside`](Self::ready_from_outside).
    pub(in crate::sched) fn live_from_outside(worker: *const Worker) -> Option<Vec<*const Header>> {
        let live: MaybeUninit<ManuallyDrop<Vec<*mut Header>>> =
            monitor::copy(worker.addr() + offset_of!(Worker, live))?;
        // SAFETY: the list was there and nobody used it, or else the caller finds that out. It is not ours to drop.
        let live = unsafe { live.assume_init() };
        let (first, len) = (live.as_ptr().addr(), live.len());
        (0..len)
            .map(|index| {
                let task: MaybeUninit<*const Header> = monitor::copy(first + index * size_of::<*const Header>())?;
                // SAFETY: any bytes are an address.
                Some(unsafe { task.assume_init() })
            })
            .collect()
    }

    /// Puts a task that had its time slice to the others: in a shutdown no turn is kept.
    pub(in crate::sched) fn requeue_preempted(&self) {
        let preempted = self.preempted.replace(ptr::null_mut());
        if !preempted.is_null() {
            self.ready().push_back(preempted);
        }
    }

    /// How many started tasks are ready.
    pub(in crate::sched) fn ready_count(&self) -> usize {
        self.ready().len() + usize::from(!self.runnext.get().is_null())
    }

    /// Takes the first of them out. There is one.
    pub(in crate::sched) fn pop_started(&self) -> *mut G {
        let next = self.runnext.replace(ptr::null_mut());
        if next.is_null() { self.ready().pop_front().expect("the caller has counted") } else { next }
    }

    /// Puts it back, behind the others.
    pub(in crate::sched) fn push_started(&self, g: *mut G) {
        self.ready().push_back(g);
    }

    /// Takes a task out of the queue of ready ones. Whether it was there.
    pub(super) fn unqueue(&self, g: *mut G) -> bool {
        if self.runnext.get() == g {
            self.runnext.set(ptr::null_mut());
            return true;
        }
        self.ready().remove(g)
    }
}
