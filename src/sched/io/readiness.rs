//! What a source is known to be ready for, with a count of events, so that what an event says is not cleared by older news.

use super::Direction;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a [`State`], and what an event brings.
pub(super) const READABLE: u64 = 1;
pub(super) const WRITABLE: u64 = 2;
/// The stream's end, an error or urgent data was reported: a short transfer no longer says that the queue is empty or full.
pub(super) const CAUTION: u64 = 4;
/// The events are counted above the bits: 2^56 of them, which nobody lives to see pass between a look and a clear.
const TICK: u64 = 1 << 8;

impl Direction {
    pub(super) const fn bit(self) -> u64 {
        match self {
            Direction::Read => READABLE,
            Direction::Write => WRITABLE,
        }
    }
}

/// Bits and count at one moment.
#[derive(Clone, Copy)]
pub(super) struct State(u64);

impl State {
    pub(super) fn has(self, direction: Direction) -> bool {
        self.0 & direction.bit() != 0
    }
}

/// The state of one source.
pub(super) struct Readiness(AtomicU64);

impl Readiness {
    /// Before anything is known: it may be ready, so ask the kernel.
    pub(super) const fn unknown() -> Readiness {
        Readiness(AtomicU64::new(READABLE | WRITABLE))
    }

    pub(super) fn load(&self) -> State {
        // Acquire: what an event tells of happened before it.
        State(self.0.load(Ordering::Acquire))
    }

    /// An event: sets the bits that it brings.
    pub(super) fn raise(&self, bits: u64) {
        let step = |state: u64| Some(state.wrapping_add(TICK) | bits);
        // Never fails: the step always gives a value.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, step);
    }

    /// Whether it may be asserted that the kernel is not ready, which it said by `EAGAIN` after `seen` was loaded. False if an
    /// event came in between: then it has to be asked again.
    #[must_use]
    pub(super) fn clear(&self, direction: Direction, seen: State) -> bool {
        // Events change the count, others the bits of the other direction at most.
        self.update(seen, |state| Some(state & !direction.bit()))
    }

    /// The same after a short transfer, which says less: see the module `io`.
    pub(super) fn clear_after_short_transfer(&self, direction: Direction, seen: State) {
        self.update(seen, |state| (state & CAUTION == 0).then_some(state & !direction.bit()));
    }

    fn update(&self, seen: State, change: impl Fn(u64) -> Option<u64>) -> bool {
        let step = |state: u64| if state / TICK == seen.0 / TICK { change(state) } else { None };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, step).is_ok()
    }
}
