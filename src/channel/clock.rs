//! Channels that nobody sends to: clocks, whose messages are made when they are received.

use crate::sched::on::{On, WaitsFor};
use crate::sched::sleep::sleep_until;
use crate::sched::wait::wait;
use crossbeam_channel::{RecvTimeoutError, TryRecvError};
use crossbeam_utils::atomic::AtomicCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a receiver of no more messages waits for.
const NEVER: On = On::any(WaitsFor::Receive);

/// A clock.
pub(super) trait Clock {
    /// When the next message is to be had; `None` for never.
    fn due(&self) -> Option<Instant>;

    /// Takes the message that is due at `now`, if there is one.
    fn take(&self, now: Instant) -> Option<Instant>;

    fn is_ready(&self) -> bool {
        self.due().is_some_and(|due| due <= Instant::now())
    }

    fn try_recv(&self) -> Result<Instant, TryRecvError> {
        self.take(Instant::now()).ok_or(TryRecvError::Empty)
    }

    fn recv(&self, deadline: Option<Instant>) -> Result<Instant, RecvTimeoutError> {
        loop {
            let now = Instant::now();
            if let Some(message) = self.take(now) {
                return Ok(message);
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(RecvTimeoutError::Timeout);
            }
            match self.due().into_iter().chain(deadline).min() {
                Some(next) => sleep_until(next),
                None => wait(NEVER),
            }
        }
    }
}

/// One message, at a time.
pub(super) struct Once {
    at: Instant,
    taken: AtomicBool,
}

impl Once {
    pub(super) fn new(at: Instant) -> Once {
        Once { at, taken: AtomicBool::new(false) }
    }
}

impl Clock for Once {
    fn due(&self) -> Option<Instant> {
        (!self.taken.load(Ordering::Relaxed)).then_some(self.at)
    }

    fn take(&self, now: Instant) -> Option<Instant> {
        (self.at <= now && !self.taken.swap(true, Ordering::Relaxed)).then_some(self.at)
    }
}

/// A message again and again; who comes too late for several gets one.
pub(super) struct Tick {
    next: AtomicCell<Instant>,
    period: Duration,
}

impl Tick {
    /// The first message at `first`.
    pub(super) fn new(first: Instant, period: Duration) -> Tick {
        Tick { next: AtomicCell::new(first), period }
    }
}

impl Clock for Tick {
    fn due(&self) -> Option<Instant> {
        Some(self.next.load())
    }

    fn take(&self, now: Instant) -> Option<Instant> {
        loop {
            let due = self.next.load();
            if now < due {
                return None;
            }
            // A period past the end of the clock has no next message: this one is had again and again instead.
            let next = now.checked_add(self.period).unwrap_or(due);
            if self.next.compare_exchange(due, next).is_ok() {
                return Some(due);
            }
        }
    }
}

/// Waits for a message that never comes.
pub(super) fn never<T>(deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    match deadline {
        Some(deadline) => sleep_until(deadline),
        None => loop {
            wait(NEVER);
        },
    }
    Err(RecvTimeoutError::Timeout)
}
