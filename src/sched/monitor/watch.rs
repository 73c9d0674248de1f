//! What the monitor has seen of one worker, and what it makes of it.

use super::report::{Place, Report, SystemCall};
use super::{holder, peek, sample};
use crate::sched::mailbox::{Mailbox, Running};
use crate::sched::timers;
use crate::sched::worker::Worker;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A worker that is this long in one task is reported.
const STUCK: Duration = Duration::from_millis(100);

/// What its thread must have run meanwhile: a task that was blocked for nobody's harm and has just come back is not stuck. And a
/// process that was stopped, or got no processor, is not its task's fault.
const STUCK_CPU: Duration = Duration::from_millis(20);

/// Looks at which the place may be asked for again, when the thread was where its stack cannot be walked.
const TRIES: u8 = 8;

/// What was seen of one worker.
#[derive(Default)]
pub(super) struct Watch(Option<Episode>);

/// A stretch of looks at which it was in the same task, without a switch between.
struct Episode {
    running: Running,
    since: Instant,
    /// What the thread had run by the second look.
    cpu: Option<Duration>,
    tries: u8,
    reported: bool,
}

impl Watch {
    /// It runs nothing.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// It runs this. How long it has been seen with it.
    pub(super) fn time(&mut self, running: Running, now: Instant) -> Duration {
        match &self.0 {
            Some(episode) if episode.running == running => now - episode.since,
            _ => {
                self.0 = Some(Episode { running, since: now, cpu: None, tries: 0, reported: false });
                Duration::ZERO
            }
        }
    }

    /// What there is to say of a worker that runs this, once for each episode. `stealable`: whether tasks wait for it that it
    /// has not begun.
    pub(super) fn judge(
        &mut self,
        running: Running,
        now: Instant,
        worker: usize,
        mailbox: &Mailbox,
        stealable: impl Fn() -> bool,
    ) -> Option<Report> {
        let episode = self.0.as_mut()?;
        let time = now - episode.since;
        if episode.reported || time.is_zero() {
            return None;
        }
        let before = match episode.cpu {
            Some(before) => before,
            None => *episode.cpu.insert(peek::cpu_time(mailbox.tid)?),
        };
        if time < STUCK {
            return None;
        }
        match peek::thread_state(mailbox.tid)? {
            b'R' => {
                if peek::cpu_time(mailbox.tid)?.saturating_sub(before) < STUCK_CPU {
                    return None;
                }
                let task = peek::task(running, mailbox)?;
                let sample = sample::take(mailbox, running, false);
                episode.tries += 1;
                if !sample.is_whole() && episode.tries < TRIES && mailbox.pulse.running() == Some(running) {
                    return None;
                }
                episode.reported = true;
                Some(Report::Stuck { worker, task, place: place(&sample, running, mailbox), time })
            }
            b'S' | b'D' => {
                let system_call = peek::system_call(mailbox.tid);
                if let Some(call) = system_call
                    && let Some(holder) = holder::of_lock(call, running, mailbox)
                {
                    let task = peek::task(running, mailbox)?;
                    episode.reported = true;
                    let place = place(&sample::take(mailbox, running, true), running, mailbox);
                    return Some(Report::LockAcrossPark { worker, task, place, holder, time });
                }
                let ready = Worker::ready_from_outside(mailbox.worker_address())?;
                // A sleeper whose time has come is ready, but for the worker's look.
                let due = mailbox.pulse.due.load(Ordering::Relaxed) <= timers::now();
                let nothing_waits = ready == 0 && mailbox.is_empty() && !due && !stealable() && !mailbox.has_events();
                if mailbox.pulse.running() != Some(running) || nothing_waits {
                    return None;
                }
                let task = peek::task(running, mailbox)?;
                episode.reported = true;
                let restarts = system_call.is_some_and(peek::Call::restarts);
                let sample = if restarts { sample::take(mailbox, running, true) } else { sample::Sample::default() };
                let place = place(&sample, running, mailbox);
                let system_call = system_call.map(|call| SystemCall { number: call.number });
                Some(Report::Blocked { worker, task, place, system_call, time })
            }
            // Stopped by a debugger, or ended.
            _ => None,
        }
    }
}

/// The place that was sampled, if the worker was still in the same task.
fn place(sample: &sample::Sample, running: Running, mailbox: &Mailbox) -> Place {
    if mailbox.pulse.running() == Some(running) { sample.place() } else { Place::default() }
}
