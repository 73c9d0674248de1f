//! A worker: an OS thread's queue of tasks, and what happens on its system stack when one yields, parks or ends.
//!
//! ```text
//!     inbox ----\                                            /-- runnext        what a running task has woken and hands over to
//!     timers ----+-- each turn of the loop --> ready tasks --+-- ready (ring)   started: they stay on this thread
//!     poller ---/                                            \-- deque          fresh, or all mapped: others may steal them
//! ```
//!
//! A task that yields, parks or ends goes on with the next one directly. The loop, on the system stack below
//! `morestack_run`'s frame, has its turn when nothing is ready, and after [`TURN`] switches at the latest.
//!
//! A worker belongs to its thread. What others may touch is its [`Mailbox`], and what belongs to the runtime, its [`Seat`].

use super::close::Closing;
use super::header::{self, Header};
use super::io::{Poller, Timeout};
use super::lend;
use super::mailbox::{Mailbox, MailboxRef};
use super::monitor;
use super::panicking;
use super::ring::Ring;
use super::runtime::{Seat, Stealable, end_unstarted};
use super::timers::{self, Key, Timers};
use crate::arch;
use crate::stack::big::BigStack;
use crate::stack::grow::{self, GrowError, Innermost};
use crate::task::g::{Cancel, G};
use crate::task::thread::{self, Thread};
use crate::task::{report, slab};
use std::cell::{Cell, UnsafeCell};
use std::collections::TryReserveError;
use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// Switches after which the loop has its turn although tasks are ready: then it looks for I/O, timers and wakes from other
/// threads. Go's and tokio's number for the same.
const TURN: usize = 61;

/// One in so many switches goes on with a fresh task although started ones are ready, so that these starve it not.
const FRESH_EVERY: usize = 8;

/// After how much I/O that was ready a task gives way: a client that never pauses shall not have its worker to itself. tokio's
/// number for the same.
const BUDGET: usize = 128;

/// How many timers are fired at a time: enough for the memory to work on them side by side, few enough for the first-level cache.
const TIMERS: usize = 16;

/// How many tasks a look for stacks to shrink takes in, and how many parks lie between two looks: a few percent of the
/// switches at most, and a million parked tasks are through after a few seconds of switching.
const SHRINK_BATCH: usize = 16;
const SHRINK_EVERY: u32 = 1024;

/// Bytes below a closure's `G` where the frames of a task that waits may be: only a prefetch depends on it.
const FRAMES: usize = 512;

