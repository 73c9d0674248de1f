//! Figures: what the workers have done, and what stacks take.

use crate::sched::mailbox::{Mailbox, MailboxRef};
use crate::sched::monitor;
use crate::sched::worker::Worker;
use crate::stack::layout::STACK_MIN;
use crate::stack::{self, big, locked};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Tasks that were spawned by threads that are no workers.
static SPAWNED_OUTSIDE: AtomicU64 = AtomicU64::new(0);

/// What the workers of runtimes that are gone have counted.
static GONE: Mutex<Option<Metrics>> = Mutex::new(None);

/// A count that one thread raises, and all may read.
#[derive(Default)]
pub(in crate::sched) struct Count(AtomicU64);

impl Count {
    /// One more. On the thread of the worker whose count it is: no exchange.
    #[inline]
    pub(in crate::sched) fn raise(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }

    #[inline]
    pub(in crate::sched) fn set(&self, value: usize) {
        self.0.store(value as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What a worker counts.
#[derive(Default)]
pub(in crate::sched) struct Counts {
    /// Tasks that have started here, or come from another worker.
    pub(in crate::sched) started: Count,
    /// Tasks that are here now.
    pub(in crate::sched) live: Count,
    /// Tasks that were spawned here.
    pub(in crate::sched) spawned: Count,
    /// Tasks taken from the queue of another worker.
    pub(in crate::sched) stolen: Count,
    /// Tasks that were made ready by one of this worker, by a time or by an event.
    pub(in crate::sched) woken: Count,
    /// Tasks that other threads have made ready.
    pub(in crate::sched) woken_outside: Count,
}

impl Counts {
    /// Tasks that are there now.
    pub(in crate::sched) fn live(&self) -> u64 {
        self.live.get()
    }
}

/// Counts a spawn by the calling thread.
#[inline]
pub(in crate::sched) fn count_spawn() {
    match Worker::here() {
        Some(worker) => worker.mail.counts.spawned.raise(),
        None => _ = SPAWNED_OUTSIDE.fetch_add(1, Relaxed),
    }
}

/// Segments of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentCount {
    /// Bytes of each.
    pub size: usize,
    /// In use now.
    pub count: u64,
}

/// Figures about the process: see [`metrics`]. Counts are since its start unless they say "now".
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Workers, of all runtimes, now.
    pub workers: usize,
    /// Workers that sleep now.
    pub workers_asleep: usize,
    /// Tasks now, that have started and not ended.
    pub tasks: u64,
    /// Of these, those that run now.
    pub tasks_running: u64,
    /// Of these, those that could run, now.
    pub tasks_ready: u64,
    /// Of these, those that wait, now.
    pub tasks_waiting: u64,
    /// Tasks that were spawned.
    pub spawned: u64,
    /// Tasks that have started; a mapped one each time that it changes its worker.
    pub started: u64,
    /// Switches between tasks.
    pub switches: u64,
    /// Tasks that a worker took from another one's queue.
    pub steals: u64,
    /// Tasks that were made ready: by a task of the same worker, a time or an event, and by other threads.
    pub wakes: u64,
    /// Of these, those by other threads.
    pub wakes_from_outside: u64,
    /// Go segments, and small segments of a split build, in use now; sizes of which there are none are left out.
    pub segments: Vec<SegmentCount>,
    /// Bytes in these segments, now.
    pub segment_bytes: u64,
    /// Times that a stack grew, or shrank, by moving.
    pub moves: u64,
    /// Times that one grew by linking a segment.
    pub links: u64,
    /// Big stacks in use now.
    pub big_stacks: u64,
}

/// Figures about the workers and stacks of the process. Costs some loads for each worker, and copies nothing of the tasks.
///
/// Of tasks, those of [runtimes](crate::runtime): a [`Scheduler`](crate::sched::Scheduler) of its own is its owner's. Of stacks, all.
///
/// They are read while everything goes on, so they do not add up exactly; `segments` lags by what the threads' caches did since
/// they last went to the pool.
///
/// ```
/// let before = morestack::runtime::metrics().spawned;
/// morestack::thread::spawn(|| {}).join().unwrap();
/// assert!(morestack::runtime::metrics().spawned > before);
/// ```
pub fn metrics() -> Metrics {
    let stacks = stack::stats();
    let live = |index: usize| SegmentCount { size: STACK_MIN << index, count: stacks.live(index) };
    let mut metrics = Metrics {
        spawned: SPAWNED_OUTSIDE.load(Relaxed),
        segments: (0..stack::SIZES).map(live).filter(|segments| segments.count > 0).collect(),
        segment_bytes: stacks.bytes_in_use(),
        moves: stacks.moves + stacks.shrinks + stacks.split_copies,
        links: stacks.split_links,
        big_stacks: big::stats().live as u64,
        ..Metrics::default()
    };
    // In this order: a runtime that goes meanwhile is counted twice, and not lost.
    let workers = monitor::mailboxes();
    if let Some(gone) = &*locked(&GONE) {
        metrics.add_counts_of(gone);
    }
    for mailbox in workers.iter().flatten() {
        metrics.add(mailbox);
    }
    metrics.tasks_waiting = metrics.tasks.saturating_sub(metrics.tasks_running + metrics.tasks_ready);
    metrics
}

/// A runtime goes, whose workers have ended.
pub(in crate::sched) fn retire(mailboxes: &[MailboxRef]) {
    let mut last = Metrics::default();
    mailboxes.iter().for_each(|mailbox| last.add(mailbox));
    locked(&GONE).get_or_insert_default().add_counts_of(&last);
}

impl Metrics {
    /// Adds what is counted since the start of the process.
    fn add_counts_of(&mut self, other: &Metrics) {
        self.spawned += other.spawned;
        self.started += other.started;
        self.switches += other.switches;
        self.steals += other.steals;
        self.wakes += other.wakes;
        self.wakes_from_outside += other.wakes_from_outside;
    }

    fn add(&mut self, mailbox: &Mailbox) {
        let counts = &mailbox.counts;
        self.workers += 1;
        self.workers_asleep += usize::from(mailbox.sleeper.sleeps());
        self.tasks += counts.live.get();
        self.tasks_running += u64::from(mailbox.pulse.running().is_some());
        self.tasks_ready += Worker::ready_from_outside(mailbox.worker_address()).unwrap_or(0) as u64;
        self.spawned += counts.spawned.get();
        self.started += counts.started.get();
        self.switches += mailbox.pulse.ticks.load(Relaxed) as u64;
        self.steals += counts.stolen.get();
        self.wakes += counts.woken.get() + counts.woken_outside.get();
        self.wakes_from_outside += counts.woken_outside.get();
    }
}
