//! Parking: the byte that decides between a task that is about to wait and those who wake it.
//!
//! ```text
//!                 begin_park: false                    notify: true
//!             +-----------------------+          +----------------------+
//!             v                       |          v                      |
//!           EMPTY --- notify: --> NOTIFIED     EMPTY -- begin_park: --> PARKED
//!                     false        ^    |                true
//!                                  +----+ notify: false
//! ```
//!
//! Every change is one read-modify-write, so they have one order, in which each sees the one before. Each is an acquire and a
//! release too, so it also sees what was written before any of them. Two promises follow:
//! - What a notifier wrote before `notify` is visible to the task when its park has returned. A notifier that finds NOTIFIED
//!   writes it again for that reason.
//! - What the task wrote before `begin_park` is visible to the one notifier that gets `true`, who owns it from then on.

use super::sync::{AcqRel, Acquire, AtomicU8, Relaxed, const_fn};

/// The task runs, is ready, or has ended.
const EMPTY: u8 = 0;
/// As EMPTY, and its next park returns at once.
const NOTIFIED: u8 = 1;
/// The task waits: nobody runs it and it is in no queue. One below EMPTY, as EMPTY is below NOTIFIED, so that one subtraction
/// parks the task or uses its notification up.
const PARKED: u8 = EMPTY.wrapping_sub(1);

/// Whether a task waits, runs, or has been notified.
pub(crate) struct ParkState(AtomicU8);

impl ParkState {
    const_fn! {
        /// The state of a task that is not parked, and not notified.
        pub(crate) fn new() -> ParkState {
            ParkState(AtomicU8::new(EMPTY))
        }
    }

    /// Parks the task, which has been saved and is about to be left. Only who runs the task may call this.
    ///
    /// `true`: it is parked, and who notifies it next schedules it: at once maybe, and on another thread, so the caller must
    /// not touch it any more. `false`: a notification had come before; it is used up, and the task goes on.
    #[inline]
    pub(crate) fn begin_park(&self) -> bool {
        let before = self.0.fetch_sub(1, AcqRel);
        debug_assert_ne!(before, PARKED, "a parked task runs");
        before == EMPTY
    }

    /// Makes the park that the task is in return, or else its next one.
    ///
    /// `true`: the task was parked and is so no more; it belongs to the caller, who must schedule it. Of all who notify a
    /// parked task, one gets this. `false`: there is nothing to do. Costs one read-modify-write if the task is parked,
    /// otherwise two.
    #[inline]
    pub(crate) fn notify(&self) -> bool {
        // Most who wake a task wake one that waits. Asking first would fetch the cache line twice, once to read and once to
        // write.
        let mut seen = PARKED;
        loop {
            let next = if seen == PARKED { EMPTY } else { NOTIFIED };
            match self.0.compare_exchange_weak(seen, next, AcqRel, Relaxed) {
                Ok(_) => return seen == PARKED,
                Err(now) => seen = now,
            }
        }
    }

    /// Whether the task is parked. If so, what it wrote before is visible; but unless the caller keeps notifiers away, the
    /// answer may be out of date.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.0.load(Acquire) == PARKED
    }
}