thread_local! {
    /// The worker whose tasks run on this thread: the innermost one that runs.
    ///
    /// A running task's header leads to it as well. But a switch that goes from there to the queue, and from the queue to the
    /// next `G`, waits for one load after the other, and the next switch for this one: a quarter of its time.
    static RUNNING: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// A mapped task that has ended. `detached`: its result is to be dropped as well.
struct Dead {
    task: *mut Header,
    detached: bool,
}

/// See the module. Only its own thread touches it, and never across a switch.
pub(crate) struct Worker {
    /// Runs before what is in the ring.
    runnext: Cell<*mut G>,
    ready: UnsafeCell<Ring>,
    /// A task that had its time slice: the loop goes on with another one, if there is any.
    preempted: Cell<*mut G>,
    /// The tick at which the loop has its turn.
    poll_at: Cell<usize>,
    /// The tick at which the poller is to be asked although tasks are ready.
    io_at: Cell<usize>,
    pub(super) mail: MailboxRef,
    /// Its place in a runtime; none for a scheduler that its owner runs.
    pub(super) seat: Option<Seat>,
    pub(super) thread: Rc<Thread>,
    /// Tasks that have started and not ended. Each is counted in its references.
    live: UnsafeCell<Vec<*mut Header>>,
    /// Mapped tasks that have ended and left something behind, task-local values or a panic that nobody asks for: destructors
    /// are the user's code, which must not run in the middle of a switch.
    dead: UnsafeCell<Vec<Dead>>,
    /// How many callers of `run_until` wait for the end of a task, and have to look whenever one ends.
    awaited: Cell<u32>,
    /// How many callers of `run_until` there are, one inside the other.
    runs: Cell<u32>,
    /// How many borrows its tasks lend to other threads: see [`lend`](super::lend).
    pub(super) lent: Cell<u32>,
    timers: UnsafeCell<Timers<*mut Header>>,
    /// Made when it is first needed.
    poller: UnsafeCell<Option<Poller>>,
    /// When it wants to be awake without a timer; `u64::MAX` for never.
    pub(super) wake_at: Cell<u64>,
    /// A task that waits on this thread without leaving it.
    blocked: Cell<*mut Header>,
    /// What the task that runs has done without waiting, and the tick at which it began to.
    paid: Cell<(usize, usize)>,
    /// Whether the next turn of the loop begins with a task from the injector, rather than with one of its own.
    injected_first: Cell<bool>,
    pub(super) closing: Closing,
    parks: Cell<u32>,
    /// Where the next look for stacks to shrink begins.
    hand: Cell<usize>,
}

impl Worker {
    /// A worker of the calling thread.
    pub(super) fn new(mail: Mailbox, seat: Option<Seat>) -> Rc<Worker> {
        let worker = Rc::new(Worker {
            runnext: Cell::new(ptr::null_mut()),
            ready: UnsafeCell::default(),
            preempted: Cell::new(ptr::null_mut()),
            poll_at: Cell::new(0),
            io_at: Cell::new(0),
            mail: MailboxRef::new(mail),
            seat,
            thread: thread::current(),
            live: UnsafeCell::default(),
            dead: UnsafeCell::default(),
            awaited: Cell::new(0),
            runs: Cell::new(0),
            lent: Cell::new(0),
            timers: UnsafeCell::new(Timers::new()),
            poller: UnsafeCell::new(None),
            wake_at: Cell::new(u64::MAX),
            blocked: Cell::new(ptr::null_mut()),
            paid: Cell::new((0, 0)),
            injected_first: Cell::new(true),
            closing: Closing::default(),
            parks: Cell::new(0),
            hand: Cell::new(0),
        });
        worker.mail.set_worker(Rc::as_ptr(&worker));
        worker
    }

    /// The worker that runs the current task. Its caller is that task, or works for it on the system stack.
    #[inline]
    pub(super) fn running<'a>() -> &'a Worker {
        let worker = RUNNING.get();
        debug_assert!(!worker.is_null(), "a task runs, so a worker does");
        // SAFETY: whoever runs tasks keeps the worker until that is over, and sets it back then.
        unsafe { &*worker }
    }

    /// Tasks that have started and not ended.
    pub(super) fn live_count(&self) -> usize {
        self.live().len()
    }

    /// The live tasks, for one expression.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "a Cell for one expression")]
    pub(super) fn live(&self) -> &mut Vec<*mut Header> {
        // SAFETY: one thread, and no caller keeps the borrow across a call that could come back here.
        unsafe { &mut *self.live.get() }
    }

    /// The ring, for one expression.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "a Cell for one expression")]
    fn ready(&self) -> &mut Ring {
        // SAFETY: as in `live`.
        unsafe { &mut *self.ready.get() }
    }

    /// The timers, for one expression.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "a Cell for one expression")]
    pub(super) fn timers(&self) -> &mut Timers<*mut Header> {
        // SAFETY: as in `live`.
        unsafe { &mut *self.timers.get() }
    }

    /// Adds a timer that wakes the task, and shows when the worker has to look again.
    #[inline]
    pub(super) fn add_timer(&self, deadline: u64, task: *mut Header) -> Key {
        let key = self.timers().insert(deadline, task);
        self.show_due();
        key
    }

    /// Takes a timer away, if it is still there.
    #[inline]
    pub(super) fn remove_timer(&self, key: Key) {
        self.timers().remove(key);
        self.show_due();
    }

    /// For the monitor: a worker that is blocked when a timer is due has tasks behind it.
    #[inline]
    fn show_due(&self) {
        self.mail.pulse.due.store(self.timers().next().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The poller, which is made now if it is not there.
    ///
    /// # Errors
    /// The kernel refuses one, for want of descriptors.
    #[allow(clippy::mut_from_ref, reason = "a Cell for one expression")]
    pub(super) fn poller(&self) -> io::Result<&mut Poller> {
        // SAFETY: one thread; polling wakes tasks, which touches the ring and not the poller.
        let poller = unsafe { &mut *self.poller.get() };
        if poller.is_none() {
            let new = Poller::new()?;
            self.mail.set_poller(new.handle().clone());
            *poller = Some(new);
        }
        Ok(poller.as_mut().expect("made above"))
    }

    /// Whether it has sources of readiness that a task may wait for.
    fn has_sources(&self) -> bool {
        // SAFETY: as in `poller`.
        unsafe { &*self.poller.get() }.as_ref().is_some_and(|poller| poller.sources() > 0)
    }

    // ------------------------------------------------------------------------------------------------ tasks come and go

    /// Makes room for one more task in the lists, so that neither taking it in nor waking any task needs memory.
    pub(super) fn reserve(&self) -> Result<(), TryReserveError> {
        self.live().try_reserve(1)?;
        let total = self.live_count() + 1;
        self.ready().reserve(total)
    }

    /// Takes a task in that has a `G`, and for which room is reserved. Its reference from the scheduler goes to the list.
    pub(super) unsafe fn adopt(&self, task: *mut Header) -> *mut G {
        // SAFETY: the caller's task is live, belongs to no worker, and does not run.
        unsafe {
            let live = self.live();
            (*task).index.set(u32::try_from(live.len()).expect("fewer tasks than addresses"));
            live.push(task);
            Header::set_mailbox(task, &self.mail);
            let g = (*task).g.get();
            (*g).set_m(self.thread.m());
            g
        }
    }

    /// Takes a fresh task of this thread in, for which room is reserved.
    pub(super) unsafe fn make_ready_fresh(&self, task: *mut Header) {
        // SAFETY: the caller's task has a G and belongs to no worker.
        unsafe {
            let g = self.adopt(task);
            self.ready().push_back(g);
        }
    }

    /// Takes a task out of the list, with its reference.
    pub(super) unsafe fn disown(&self, task: *mut Header) {
        let live = self.live();
        // SAFETY: the caller's task is in the list at its index.
        unsafe {
            let index = (*task).index.get();
            live.swap_remove(index as usize);
            if let Some(&moved) = live.get(index as usize) {
                (*moved).index.set(index);
            }
        }
    }

    /// Brings a task that was stealable onto this worker: a fresh one gets its stack now. If the runtime is being shut down,
    /// that one will only drop its closure.
    pub(super) unsafe fn start(&self, task: *mut Header) -> *mut G {
        // SAFETY: the caller has just taken the task out of a queue of stealable ones, so it is live and nobody else's.
        unsafe {
            if let Err(error) = self.reserve() {
                crate::stack::report::fatal(format_args!("no memory for the run queue, to start {}: {error}", *task));
            }
            if (*task).g.get().is_null() {
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
                (*g).cancel.set(Cancel::Asked);
            }
            g
        }
    }

    /// Whether this is a worker of a runtime that is being shut down.
    #[inline]
    fn is_closing(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.shared.is_closing())
    }

    /// Gives a task away that others may run: it goes to the deque, and a worker that sleeps is woken for it.
    unsafe fn share(&self, seat: &Seat, g: *mut G) {
        let task = Header::of(g);
        // SAFETY: the caller's g is saved and all mapped.
        unsafe { self.disown(task) };
        seat.push(Stealable(task));
    }

    // ------------------------------------------------------------------------------------------------------------- ready

    /// Queues a task that can go on; `next`: before the others.
    #[inline]
    pub(super) unsafe fn make_ready(&self, task: *mut Header, next: bool) {
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
    fn tick(&self) -> bool {
        let ticks = self.ticks().wrapping_add(1);
        self.mail.pulse.ticks.store(ticks, Ordering::Relaxed);
        ticks >= self.poll_at.get()
    }

    #[inline]
    pub(super) fn ticks(&self) -> usize {
        self.mail.pulse.ticks.load(Ordering::Relaxed)
    }

    /// Shows what will run, and prepares it.
    #[inline]
    unsafe fn show(&self, g: *mut G) -> *mut G {
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
    unsafe fn pop(&self) -> *mut G {
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
    unsafe fn next(&self) -> *mut G {
        // SAFETY: as in `pop`; this is the system stack.
        if self.tick() { ptr::null_mut() } else { unsafe { self.pop() } }
    }

    /// Puts the current task behind the others. The task to go on with, maybe itself; null for the loop.
    ///
    /// From Rust it is called on the task's stack, so it starts no task: the loop does, whose turn comes early if there are
    /// fresh ones.
    #[inline]
    unsafe fn give_way(&self, g: *mut G) -> *mut G {
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

    /// Notes that the current task has done something that it could have waited for. Whether it has done enough for now.
    pub(super) fn pay(&self) -> bool {
        let ticks = self.ticks();
        let (since, count) = self.paid.get();
        let count = if since == ticks { count + 1 } else { 1 };
        let enough = count >= BUDGET;
        self.paid.set((ticks, if enough { 0 } else { count }));
        enough
    }

    /// Whether the loop, which is due, would find nothing to do but what is ready: then it is due again as much later.
    #[cold]
    fn nothing_elsewhere(&self) -> bool {
        let nothing = self.mail.is_empty()
            && self.timers().next().is_none()
            && !self.has_sources()
            && self.awaited.get() == 0
            && self.seat.as_ref().is_none_or(|seat| !seat.knows.get() && !seat.has_work());
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
    unsafe fn alone(&self, g: *mut G) -> *mut G {
        if self.seat.as_ref().is_some_and(|seat| !seat.fresh.is_empty()) {
            self.ready().push_back(g);
            return ptr::null_mut();
        }
        g
    }

    // -------------------------------------------------------------------------------------------------------- the loop

    /// What the loop goes on with, if it has found this task or none: a task that had its time slice comes after all others.
    unsafe fn after_preemption(&self, found: *mut G) -> *mut G {
        let preempted = self.preempted.replace(ptr::null_mut());
        // SAFETY: it stands at a check, all mapped, in no queue.
        unsafe {
            if preempted.is_null() {
                return found;
            }
            if found.is_null() {
                return self.show(preempted);
            }
            match &self.seat {
                Some(seat) if seat.others_sleep() && (*preempted).may_change_thread() => self.share(seat, preempted),
                _ => self.ready().push_back(preempted),
            }
        }
        found
    }

    /// Takes in what has happened elsewhere, without blocking.
    pub(super) fn look_around(&self) {
        let ticks = self.ticks();
        let fresh = self.seat.as_ref().is_some_and(|seat| !seat.fresh.is_empty());
        self.poll_at.set(ticks.wrapping_add(if fresh { FRESH_EVERY } else { TURN }));
        for task in self.mail.take() {
            // SAFETY: it came out of the inbox, so it is live.
            if unsafe { (*task).is_fresh() && (*task).kind.run.is_none() } && self.is_closing() {
                end_unstarted(Stealable(task));
                continue;
            }
            // SAFETY: whoever ended its park delivered it here, or who spawned it for this worker: it is in no other queue.
            unsafe {
                if (*task).is_fresh() {
                    self.start(task);
                }
                self.make_ready(task, false);
            }
        }
        self.fire_timers();
        if ticks >= self.io_at.get() {
            self.io_at.set(ticks.wrapping_add(TURN));
            if self.has_sources() {
                self.ask_poller(Timeout::Now);
            }
        }
        // A pair that hands over to each other has had its turn.
        let next = self.runnext.replace(ptr::null_mut());
        if !next.is_null() {
            self.ready().push_back(next);
        }
    }

    /// Wakes who waits for a time that has come.
    fn fire_timers(&self) {
        let Some(first) = self.timers().next() else { return };
        let now = timers::now();
        if first > now {
            return;
        }
        // What becomes ready now is no timer's business any more.
        self.mail.pulse.due.store(u64::MAX, Ordering::Relaxed);
        // Sleepers were left long ago, and each of them is a few cache misses: all of a batch are fetched at once.
        loop {
            let mut batch = [ptr::null_mut::<Header>(); TIMERS];
            let mut count = 0;
            while count < TIMERS
                && let Some(task) = self.timers().pop(now)
            {
                arch::prefetch_write(task.addr());
                batch[count] = task;
                count += 1;
            }
            // SAFETY: a task removes its timers before their frames are gone, so these are live. They may be ready already.
            unsafe {
                for &task in &batch[..count] {
                    arch::prefetch_write((*task).g.get().addr());
                }
                for &task in &batch[..count] {
                    Header::wake(task, false);
                }
            }
            if count < TIMERS {
                return self.show_due();
            }
        }
    }

    /// Asks the poller for events; tasks that wait for them become ready.
    fn ask_poller(&self, timeout: Timeout) {
        let asked = self.poller().and_then(|poller| poller.poll(timeout));
        if let Err(error) = asked {
            crate::stack::report::fatal(format_args!("a worker cannot wait for events: {error}"));
        }
    }

    /// Runs tasks, beginning with this one, until one goes back to the loop.
    unsafe fn run(&self, g: *mut G) {
        // SAFETY: the caller's g is ready; `m` is this thread's.
        unsafe {
            let outer = RUNNING.replace(self);
            self.mail.pulse.begin();
            arch::morestack_run(g, self.thread.m());
            self.mail.pulse.end();
            RUNNING.set(outer);
        }
        while let Some(Dead { task, detached }) = {
            // SAFETY: one thread, and the borrow ends before the user's code runs.
            unsafe { (*self.dead.get()).pop() }
        } {
            // SAFETY: it was kept for this, with the worker's reference.
            unsafe {
                super::locals::destroy(task);
                if detached {
                    Header::drop_result(task);
                }
                Header::release(task);
            }
        }
    }

    /// Runs tasks until none is ready and no time and no event is waited for, or until `done` says so, which is asked
    /// whenever the loop has its turn, and when a task has ended. On a thread of the program's own not before no task lends
    /// anything, unless it was called by one of its own tasks: whoever comes back from the outermost call may give the tasks
    /// up, and end the thread. (A runtime's thread knows to stay, and may be the one to run who borrows.)
    pub(super) fn run_until(self: &Rc<Self>, done: Option<&dyn Fn() -> bool>) {
        // If a task ends the process, thread-locals are destroyed above this frame, which then never returns: they may own
        // the worker, but the tasks still need it.
        let _kept = self.clone();
        crate::signal::refuse_in_handler("runs tasks");
        let _awaited = done.map(|_| Awaited::new(self));
        let _run = Run::new(self);
        let must_go_on = || self.runs.get() == 1 && self.lent.get() > 0 && Seat::here().is_none();
        // Below a task of a runtime: that one's worker polls nothing meanwhile.
        let _poller = self.seat.is_none().then(super::io::NoPoller::new);
        // In a destructor while the caller panics, which is no affair of the tasks.
        let _away = panicking::Away::new();
        while !done.is_some_and(|done| done()) || must_go_on() {
            self.look_around();
            // SAFETY: this is the system stack of what runs below.
            let g = unsafe { self.after_preemption(self.pop()) };
            if !g.is_null() {
                // SAFETY: it was ready.
                unsafe { self.run(g) };
            } else if self.timers().next().is_some() || self.has_sources() || must_go_on() {
                self.sleep();
            } else {
                return;
            }
        }
    }

    /// The life of a worker's OS thread, until its runtime is shut down. `started` gets its mailbox, or why there is none.
    pub(crate) fn main(seat: Seat, started: impl FnOnce(io::Result<MailboxRef>)) {
        let shared = seat.shared.clone();
        let worker = Worker::new(Mailbox::new(shared.idle.clone()), Some(seat));
        let seat = worker.seat.as_ref().expect("made with one");
        match worker.poller() {
            Ok(poller) => {
                super::io::set_current_poller(Some(poller.handle().clone()));
                started(Ok(worker.mail.clone()));
            }
            Err(error) => started(Err(error)),
        }
        if shared.wait_for_all() {
            Seat::set(seat);
            worker.work(seat);
            worker.clear_out(seat);
            Seat::set(ptr::null());
        }
        super::io::set_current_poller(None);
        let (index, stays) = (seat.index(), lend::any_here());
        drop(worker);
        shared.worker_ends(index, stays);
        drop(shared);
        if stays {
            // A task that was left over lends what may be a thread-local.
            loop {
                std::thread::park();
            }
        }
    }

    /// Runs tasks until the runtime is shut down.
    fn work(self: &Rc<Self>, seat: &Seat) {
        loop {
            self.look_around();
            if seat.shared.is_closing() && self.close(seat) {
                seat.end_search(&self.mail.sleeper);
                return;
            }
            // SAFETY: this is the system stack of what runs below, and nothing runs.
            unsafe {
                let mut g = ptr::null_mut();
                // Each turn begins with a fresh task, if there is one. In a shutdown, only `close` takes them in.
                if !seat.knows.get()
                    && let Some(task) = self.next_fresh(seat)
                {
                    g = self.show_stolen(seat, task);
                }
                if g.is_null() {
                    g = self.pop();
                }
                g = self.after_preemption(g);
                if g.is_null()
                    && !seat.knows.get()
                    && let Some(task) = seat.search(&self.mail.sleeper)
                {
                    g = self.show_stolen(seat, task);
                    if g.is_null() {
                        continue;
                    }
                }
                if g.is_null() {
                    self.sleep();
                } else {
                    seat.end_search(&self.mail.sleeper);
                    self.run(g);
                }
            }
        }
    }

    /// Takes in a stealable task, to go on with it; null if it was ended, because it is mapped and the runtime is being shut down.
    unsafe fn show_stolen(&self, seat: &Seat, task: Stealable) -> *mut G {
        // SAFETY: it was in a queue of stealable ones, and is ours now.
        if seat.shared.is_closing() && unsafe { (*task.0).kind.run.is_none() } {
            end_unstarted(task);
            return ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { self.show(self.start(task.0)) }
    }

    /// A fresh task, from the injector and from its own queue by turns, so that neither starves the other.
    fn next_fresh(&self, seat: &Seat) -> Option<Stealable> {
        if self.injected_first.replace(!self.injected_first.get()) {
            seat.shared.take_injected().or_else(|| seat.fresh.pop())
        } else {
            seat.fresh.pop().or_else(|| seat.shared.take_injected())
        }
    }

    /// Blocks the thread until something happens that concerns this worker.
    pub(super) fn sleep(&self) {
        let timeout = match self.timers().next().unwrap_or(u64::MAX).min(self.wake_at.get()) {
            u64::MAX => Timeout::Never,
            deadline => Timeout::Until(deadline),
        };
        if let Err(error) = self.poller() {
            crate::stack::report::fatal(format_args!("a worker cannot wait for events: {error}"));
        }
        let idle = self.mail.idle();
        idle.prepare(&self.mail.sleeper);
        if !self.mail.is_empty() || self.seat.as_ref().is_some_and(Seat::has_work) {
            idle.cancel(&self.mail.sleeper);
            return;
        }
        self.ask_poller(timeout);
        idle.woken(&self.mail.sleeper);
        if self.seat.is_some() {
            monitor::wake();
        }
        self.io_at.set(self.ticks().wrapping_add(TURN));
    }

    /// Waits for the end of the task's park without leaving its stack: no other task of this worker runs meanwhile.
    pub(super) fn block(&self, task: *mut Header) {
        let outer = self.blocked.replace(task);
        // SAFETY: the task is the current one.
        if unsafe { (*task).park.begin_park() } {
            // SAFETY: as above.
            monitor::report_panicking_wait(unsafe { &(*task).ident });
            while self.blocked.get() == task {
                self.look_around();
                if self.blocked.get() == task {
                    self.sleep_blocked();
                }
            }
        }
        self.blocked.set(outer);
    }

    /// As [`sleep`](Self::sleep), for a worker that can run nothing: it leaves stealable work to others, and passes on what it
    /// is woken for.
    fn sleep_blocked(&self) {
        let pass_on = || {
            if let Some(seat) = &self.seat {
                seat.end_search(&self.mail.sleeper);
            }
        };
        pass_on();
        let timeout = self.timers().next().map_or(Timeout::Never, Timeout::Until);
        let idle = self.mail.idle();
        idle.prepare(&self.mail.sleeper);
        if !self.mail.is_empty() {
            idle.cancel(&self.mail.sleeper);
            return pass_on();
        }
        self.ask_poller(timeout);
        idle.woken(&self.mail.sleeper);
        pass_on();
    }

    // --------------------------------------------------------------------------------------------------------- shrinking

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
            match grow::shrink(stack, &mut (*self.thread.m()).cache, report::program_table(), innermost) {
                Ok(shrunk) => shrunk,
                // No memory for a smaller stack: it keeps the one it has.
                Err(GrowError::Memory(_)) => false,
                Err(error) => report::cannot_grow(&*g, innermost, &error),
            }
        }
    }

    /// Whether a task is ready.
    pub(super) fn has_ready(&self) -> bool {
        self.ready().len() != 0 || !self.runnext.get().is_null() || !self.preempted.get().is_null()
    }

    /// How many tasks are ready on a worker of another thread, by copies that touch nothing of it. Nonsense unless the worker
    /// was there and ran no code of ours meanwhile, which the caller finds out.
    pub(super) fn ready_from_outside(worker: *const Worker) -> Option<usize> {
        let runnext: MaybeUninit<*mut G> = monitor::copy(worker.addr() + offset_of!(Worker, runnext))?;
        let ring: MaybeUninit<[u8; size_of::<Ring>()]> = monitor::copy(worker.addr() + offset_of!(Worker, ready))?;
        // SAFETY: both were filled, and any bytes are an address, or bytes.
        let (runnext, ring) = unsafe { (runnext.assume_init(), ring.assume_init()) };
        Some(Ring::len_in(&ring) + usize::from(!runnext.is_null()))
    }

    /// Puts a task that had its time slice to the others: in a shutdown no turn is kept.
    pub(super) fn requeue_preempted(&self) {
        let preempted = self.preempted.replace(ptr::null_mut());
        if !preempted.is_null() {
            self.ready().push_back(preempted);
        }
    }

    /// How many started tasks are ready.
    pub(super) fn ready_count(&self) -> usize {
        self.ready().len() + usize::from(!self.runnext.get().is_null())
    }

    /// Takes the first of them out. There is one.
    pub(super) fn pop_started(&self) -> *mut G {
        let next = self.runnext.replace(ptr::null_mut());
        if next.is_null() { self.ready().pop_front().expect("the caller has counted") } else { next }
    }

    /// Puts it back, behind the others.
    pub(super) fn push_started(&self, g: *mut G) {
        self.ready().push_back(g);
    }

    /// Takes a task out of the queue of ready ones. Whether it was there.
    fn unqueue(&self, g: *mut G) -> bool {
        if self.runnext.get() == g {
            self.runnext.set(ptr::null_mut());
            return true;
        }
        self.ready().remove(g)
    }

    /// Drops the tasks that have been taken in but have not run.
    pub(super) fn cancel_fresh(&self) {
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

impl Drop for Worker {
    fn drop(&mut self) {
        self.mail.set_worker(ptr::null());
    }
}

/// While it lives, the end of any task brings the worker back to its `run_until`s.
struct Awaited<'a>(&'a Worker);

impl<'a> Awaited<'a> {
    fn new(worker: &'a Worker) -> Awaited<'a> {
        worker.awaited.set(worker.awaited.get() + 1);
        Awaited(worker)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.awaited.set(self.0.awaited.get() - 1);
    }
}

/// A call of `run_until`.
struct Run<'a>(&'a Worker);

impl<'a> Run<'a> {
    fn new(worker: &'a Worker) -> Run<'a> {
        worker.runs.set(worker.runs.get() + 1);
        Run(worker)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.runs.set(self.0.runs.get() - 1);
    }
}

/// Gives back all stacks of a task that will not run again, and its `G`.
pub(super) unsafe fn free_stacks(g: *mut G) {
    // SAFETY: the caller says so, and m is this thread's.
    unsafe {
        (*Header::of(g)).g.set(ptr::null_mut());
        (*g).stack.to_rust = ptr::null_mut();
        if let Some(segment) = (*g).stack.take_segment() {
            (*(*g).m).cache.free(segment);
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
unsafe fn take_lent(g: *mut G) -> Option<BigStack> {
    // SAFETY: the caller says that no frame is on it; only stacks of the default size are lent.
    unsafe {
        let hi = std::mem::take(&mut (*g).big_hi);
        (hi != 0).then(|| BigStack::from_hi(hi))
    }
}

// -------------------------------------------------------------------------------------------- called from assembly

/// The current task goes behind the others. Returns the next task, or null. Called on the system stack, by
/// `runtime.Gosched` and by a failed check.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn morestack_yield(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        if (*g).is_borrowed() {
            return yield_borrowed(g);
        }
        if std::thread::panicking() {
            // Mapped code above a destructor that runs while the task panics: see `morestack_park`.
            return g;
        }
        let worker = Worker::running();
        if let Some(seat) = &worker.seat
            && seat.others_sleep()
            && (*g).may_change_thread()
        {
            // Who steals it may end it.
            worker.mail.pulse.hide();
            worker.share(seat, g);
            return worker.next();
        }
        worker.give_way(g)
    }
}

/// The current task has had its time slice. It stands at a check, and its frames are all mapped. Back to the loop, which looks
/// around for whoever waits, wherever that is, and comes back to the task when it has had a turn. Called on the system stack.
pub(super) unsafe fn preempted(g: *mut G) -> *mut G {
    let worker = Worker::running();
    worker.tick();
    worker.io_at.set(0);
    worker.preempted.set(g);
    ptr::null_mut()
}

/// Yields from Rust code of the current task: straight to the next task, without a visit to the system stack.
#[inline]
pub(super) unsafe fn yield_rust(g: *mut G) {
    unsafe extern "C" fn to_loop(_: *mut G) -> *mut G {
        ptr::null_mut()
    }
    // SAFETY: the caller is Rust code of the task g, on its big stack. The queue has it already, but on this thread nobody
    // looks before it is saved.
    unsafe {
        let next = Worker::running().give_way(g);
        if next.is_null() {
            arch::morestack_mcall(to_loop);
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

/// The current task waits to be woken. Returns the next task, or null. Called on the system stack, by `mcall`.
pub(super) unsafe extern "C" fn park(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        let task = Header::of(g);
        let worker = Worker::running();
        // A big stack lent for a call that is over is not kept through a park.
        if (*g).big_hi != 0 && (*g).stack.to_rust.is_null() {
            drop(take_lent(g));
        }
        // From here on others may end the park. But only this thread runs the task, and not before the next switch.
        if !(*task).park.begin_park() {
            return g;
        }
        worker.shrink_some();
        worker.next()
    }
}

/// `runtime.gopark`: as [`sched::park`](super::park), from mapped code. Called on the system stack.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_park(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        if (*g).is_borrowed() {
            std::thread::park();
            return g;
        }
        let task = Header::of(g);
        if (*task).token.swap(false, Ordering::Acquire) {
            return g;
        }
        if std::thread::panicking() {
            // Mapped code above a destructor that runs while the task panics: nothing here could take the panic's state back
            // when the task goes on.
            Worker::running().block(task);
            (*task).token.store(false, Ordering::Relaxed);
            return g;
        }
        if (*g).cancel.get() == Cancel::Asked {
            // Rust frames are below, and mapped code parks again although its runtime is being shut down.
            (*g).cancel.set(Cancel::Refused);
        }
        (*task).in_gopark.set(true);
        let next = park(g);
        if next == g {
            // It was woken before it was parked. As above, that was the unpark.
            (*task).in_gopark.set(false);
            (*task).token.store(false, Ordering::Relaxed);
        }
        next
    }
}

/// The current task has ended. Returns the next task, or null. Called on the system stack, by asm/start.s.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_exit(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the current g, whose outermost frame stands at sched.sp and will never run again.
    unsafe {
        let task = Header::of(g);
        let worker = Worker::running();
        worker.mail.pulse.hide();
        let mut dead = None;
        if (*g).big.is_none() {
            let result = match (*g).panic.take() {
                Some(payload) => Err(payload),
                None => Ok((*g).stack.sched.sp as *const u64),
            };
            let panicked = result.is_err();
            ((*task).kind.finish)(task, result);
            // Looked at before anybody hears of the end and gives up the task.
            let has_locals = !(*task).locals.get().is_null();
            let detached = (*task).set_done() && panicked;
            dead = (detached || has_locals).then_some(Dead { task, detached });
        }
        header::give_place(task);
        free_stacks(g);
        worker.disown(task);
        if let Some(dead) = dead {
            (*worker.dead.get()).push(dead);
            return ptr::null_mut();
        }
        Header::release(task);
        if worker.awaited.get() != 0 { ptr::null_mut() } else { worker.next() }
    }
}
