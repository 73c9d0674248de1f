//! The part of a worker that other threads may touch. Tasks hold it, so it outlives its worker for as long as anybody could
//! wake one of them.

use super::header::Header;
use super::idle::{Idle, Sleeper};
use super::inbox::{Batch, Inbox};
use super::inspect::{Counts, Request};
use super::io::PollerHandle;
use super::runtime::{Stealable, end_unstarted};
use super::worker::Worker;
use crate::stack::{big, locked};
use crate::task::g::G;
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock};

/// What a worker shows of what it does: written by the worker at each switch, read by the monitor.
pub(super) struct Pulse {
    /// Switches so far.
    pub(super) ticks: AtomicUsize,
    /// Raised before the worker's loop runs tasks, and after: odd while one runs.
    runs: AtomicUsize,
    /// The `G` of the task that runs. Null when that is about to be freed.
    g: AtomicPtr<G>,
    /// When the worker's earliest timer is due, as [`timers::now`](super::timers::now) counts; `u64::MAX` for never.
    pub(super) due: AtomicU64,
}

/// What runs on a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Running {
    ticks: usize,
    runs: usize,
    g: *mut G,
}

impl Running {
    /// Its `G`, which may be gone by now; null if it is just ending.
    pub(super) fn g(self) -> *mut G {
        self.g
    }

    /// Its `G`, if that lies in no big stack: it is a mapped task's then, whose memory stays a `G`'s for good
    /// ([`slab`](crate::task::slab)).
    pub(super) fn mapped(self) -> Option<*mut G> {
        (!self.g.is_null() && !big::is_big(self.g.addr())).then_some(self.g)
    }
}

// SAFETY: an address, to be compared.
unsafe impl Send for Running {}

impl Pulse {
    fn new() -> Pulse {
        Pulse {
            ticks: AtomicUsize::new(0),
            runs: AtomicUsize::new(0),
            g: AtomicPtr::new(ptr::null_mut()),
            due: AtomicU64::new(u64::MAX),
        }
    }

    /// This task runs next.
    #[inline]
    pub(super) fn show(&self, g: *mut G) {
        self.g.store(g, Ordering::Relaxed);
    }

    /// The task that runs is about to be freed, or given away. Whoever reads it sees this no later than that.
    #[inline]
    pub(super) fn hide(&self) {
        self.g.store(ptr::null_mut(), Ordering::Relaxed);
        fence(Ordering::Release);
    }

