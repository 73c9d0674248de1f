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
use super::header::Header;
use super::mailbox::{Mailbox, MailboxRef};
use super::ring::Ring;
use super::runtime::Seat;
use super::timers::{self, Key, Timers};
use crate::sched::io::Poller;
use crate::task::g::G;
use crate::task::thread::{self, Thread};
use std::cell::{Cell, UnsafeCell};
use std::io;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

mod foreign;
mod hooks;
mod life;
mod ready;
mod shrink;
mod turn;

pub(super) use hooks::{morestack_yield, park, preempted, yield_rust};
pub(super) use life::free_stacks;
use life::take_lent;

/// Switches after which the loop has its turn although tasks are ready: then it looks for I/O, timers and wakes from other
/// threads. Go's and tokio's number for the same.
const TURN: usize = 61;

/// One in so many switches goes on with a fresh task although started ones are ready, so that these starve it not.
const FRESH_EVERY: usize = 8;

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
    /// Mapped tasks that were cancelled and have parked: the loop ends them.
    doomed: UnsafeCell<Vec<*mut Header>>,
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
    /// The time of the loop's last turn, as [`timers::coarse`](super::timers::coarse) tells: waits say since when they last.
    clock: Cell<u32>,
    /// A task that waits on this thread without leaving it.
    blocked: Cell<*mut Header>,
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
        #[cfg(feature = "debug-modes")]
        super::left::watch();
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
            doomed: UnsafeCell::default(),
            awaited: Cell::new(0),
            runs: Cell::new(0),
            lent: Cell::new(0),
            timers: UnsafeCell::new(Timers::new()),
            poller: UnsafeCell::new(None),
            wake_at: Cell::new(u64::MAX),
            clock: Cell::new(timers::coarse()),
            blocked: Cell::new(ptr::null_mut()),
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

    /// The worker that runs a task on this thread, if one does.
    #[inline]
    pub(super) fn here<'a>() -> Option<&'a Worker> {
        // SAFETY: as in `running`.
        unsafe { RUNNING.get().as_ref() }
    }

    /// Whether the task waits on this thread without having left its stack: its G does not say where it is.
    pub(super) fn has_blocked(&self, task: *mut Header) -> bool {
        self.blocked.get() == task
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

    /// The mapped tasks that the loop is to end, for one expression.
    #[allow(clippy::mut_from_ref, reason = "a Cell for one expression")]
    pub(super) fn doomed(&self) -> &mut Vec<*mut Header> {
        // SAFETY: as in `live`.
        unsafe { &mut *self.doomed.get() }
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
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.mail.set_worker(ptr::null());
    }
}
