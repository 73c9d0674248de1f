//! Whether a task is to be cancelled: asked by whoever has its handle, or by the shutdown of its runtime, and answered by its waits.

use super::sync::{AtomicU8, Relaxed, const_fn};

/// What becomes of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cancel {
    /// Nobody asks.
    No,
    /// Its next park or yield unwinds it, or the park that it is in.
    Asked,
    /// It caught that and parked again, again and again; or its runtime is being shut down, and it cannot be unwound from where
    /// it is.
    Refused,
}

/// The state of one task. Anybody may ask; the rest is the task's own.
pub(crate) struct Cancellation(AtomicU8);

impl Cancellation {
    const_fn! {
        /// Nobody asks.
        pub(crate) fn new() -> Cancellation {
            Cancellation(AtomicU8::new(Cancel::No as u8))
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Cancel {
        match self.0.load(Relaxed) {
            asked if asked == Cancel::Asked as u8 => Cancel::Asked,
            refused if refused == Cancel::Refused as u8 => Cancel::Refused,
            _ => Cancel::No,
        }
    }

    /// Asks, if nobody has. Whether that was so. Who asks wakes the task afterwards, which makes it visible.
    pub(crate) fn ask(&self) -> bool {
        self.0.compare_exchange(Cancel::No as u8, Cancel::Asked as u8, Relaxed, Relaxed).is_ok()
    }

    pub(crate) fn refuse(&self) {
        self.0.store(Cancel::Refused as u8, Relaxed);
    }
}
