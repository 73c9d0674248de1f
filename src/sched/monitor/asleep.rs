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

use super::peek;
use super::report::Report;
use super::{RUNTIMES, Watched};
use crate::sched::inspect;
use crate::sched::mailbox::Mailbox;
use crate::sched::{OWN_THREADS, blocking, waker};
use crate::stack::locked;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

/// How long all workers have slept before somebody asks whether they can be woken: a thread that has just been made, or is about to
/// end, is not taken for what it is not. And a program that is done ends meanwhile.
pub(super) const GRACE: Duration = Duration::from_millis(200);

/// How long workers may take to fall asleep again that were asked what their tasks do.
const SETTLING: Duration = Duration::from_millis(50);

/// What was reported, so that it is not again: the switches of all workers.
#[derive(Default)]
pub(super) struct Reported(Option<usize>);

/// What a look has found.
pub(super) enum Finding {
    /// Something can go on, or it is known that nothing can.
    Nothing,
    /// Nothing could go on but what runs just now. It may be about to wake somebody, or about to sleep: to be asked again.
    Unclear,
    Dead(Report),
}

impl Reported {
    /// For when all workers sleep.
    pub(super) fn look(&mut self) -> Finding {
        let switches = match life() {
            Life::Some => return Finding::Nothing,
            Life::Unclear => return Finding::Unclear,
            Life::None { switches } if self.0 == Some(switches) => return Finding::Nothing,
            Life::None { switches } => switches,
        };
        let dump = inspect::gather();
        // The workers were awake for that. If they do anything but go back to sleep, it was no deadlock; if they take their time, there
        // will be another look.
        for _ in 0..SETTLING.as_millis() {
            if let Life::None { switches: now } = life() {
                if now != switches {
                    break;
                }
                self.0 = Some(switches);
                return Finding::Dead(Report::AllAsleep { dump });
            }
            thread::sleep(Duration::from_millis(1));
        }
        Finding::Nothing
    }
}

/// What there is in the process that could wake a task.
enum Life {
    Some,
    /// A thread that waited, and runs.
    Unclear,
    None {
        /// How often the workers have switched.
        switches: usize,
    },
}

fn life() -> Life {
    let runtimes = locked(&RUNTIMES);
    let mailboxes = || runtimes.iter().flat_map(|Watched { shared, .. }| shared.mailboxes());
    if !mailboxes().all(|mailbox| sleeps_for_good(mailbox)) || mailboxes().all(|mailbox| mailbox.counts.live() == 0) {
        return Life::Some;
    }
    let (Some(idle_helpers), Some(threads)) = (blocking::idle_threads(), peek::threads()) else { return Life::Some };
    let known = mailboxes().count() + OWN_THREADS.load(Relaxed) + idle_helpers + waker::blocked_threads();
    if threads.len() != known {
        return Life::Some;
    }
    // A thread counts as waiting until it has run again: one that was woken, and has not had a core since, does not wait any more. The
    // one that runs and asks is this.
    if threads.iter().filter(|&&tid| peek::thread_state(tid) != Some(b'S')).count() > 1 {
        return Life::Unclear;
    }
    Life::None { switches: mailboxes().map(|mailbox| mailbox.pulse.ticks.load(Relaxed)).sum() }
}

/// Whether a worker sleeps, and neither a time nor an event will end that.
fn sleeps_for_good(mailbox: &Mailbox) -> bool {
    mailbox.sleeper.sleeps()
        && mailbox.is_empty()
        && mailbox.pulse.due.load(Relaxed) == u64::MAX
        && !mailbox.has_sources()
}
