//! Finding that all tasks are asleep, and nothing can wake them.
//!
//! That is so if the process has no other thread than
//! - workers that sleep, without a timer, and without a socket that an event could come for,
//! - threads outside tasks that wait for a task, as `main` does in a join,
//! - this library's own: the monitor, those of its reports and dumps, and helpers of `blocking` that have no work,
//!
//! and a task is there. Then whoever could wake one would have to be one of these. The one exception is a signal handler: a program
//! whose handlers unpark tasks is told of a deadlock that is none. A thread that is anything else (std's, a library's) may be about to do
//! something, whatever it waits for, and nothing is said.

use super::report::Report;
use super::{RUNTIMES, Watched};
use crate::sched::inspect;
use crate::sched::mailbox::Mailbox;
use crate::sched::{OWN_THREADS, blocking, waker};
use crate::stack::locked;
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long all workers have slept before somebody asks whether they can be woken: a thread that has just been made, or is about to
/// end, is not taken for what it is not. And a program that is done ends meanwhile.
pub(super) const GRACE: Duration = Duration::from_millis(200);

/// What was reported, so that it is not again: the switches of all workers.
#[derive(Default)]
pub(super) struct Reported(Option<usize>);

impl Reported {
    /// For when all workers sleep: what there is to say.
    pub(super) fn look(&mut self) -> Option<Report> {
        let switches = switches_if_dead()?;
        if self.0 == Some(switches) {
            return None;
        }
        let dump = inspect::gather();
        // They were awake for that. If they have done anything besides, it was no deadlock.
        if switches_if_dead() != Some(switches) {
            return None;
        }
        self.0 = Some(switches);
        Some(Report::AllAsleep { dump })
    }
}

/// How often the workers have switched, if all that there is waits for the rest of it.
fn switches_if_dead() -> Option<usize> {
    let runtimes = locked(&RUNTIMES);
    let mailboxes = || runtimes.iter().flat_map(|Watched { shared, .. }| shared.mailboxes());
    if !mailboxes().all(|mailbox| sleeps_for_good(mailbox)) || mailboxes().all(|mailbox| mailbox.counts.live() == 0) {
        return None;
    }
    let idle_helpers = blocking::idle_threads()?;
    let known = mailboxes().count() + OWN_THREADS.load(Relaxed) + idle_helpers + waker::blocked_threads();
    let all = fs::read_dir("/proc/self/task").ok()?.count();
    (all == known).then(|| mailboxes().map(|mailbox| mailbox.pulse.ticks.load(Relaxed)).sum())
}

/// Whether a worker sleeps, and neither a time nor an event will end that.
fn sleeps_for_good(mailbox: &Mailbox) -> bool {
    mailbox.sleeper.sleeps()
        && mailbox.is_empty()
        && mailbox.pulse.due.load(Relaxed) == u64::MAX
        && !mailbox.has_sources()
}