    /// The loop begins to run tasks.
    #[inline]
    pub(super) fn begin(&self) {
        self.runs.store(self.runs.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The loop has its turn.
    #[inline]
    pub(super) fn end(&self) {
        self.hide();
        self.begin();
    }

    /// What runs, if anything does. Two equal answers mean that nothing else ran between.
    pub(super) fn running(&self) -> Option<Running> {
        // What the caller has read before is older than this.
        fence(Ordering::Acquire);
        let (ticks, runs) = (self.ticks.load(Ordering::Relaxed), self.runs.load(Ordering::Relaxed));
        (!runs.is_multiple_of(2)).then(|| Running { ticks, runs, g: self.g.load(Ordering::Relaxed) })
    }
}

/// Where wakes for the tasks of a worker are delivered.
///
/// References are counted with a bias towards the worker's thread, where nearly all of them come and go: it takes many at a
/// time and counts those that it has to spare without atomics. ("Biased reference counting", Choi, Shull and Torrellas,
/// PACT 2018.)
pub(crate) struct Mailbox {
    refs: AtomicUsize,
    /// References that are counted in `refs` and belong to nobody. The worker's thread's, and only while there is a worker.
    spare: Cell<usize>,
    pub(super) pulse: CachePadded<Pulse>,
    inbox: CachePadded<Inbox<Header>>,
    pub(super) sleeper: Sleeper,
    idle: Arc<Idle>,
    /// What it counts.
    pub(super) counts: CachePadded<Counts>,
    /// Whether somebody wants to know what its tasks do, and who.
    asked: AtomicBool,
    requests: Mutex<Vec<Arc<Request>>>,
    /// Wakes the worker out of its poller; not there while it has none.
    poller: OnceLock<Arc<PollerHandle>>,
    /// The thread of the worker, as [`this_thread`] tells.
    owner: usize,
    /// What the kernel calls that thread.
    pub(super) tid: libc::pid_t,
    /// Whether the worker has looked into the inbox for the last time.
    ended: AtomicBool,
    /// The worker while it exists. Only its own thread may follow this.
    worker: AtomicPtr<Worker>,
}

// SAFETY: `spare` is used by its own thread only, as `local` checks; the rest is made for sharing.
unsafe impl Send for Mailbox {}
// SAFETY: likewise.
unsafe impl Sync for Mailbox {}

/// A reference to a mailbox.
pub(crate) struct MailboxRef(NonNull<Mailbox>);

// SAFETY: counted atomically where it is not on the worker's thread; what it leads to is made for sharing.
unsafe impl Send for MailboxRef {}
// SAFETY: likewise.
unsafe impl Sync for MailboxRef {}

/// References that a worker takes at a time.
const BATCH: usize = 1024;

impl MailboxRef {
    /// The first one.
    pub(super) fn new(mailbox: Mailbox) -> MailboxRef {
        MailboxRef(NonNull::from(Box::leak(Box::new(mailbox))))
    }

    pub(super) fn as_ptr(&self) -> *const Mailbox {
        self.0.as_ptr()
    }

    /// A reference for a task, to be given up by [`Mailbox::release`]. On the worker's thread.
    #[inline]
    pub(super) fn for_task(&self) -> *const Mailbox {
        debug_assert!(self.local().is_some(), "called by the worker");
        if self.spare.get() == 0 {
            self.refs.fetch_add(BATCH, Ordering::Relaxed);
            self.spare.set(BATCH);
        }
        self.spare.set(self.spare.get() - 1);
        self.as_ptr()
    }
}

impl Clone for MailboxRef {
    fn clone(&self) -> MailboxRef {
        // SAFETY: this is a reference.
        unsafe { self.retain() }
    }
}

impl Deref for MailboxRef {
    type Target = Mailbox;

    #[inline]
    fn deref(&self) -> &Mailbox {
        // SAFETY: this is a reference.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for MailboxRef {
    fn drop(&mut self) {
        // SAFETY: its own reference.
        unsafe { Mailbox::release(self.as_ptr()) };
    }
}

/// A number that no other thread alive has.
#[inline]
fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| ptr::from_ref(here).addr())
}

impl Mailbox {
    /// One for a worker of the calling thread, which sleeps by the rules of `idle`.
    pub(super) fn new(idle: Arc<Idle>) -> Mailbox {
        Mailbox {
            refs: AtomicUsize::new(1),
            spare: Cell::new(0),
            pulse: CachePadded::new(Pulse::new()),
            inbox: CachePadded::new(Inbox::new()),
            sleeper: Sleeper::new(),
            idle,
            counts: CachePadded::default(),
            asked: AtomicBool::new(false),
            requests: Mutex::new(Vec::new()),
            poller: OnceLock::new(),
            owner: this_thread(),
            // SAFETY: without preconditions.
            tid: unsafe { libc::gettid() },
            ended: AtomicBool::new(false),
            worker: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Names the worker, or takes its name away. On its thread.
    pub(super) fn set_worker(&self, worker: *const Worker) {
        debug_assert_eq!(self.owner, this_thread());
        self.worker.store(worker.cast_mut(), Ordering::Relaxed);
        if worker.is_null() {
            // Not the last ones: the worker has one.
            self.refs.fetch_sub(self.spare.take(), Ordering::Relaxed);
        }
    }

    /// Another reference.
    unsafe fn retain(&self) -> MailboxRef {
        // The caller says that there is one already.
        self.refs.fetch_add(1, Ordering::Relaxed);
        MailboxRef(NonNull::from(self))
    }

    /// Gives up a reference.
    #[inline]
    pub(super) unsafe fn release(this: *const Mailbox) {
        // SAFETY: the caller owns the reference.
        unsafe {
            if (*this).local().is_some() {
                (*this).spare.set((*this).spare.get() + 1);
            } else if (*this).refs.fetch_sub(1, Ordering::Release) == 1 {
                fence(Ordering::Acquire);
                drop(Box::from_raw(this.cast_mut()));
            }
        }
    }

    /// Says how the worker is woken when it blocks.
    pub(super) fn set_poller(&self, poller: Arc<PollerHandle>) {
        let _there_is_one = self.poller.set(poller);
    }

    /// The worker, if it is the calling thread's, and still there.
    #[inline]
    fn local(&self) -> Option<&Worker> {
        if self.owner != this_thread() {
            return None;
        }
        // SAFETY: on its own thread, the worker takes its name away before it is gone.
        unsafe { self.worker.load(Ordering::Relaxed).as_ref() }
    }

    /// Whether it is the calling thread's.
    #[inline]
    pub(super) unsafe fn is_local(this: *const Mailbox) -> bool {
        // SAFETY: the caller's mailbox is live.
        unsafe { (*this).owner == this_thread() }
    }

    /// Makes a task ready whose park the caller has ended; `next`: before the others.
    ///
    /// The mailbox is the task's when this is called. A task with Rust frames keeps it for as long as the caller keeps the task;
    /// a mapped one may be on another worker the moment it is in the inbox.
    #[inline]
    pub(super) unsafe fn deliver(this: *const Mailbox, task: *mut Header, next: bool) {
        // SAFETY: see above.
        let this = unsafe { &*this };
        match this.local() {
            // SAFETY: parked, and nobody else makes it ready, so it stands in its G.
            Some(worker) => unsafe {
                this.counts.woken.raise();
                worker.make_ready(task, next);
            },
            None => {
                // SAFETY: until it is pushed, the task is the caller's, and keeps its mailbox. Whoever ends a park is the only one to
                // deliver the task, so it is in no inbox.
                unsafe {
                    let _kept = (*task).kind.run.is_none().then(|| this.retain());
                    this.inbox.push(task);
                    this.alarm();
                }
            }
        }
    }

    /// Hands a fresh task to this worker. If that has ended, the task ends unstarted.
    pub(super) fn post(&self, task: *mut Header) {
        // SAFETY: a fresh task is in no other queue.
        unsafe { self.inbox.push(task) };
        fence(Ordering::SeqCst);
        if self.ended.load(Ordering::Relaxed) {
            self.end_fresh();
        } else {
            self.alarm();
        }
    }

    /// The worker looks into its inbox no more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        // Who posts sees that the worker has ended, or this sees what was posted.
        fence(Ordering::SeqCst);
        self.end_fresh();
    }

    /// Ends the fresh tasks that nobody will take. Of the others that are woken the worker has given up; they stay as they are.
    fn end_fresh(&self) {
        for task in self.inbox.take() {
            // SAFETY: it came out of the inbox, so it is live, and nobody else's.
            if unsafe { (*task).is_fresh() } {
                end_unstarted(Stealable(task));
            }
        }
    }

    /// Asks the worker what its tasks do.
    pub(super) fn ask(&self, request: &Arc<Request>) {
        locked(&self.requests).push(request.clone());
        self.asked.store(true, Ordering::Release);
        self.alarm();
    }

    /// Whether it is asked. The worker looks in each turn of its loop, and before it sleeps.
    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// What it is asked.
    pub(super) fn take_requests(&self) -> Vec<Arc<Request>> {
        self.asked.store(false, Ordering::Relaxed);
        std::mem::take(&mut *locked(&self.requests))
    }

    /// Whether an event could come for one of its sockets.
    pub(super) fn has_sources(&self) -> bool {
        self.poller.get().is_some_and(|poller| poller.has_sources())
    }

    /// Whether an event has come for one of its tasks, and it has not taken that in.
    pub(super) fn has_events(&self) -> bool {
        self.poller.get().is_some_and(|poller| poller.is_awaited())
    }

    /// The rules by which the worker sleeps.
    pub(super) fn idle(&self) -> &Idle {
        &self.idle
    }

    /// Sees to it that the worker looks around: it does not sleep, or is woken.
    pub(super) fn alarm(&self) {
        if self.idle.claim(&self.sleeper) {
            self.interrupt();
        }
    }

    /// Wakes the worker, which was asleep and is claimed by the caller.
    pub(super) fn interrupt(&self) {
        if let Some(poller) = self.poller.get()
            && let Err(error) = poller.notify()
        {
            crate::stack::report::fatal(format_args!("a worker cannot be woken: {error}"));
        }
    }

    /// The tasks delivered since the last time, in that order. The worker's; when it has ended, anybody's.
    #[inline]
    pub(super) fn take(&self) -> Batch<Header> {
        self.inbox.take()
    }

    /// Where the worker is, or was.
    pub(super) fn worker_address(&self) -> *const Worker {
        self.worker.load(Ordering::Relaxed)
    }

    /// Whether none was delivered.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }
}
