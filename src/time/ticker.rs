//! Ticks at regular times.

use super::{Duration, Instant, sleep, sleep_until};
use std::iter::FusedIterator;

/// Ticks every so often, as Go's `time.Ticker`.
///
/// The ticks are due at whole periods after it was made or reset, however late somebody looks. Who comes late finds one tick
/// waiting, not several: the others are skipped, and the next one is in step again.
///
/// As an iterator it gives the same, without end.
///
/// ```
/// use morestack::time::{Duration, Instant, Ticker};
///
/// let start = Instant::now();
/// let mut ticker = Ticker::new(Duration::from_millis(2));
/// let third = ticker.nth(2).unwrap();
/// assert!(third - start >= Duration::from_millis(6));
/// assert!(Instant::now() >= third);
/// ```
#[derive(Debug)]
pub struct Ticker {
    period: Duration,
    /// The tick that waits or is the next to come; none if that is past the end of the clock.
    next: Option<Instant>,
}

impl Ticker {
    /// A ticker whose first tick is due in one period.
    ///
    /// # Panics
    /// If the period is zero.
    #[track_caller]
    pub fn new(period: Duration) -> Ticker {
        assert!(!period.is_zero(), "the period of a ticker is above zero");
        Ticker { period, next: Instant::now().checked_add(period) }
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Waits until the next tick, and returns when it was due. Returns at once if it is due already.
    pub fn tick(&mut self) -> Instant {
        let Some(due) = self.next else {
            loop {
                sleep(Duration::MAX);
            }
        };
        // If this unwinds, the tick is still there.
        sleep_until(due);
        self.next = after(due, self.period, Instant::now());
        due
    }

    /// Begins anew with this period: the next tick is due one such period from now. One that waits is dropped.
    ///
    /// # Panics
    /// If the period is zero.
    #[track_caller]
    pub fn reset(&mut self, period: Duration) {
        *self = Ticker::new(period);
    }
}

impl Iterator for Ticker {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        Some(self.tick())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl FusedIterator for Ticker {}

/// The first tick after `now`, where `due` was one.
fn after(due: Instant, period: Duration, now: Instant) -> Option<Instant> {
    const NANOS: u128 = 1_000_000_000;
    // By so much the clock is past the latest tick: less than one period.
    let past = now.saturating_duration_since(due).as_nanos() % period.as_nanos();
    let past = Duration::new((past / NANOS) as u64, (past % NANOS) as u32);
    now.max(due).checked_add(period - past)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_readers_skip_ticks_and_stay_in_step() {
        let ms = Duration::from_millis;
        let due = Instant::now();
        for (late, next) in [(0, 10), (1, 10), (9, 10), (10, 20), (11, 20), (25, 30), (1_000_003, 1_000_010)] {
            assert_eq!(after(due, ms(10), due + ms(late)), Some(due + ms(next)), "{late} ms late");
        }
    }

    #[test]
    fn ticks_past_the_end_of_the_clock_never_come() {
        let due = Instant::now();
        assert_eq!(after(due, Duration::MAX, due), None);
        assert_eq!(Ticker::new(Duration::MAX).next, None);
    }
}
