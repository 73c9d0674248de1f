//! What the workers of a runtime share, and how it is shut down.

use super::header::{self, Header};
use super::idle::{Idle, Sleeper};
use super::mailbox::MailboxRef;
use super::on::{On, WaitsFor};
use super::wait::{self, Cancelled, Uncancellable};
use super::waker::Waker;
use crossbeam_deque::{Injector, Steal, Stealer};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A task that any worker may run: fresh, or with mapped frames only. Its owner is the queue that it is in.
pub(crate) struct Stealable(pub(super) *mut Header);

// SAFETY: a fresh task's closure is Send; frames of mapped code are bound to no thread.
unsafe impl Send for Stealable {}

/// What the workers of a runtime share.
pub(crate) struct Shared {
    injector: Injector<Stealable>,
    stealers: Box<[Stealer<Stealable>]>,
    /// There once every worker has started; empty if one could not.
    mailboxes: OnceLock<Box<[MailboxRef]>>,
    pub(super) idle: Arc<Idle>,
    closing: AtomicBool,
    /// When the workers give up on tasks that do not end, and which they were.
    closing_state: Mutex<Closing>,
    /// Told when a worker ends.
    one_ended: Condvar,
}

/// How a shutdown goes.
#[derive(Default)]
struct Closing {
    deadline: Option<Instant>,
    leftovers: Vec<Leftover>,
    /// Workers that have ended, and the task that waits for the last.
    ended: usize,
    /// Those of them whose threads stay.
    staying: Vec<usize>,
    awaited_by: Option<Waker>,
}

/// A task that a shutdown could not end. What its stack owns is leaked; joining it gives
/// [`Cancelled`](crate::sched::Cancelled).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its number and name: `task 7 "parser"`.
    pub task: String,
    /// Why it could not be unwound.
    pub reason: &'static str,
}

impl Shared {
    /// What is shared by as many workers as there are deques.
    pub(crate) fn new(deques: &[crossbeam_deque::Worker<Stealable>]) -> Shared {
        Shared {
            injector: Injector::new(),
            stealers: deques.iter().map(crossbeam_deque::Worker::stealer).collect(),
            mailboxes: OnceLock::new(),
            idle: Arc::new(Idle::new()),
            closing: AtomicBool::new(false),
            closing_state: Mutex::default(),
            one_ended: Condvar::new(),
        }
    }

    /// Lets the workers begin.
    pub(crate) fn begin(&self, mailboxes: Vec<MailboxRef>) {
        let first = self.mailboxes.set(mailboxes.into());
        debug_assert!(first.is_ok(), "a runtime begins once");
    }

    /// Blocks until every worker is there. `false`: one could not start, so none begins.
    pub(crate) fn wait_for_all(&self) -> bool {
        self.mailboxes.wait().len() == self.workers()
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.stealers.len()
    }

    pub(super) fn mailboxes(&self) -> &[MailboxRef] {
        self.mailboxes.get().map_or(&[], |all| all)
    }

    /// Whether stealable tasks are ready that are this worker's, or anybody's.
    pub(super) fn has_ready(&self, worker: usize) -> bool {
        !self.injector.is_empty() || self.stealers.get(worker).is_some_and(|stealer| !stealer.is_empty())
    }

    /// Queues a fresh task for whichever worker comes first.
    pub(super) fn inject(&self, task: Stealable) {
        self.injector.push(task);
        self.wake_one();
        if self.is_closing() {
            // Perhaps no worker looks any more.
            self.drop_injected();
        }
    }

    /// Queues a fresh task for one worker. `false`: there is no such worker.
    pub(super) fn inject_at(&self, worker: usize, task: *mut Header) -> bool {
        let Some(mailbox) = self.mailboxes().get(worker) else { return false };
        mailbox.post(task);
        true
    }

    /// Wakes a worker for stealable work, if one sleeps and none is looking for some.
    #[inline]
    fn wake_one(&self) {
        let mailboxes = self.mailboxes();
        if let Some(index) = self.idle.claim_any(mailboxes.iter().map(|mailbox| &mailbox.sleeper)) {
            mailboxes[index].interrupt();
        }
    }

