//! The run queue, and what happens on the system stack when a task yields, parks or ends.

use super::ring::Ring;
use crate::arch;
use crate::stack::big::BigStack;
use crate::stack::grow::{self, GrowError, Innermost};
use crate::task::g::{G, Status};
use crate::task::report;
use crate::task::thread::{self, Thread};
use std::cell::{Cell, UnsafeCell};
use std::collections::TryReserveError;
use std::ptr;
use std::rc::Rc;

/// How many tasks a look for stacks to shrink takes in, and how many parks lie between two looks: a few percent of the
/// switches at most, and a million parked tasks are through after a few seconds of switching.
const SHRINK_BATCH: usize = 16;
const SHRINK_EVERY: u32 = 1024;

/// The scheduler's state, shared with its tasks' handles. Only its own thread touches it, and never across a switch.
pub(super) struct Inner {
    pub(super) thread: Rc<Thread>,
    ready: UnsafeCell<Ring>,
    /// Tasks that have not ended. Each is counted in its `refs` too.
    live: UnsafeCell<Vec<*mut G>>,
    /// Tasks that have ended with a panic that nobody asks for: the payload's destructor is the user's code, which must not
    /// run in the middle of a switch.
    dead: UnsafeCell<Vec<*mut G>>,
    pub(super) next_id: Cell<u64>,
    /// Tasks that have ended, and for which somebody in `run_until` waits that has not looked yet.
    pub(super) awaited: Cell<u32>,
    parks: Cell<u32>,
    /// Where the next look for stacks to shrink begins.
    hand: Cell<usize>,
}

thread_local! {
    /// The scheduler whose tasks run on this thread: the innermost `run`.
    ///
    /// A running task's `G` names it as well. But a switch that goes from there to the queue, and from the queue to the next
    /// `G`, waits for one load after the other, and the next switch for this one: a quarter of its time.
    static RUNNING: Cell<*const Inner> = const { Cell::new(ptr::null()) };
}

impl Inner {
    pub(super) fn new() -> Inner {
        Inner {
            thread: thread::current(),
            ready: UnsafeCell::default(),
            live: UnsafeCell::default(),
            dead: UnsafeCell::default(),
            next_id: Cell::new(1),
            awaited: Cell::new(0),
            parks: Cell::new(0),
            hand: Cell::new(0),
        }
    }

    /// Tasks that have not ended.
    pub(super) fn live_count(&self) -> usize {
        // SAFETY: one thread, and the borrow ends here.
        unsafe { (*self.live.get()).len() }
    }

