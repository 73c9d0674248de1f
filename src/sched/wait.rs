//! Interim, as waker.rs.

use super::waker::PARKER;
use std::time::Instant;

/// Waits until the caller's waker is woken. May return spuriously; may unwind.
pub(crate) fn wait() {
    PARKER.with(|p| p.park());
}

/// As `wait`, but at most until `deadline`; whether it timed out.
pub(crate) fn wait_until(deadline: Instant) -> bool {
    PARKER.with(|p| p.park_deadline(deadline));
    Instant::now() >= deadline
}