    /// A task from the injector.
    #[inline]
    pub(super) fn take_injected(&self) -> Option<Stealable> {
        if self.injector.is_empty() {
            return None;
        }
        loop {
            match self.injector.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    // ---------------------------------------------------------------------------------------------------------- shutdown

    /// Asks the workers to end their tasks and themselves; they give up on tasks that do not end after `grace`.
    pub(crate) fn close(&self, grace: Duration) {
        let deadline = Instant::now().checked_add(grace);
        self.locked().deadline = deadline;
        self.closing.store(true, Ordering::SeqCst);
        for mailbox in self.mailboxes() {
            mailbox.alarm();
        }
    }

    /// Whether the runtime is being shut down.
    #[inline]
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// When the workers give up; `None` for never.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.locked().deadline
    }

    /// A worker has ended, but for the rest of its thread, or for its thread, which stays.
    pub(super) fn worker_ends(&self, index: usize, stays: bool) {
        let mut state = self.locked();
        state.ended += 1;
        state.staying.extend(stays.then_some(index));
        let awaited_by = state.awaited_by.take();
        drop(state);
        self.one_ended.notify_all();
        if let Some(waker) = awaited_by {
            waker.wake();
        }
    }

    /// Waits until so many workers have ended: in a task of a runtime without keeping the thread, on which others may have to
    /// go on first. Nothing interrupts it. Returns those whose threads stay.
    pub(crate) fn wait_for_end(&self, workers: usize) -> Vec<usize> {
        if !super::spawn::in_task_of_a_runtime() {
            let state = self.one_ended.wait_while(self.locked(), |state| state.ended < workers);
            return std::mem::take(&mut state.unwrap_or_else(PoisonError::into_inner).staying);
        }
        let _not_now = Uncancellable::new();
        loop {
            let mut state = self.locked();
            if state.ended >= workers {
                return std::mem::take(&mut state.staying);
            }
            state.awaited_by = Some(Waker::current());
            drop(state);
            wait::wait(On::any(WaitsFor::Shutdown));
        }
    }

    /// Notes a task that does not end.
    pub(super) fn leave(&self, leftover: Leftover) {
        self.locked().leftovers.push(leftover);
    }

    /// The tasks that did not end.
    pub(crate) fn leftovers(&self) -> Vec<Leftover> {
        std::mem::take(&mut self.locked().leftovers)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Closing> {
        crate::stack::locked(&self.closing_state)
    }

    /// Ends the tasks that nobody will take from the injector.
    pub(crate) fn drop_injected(&self) {
        while let Some(task) = self.take_injected() {
            end_unstarted(task);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Those that nobody has waited for, because the runtime was dropped in one of its own tasks.
        for leftover in self.leftovers() {
            super::monitor::report_leftover(leftover);
        }
        self.drop_injected();
        for stealer in &self.stealers {
            loop {
                match stealer.steal() {
                    Steal::Success(task) => end_unstarted(task),
                    Steal::Empty => break,
                    Steal::Retry => {}
                }
            }
        }
    }
}

/// What joining a task gives that was still waiting for its start when its runtime was shut down.
pub(super) const NOT_STARTED: &str = "the runtime was shut down before the task had started";

/// Ends a stealable task of a runtime that is being shut down: drops its closure, or abandons its mapped frames, which own
/// nothing. Its handle gets an error.
pub(super) fn end_unstarted(Stealable(task): Stealable) {
    // SAFETY: it came out of a queue, so it is ours, with the scheduler's reference. Its stacks go to this thread's caches.
    unsafe {
        let g = (*task).g.get();
        let has_run = !g.is_null() && !header::has_not_run(g);
        if !g.is_null() {
            (*g).set_m(crate::task::thread::current().m());
            super::worker::free_stacks(g);
        }
        header::give_place(task);
        // An abandoned mapped task may have some; then this is its thread.
        super::locals::destroy(task);
        // A destructor that panics has told the panic hook; there is nobody else. The payload could panic again.
        std::mem::forget(panic::catch_unwind(AssertUnwindSafe(|| {
            ((*task).kind.cancel)(task, if has_run { Box::new(Cancelled::as_result()) } else { Box::new(NOT_STARTED) });
        })));
        header::end_cancelled(task);
    }
}

/// A worker's place in a runtime.
pub(crate) struct Seat {
    pub(crate) shared: Arc<Shared>,
    index: usize,
    /// Fresh tasks, and ready ones with mapped frames only.
    pub(super) fresh: crossbeam_deque::Worker<Stealable>,
    /// The worker where the last search began.
    victim: Cell<usize>,
    /// Whether the worker knows of the shutdown.
    pub(super) knows: Cell<bool>,
}

thread_local! {
    /// The place of this thread in a runtime, while it is a worker of one.
    static SEAT: Cell<*const Seat> = const { Cell::new(ptr::null()) };
}

impl Seat {
    /// The place with this number.
    pub(crate) fn new(shared: Arc<Shared>, index: usize, fresh: crossbeam_deque::Worker<Stealable>) -> Seat {
        Seat { shared, index, fresh, victim: Cell::new(index), knows: Cell::new(false) }
    }

    /// Its number.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The calling thread's.
    pub(crate) fn here<'a>() -> Option<&'a Seat> {
        // SAFETY: `set` is called with null before the seat is gone.
        unsafe { SEAT.get().as_ref() }
    }

    /// Says that the calling thread works at this place, or at none.
    pub(super) fn set(seat: *const Seat) {
        SEAT.set(seat);
    }

    /// Queues stealable work.
    #[inline]
    pub(super) fn push(&self, task: Stealable) {
        self.fresh.push(task);
        if self.shared.workers() > 1 {
            self.shared.wake_one();
        }
    }

    /// The next of its own fresh tasks. None start once the runtime is being shut down.
    #[inline]
    pub(super) fn pop_fresh(&self) -> Option<Stealable> {
        if self.shared.is_closing() { None } else { self.fresh.pop() }
    }

    /// Whether another worker sleeps, who could do with work.
    #[inline]
    pub(super) fn others_sleep(&self) -> bool {
        self.shared.workers() > 1 && self.shared.idle.any_sleep()
    }

    /// Whether there is work for this worker elsewhere, or it has to take note of something.
    pub(super) fn has_work(&self) -> bool {
        self.has_stealable() || self.shared.is_closing() != self.knows.get()
    }

    /// Whether there is nothing that a worker with ready tasks has to look at now and then: what lies in the others' deques is
    /// not its business.
    pub(super) fn leaves_in_peace(&self) -> bool {
        self.shared.injector.is_empty() && self.fresh.is_empty() && !self.knows.get() && !self.shared.is_closing()
    }

    pub(super) fn has_stealable(&self) -> bool {
        !self.shared.injector.is_empty() || self.shared.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    /// A stealable task, from wherever there is one.
    pub(super) fn take_any(&self) -> Option<Stealable> {
        let from_others = || {
            self.shared.stealers.iter().find_map(|stealer| {
                loop {
                    match stealer.steal() {
                        Steal::Success(task) => return Some(task),
                        Steal::Empty => return None,
                        Steal::Retry => {}
                    }
                }
            })
        };
        self.fresh.pop().or_else(|| self.shared.take_injected()).or_else(from_others)
    }

    /// Looks for work in the other queues; takes half of what it finds along. The worker searches from here on, until it ends
    /// that or sleeps.
    pub(super) fn search(&self, me: &Sleeper) -> Option<Stealable> {
        let workers = self.shared.workers();
        if workers == 1 {
            return None;
        }
        self.shared.idle.begin_search(me);
        self.look_at_others(workers)
    }

    /// The worker has found work. If it was the last to search, and there is more, another one is woken for that.
    #[inline]
    pub(super) fn end_search(&self, me: &Sleeper) {
        if self.shared.idle.end_search(me) && self.has_stealable() {
            self.shared.wake_one();
        }
    }

    fn look_at_others(&self, workers: usize) -> Option<Stealable> {
        let first = self.victim.get().wrapping_add(1);
        self.victim.set(first);
        let mut again = true;
        while std::mem::take(&mut again) {
            let injected = self.shared.injector.steal_batch_and_pop(&self.fresh);
            let others = (0..workers).map(|i| first.wrapping_add(i) % workers).filter(|&index| index != self.index);
            let stolen = std::iter::once(injected)
                .chain(others.map(|index| self.shared.stealers[index].steal_batch_and_pop(&self.fresh)));
            for steal in stolen {
                match steal {
                    Steal::Success(task) => return Some(task),
                    Steal::Empty => {}
                    Steal::Retry => again = true,
                }
            }
        }
        None
    }
}