    /// The queue, for one expression.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    unsafe fn queue(&self) -> &mut Ring {
        // SAFETY: one thread, and no caller keeps the borrow across a call that could come back here.
        unsafe { &mut *self.ready.get() }
    }

    /// Makes room for one more task in the lists, so that neither taking it in nor waking any task needs memory.
    pub(super) fn reserve(&self) -> Result<(), TryReserveError> {
        // SAFETY: one thread, and the borrows end here.
        unsafe {
            let live = &mut *self.live.get();
            let queue = self.queue();
            live.try_reserve(1)?;
            queue.reserve(live.len() + 1)
        }
    }

    /// Takes in a fresh task, whose reference from here the caller has counted, and for which it has reserved.
    pub(super) fn add(&self, g: *mut G) {
        // SAFETY: one thread; g is live.
        unsafe {
            let live = &mut *self.live.get();
            (*g).index.set(live.len());
            live.push(g);
            self.queue().push_back(g);
        }
    }

    /// Makes the task's park return: the one it is in, or else the next.
    pub(super) unsafe fn unpark(&self, g: *mut G) {
        // SAFETY: the caller's g is live and belongs to this scheduler.
        unsafe {
            match (*g).status.get() {
                Status::Parked => {
                    (*g).status.set(Status::Ready);
                    self.queue().push_back(g);
                }
                Status::Ready => (*g).token.set(true),
                Status::Done => {}
            }
        }
    }

    /// Runs tasks until none is ready or `done` says so, which is asked whenever the scheduler gets its turn.
    pub(super) fn run_until(self: &Rc<Self>, done: impl Fn() -> bool) {
        // If a task ends the process, thread-locals are destroyed above this frame, which then never returns: they may own
        // the scheduler, but the tasks still need it.
        let _kept = self.clone();
        crate::signal::refuse_in_handler("runs tasks");
        while !done() {
            // SAFETY: a queued task is live and stands in its sched; `m` is this thread's.
            unsafe {
                let Some(g) = self.queue().pop_front() else { return };
                start(g);
                let outer = RUNNING.replace(Rc::as_ptr(self));
                arch::morestack_run(g, self.thread.m());
                RUNNING.set(outer);
                while let Some(g) = (*self.dead.get()).pop() {
                    G::release(g);
                }
            }
        }
    }

    /// The next task to switch to; none if somebody in `run_until` has to look first, however many are ready.
    #[inline]
    fn next(&self) -> *mut G {
        if self.awaited.get() != 0 {
            return ptr::null_mut();
        }
        // SAFETY: a queued task is live and stands in its sched.
        unsafe { self.queue().pop_front().map_or(ptr::null_mut(), |g| start(g)) }
    }

    /// Takes a task that has ended out of the list.
    unsafe fn remove(&self, g: *mut G) {
        // SAFETY: one thread; the caller's g is in the list at its index.
        unsafe {
            let live = &mut *self.live.get();
            let index = (*g).index.get();
            live.swap_remove(index);
            if let Some(&moved) = live.get(index) {
                (*moved).index.set(index);
            }
        }
    }

    /// Marks a task as ended and wakes who waits for it.
    unsafe fn ended(&self, g: *mut G) {
        // SAFETY: the caller's g is live; a joiner is parked, or about to look again.
        unsafe {
            (*g).status.set(Status::Done);
            let joiner = (*g).joiner.replace(ptr::null_mut());
            if !joiner.is_null() {
                self.unpark(joiner);
            }
        }
    }

    /// Looks at a few tasks for stacks to shrink, now and then.
    fn shrink_some(&self) {
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
    pub(super) fn shrink(&self, index: usize) -> bool {
        // SAFETY: one thread, and a parked task does not run: it stands in its sched, and its records are live.
        unsafe {
            let g = (&(*self.live.get()))[index];
            if (*g).status.get() != Status::Parked {
                return false;
            }
            let stack = &mut (*g).stack;
            let innermost = if stack.contains(stack.sched.sp) { Innermost::Sched } else { Innermost::Crossing };
            match grow::shrink(stack, &mut (*self.thread.m()).cache, report::program_table(), innermost) {
                Ok(shrunk) => shrunk,
                // No memory for a smaller stack: it keeps the one it has.
                Err(GrowError::Memory(_)) => false,
                Err(error) => report::cannot_grow(&*g, innermost, &error),
            }
        }
    }

    /// Drops the tasks that have not started.
    pub(super) fn cancel_fresh(&self) {
        /// Ends the task even if its closure panics while it is dropped.
        struct End<'a>(&'a Inner, *mut G);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                // SAFETY: the list's reference to the task was ours since it was taken out.
                unsafe {
                    self.0.count_awaited(self.1);
                    self.0.ended(self.1);
                    G::release(self.1);
                }
            }
        }
        // SAFETY: one thread, and no borrow of the lists is held while a closure is dropped, which may spawn, or unpark.
        unsafe {
            let is_fresh = |&&g: &&*mut G| !(*g).started.get();
            while let Some(&g) = (&*self.live.get()).iter().find(is_fresh) {
                self.queue().remove(g);
                self.remove(g);
                free_stacks(g);
                (*g).panic = Some(Box::new("the scheduler was dropped before the task had started"));
                let _end = End(self, g);
                ((*g).role.expect("a task has a role").cancel)(g);
            }
        }
    }

    /// Notes that a task ends for which somebody waits in `run_until`.
    unsafe fn count_awaited(&self, g: *mut G) {
        // SAFETY: the caller's g is live.
        self.awaited.set(self.awaited.get() + u32::from(unsafe { (*g).awaited.get() }));
    }
}

/// Marks a task as started when it first gets its turn.
#[inline]
unsafe fn start(g: *mut G) -> *mut G {
    // SAFETY: the caller's g is live.
    unsafe {
        (*g).started.set(true);
        // The guard is the real one already, unless a mode wants each check to fail.
        if cfg!(feature = "debug-modes") {
            (*g).stack.reset_guard();
        }
    }
    g
}

unsafe fn inner<'a>(g: *mut G) -> &'a Inner {
    // SAFETY: a task that runs belongs to a scheduler, whose `run` is on this thread's stack and holds it.
    unsafe { &*(*g).sched.cast::<Inner>() }
}

/// The current task goes to the end of the queue. Returns the next task, or null. Called on the system stack, by
/// `runtime.Gosched` and by a failed check.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn morestack_yield(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        if (*g).is_borrowed() {
            return yield_borrowed(g);
        }
        give_way(g)
    }
}

/// Puts the current task at the end of the queue. The task to go on with, maybe itself; null if somebody in `run_until` has
/// to look first.
#[inline]
unsafe fn give_way(g: *mut G) -> *mut G {
    // SAFETY: the current task's scheduler runs on this thread; queued tasks are live and stand in their sched.
    unsafe {
        debug_assert_eq!(RUNNING.get(), (*g).sched.cast(), "the task that yields is the running scheduler's");
        let inner = &*RUNNING.get();
        if inner.awaited.get() != 0 {
            inner.queue().push_back(g);
            return ptr::null_mut();
        }
        let Some(next) = inner.queue().pop_front() else { return start(g) };
        inner.queue().push_back(g);
        start(next)
    }
}

/// Yields from Rust code of the current task: straight to the next task, without a visit to the system stack.
#[inline]
pub(super) unsafe fn yield_rust(g: *mut G) {
    unsafe extern "C" fn to_scheduler(_: *mut G) -> *mut G {
        ptr::null_mut()
    }
    // SAFETY: the caller is Rust code of the task g, on its big stack. The queue has it already, but on this thread nobody
    // looks before it is saved.
    unsafe {
        let next = give_way(g);
        if next.is_null() {
            arch::morestack_mcall(to_scheduler);
        } else if next != g {
            arch::morestack_switch(next);
        }
    }
}

/// Mapped code outside any task gives way as its thread does.
#[cold]
fn yield_borrowed(g: *mut G) -> *mut G {
    std::thread::yield_now();
    g
}

/// The current task waits for an unpark. Returns the next task, or null. Called on the system stack, by `mcall` and by
/// `runtime.gopark`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn morestack_park(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        if (*g).is_borrowed() {
            std::thread::park();
            return g;
        }
        if (*g).token.replace(false) {
            return g;
        }
        (*g).status.set(Status::Parked);
        // A big stack lent for a call that is over is not kept through a park.
        if (*g).big_hi != 0 && (*g).stack.to_rust.is_null() {
            drop(take_lent(g));
        }
        let inner = inner(g);
        inner.shrink_some();
        inner.next()
    }
}

/// The current task has ended. Returns the next task, or null. Called on the system stack, by asm/start.s.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_exit(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the current g, whose outermost frame stands at sched.sp and will never run again.
    unsafe {
        let role = (*g).role.expect("a task that runs has a role");
        if (*g).panic.is_none() {
            (role.finish)(g, (*g).stack.sched.sp as *const u64);
        }
        free_stacks(g);
        let inner = inner(g);
        inner.remove(g);
        inner.ended(g);
        if (*g).panic.is_some() && (*g).refs.get() == 1 {
            (*inner.dead.get()).push(g);
            return ptr::null_mut();
        }
        inner.count_awaited(g);
        G::release(g);
        inner.next()
    }
}

/// The big stack that was lent to the task and is not in use.
unsafe fn take_lent(g: *mut G) -> Option<BigStack> {
    // SAFETY: the caller says that no frame is on it; only stacks of the default size are lent.
    unsafe {
        let hi = std::mem::take(&mut (*g).big_hi);
        (hi != 0).then(|| BigStack::from_hi(hi))
    }
}

/// Gives back all stacks of a task that will not run again.
unsafe fn free_stacks(g: *mut G) {
    // SAFETY: the caller says so; m is this thread's.
    unsafe {
        (*g).stack.to_rust = ptr::null_mut();
        if let Some(segment) = (*g).stack.take_segment() {
            (*(*g).m).cache.free(segment);
        }
        drop(take_lent(g));
        (*g).big = None;
    }
}
