//! A ticker ticks at whole periods; a slow reader skips ticks and stays in step; a reset begins anew.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::time::{Duration, Elapsed, Instant, Ticker, sleep, timeout};
use std::panic::catch_unwind;

const PERIOD: Duration = Duration::from_millis(20);

/// Whether `tick` is a whole number of periods after `first`.
fn in_step(first: Instant, tick: Instant) -> bool {
    (tick - first).as_nanos().is_multiple_of(PERIOD.as_nanos())
}

#[test]
fn ticks_are_whole_periods_apart_and_never_early() {
    everywhere(|| {
        let start = Instant::now();
        let mut ticker = Ticker::new(PERIOD);
        let ticks: Vec<_> = ticker.by_ref().take(5).inspect(|&tick| assert!(Instant::now() >= tick)).collect();
        assert!(ticks[0] >= start + PERIOD);
        assert!(ticks.is_sorted_by(|a, b| a < b));
        assert!(ticks.iter().all(|&tick| in_step(ticks[0], tick)));
        assert_eq!(ticker.period(), PERIOD);
    });
}

#[test]
fn a_slow_reader_finds_one_tick_and_skips_the_others() {
    everywhere(|| {
        let mut ticker = Ticker::new(PERIOD);
        let first = ticker.tick();
        sleep(PERIOD * 5);
        let now = Instant::now();
        let waiting = ticker.tick();
        assert!(waiting < now - PERIOD * 2, "the oldest of the ticks that were missed");
        let next = ticker.tick();
        assert!(next > now, "and then the next that is to come");
        assert!(in_step(first, waiting) && in_step(first, next));
    });
}

#[test]
fn a_reset_begins_anew() {
    everywhere(|| {
        let mut ticker = Ticker::new(Duration::from_secs(3600));
        let now = Instant::now();
        ticker.reset(PERIOD);
        let tick = ticker.tick();
        assert!((PERIOD..Duration::from_secs(60)).contains(&(tick - now)));
        // A tick that waits is dropped.
        sleep(PERIOD * 2);
        let now = Instant::now();
        ticker.reset(PERIOD);
        assert!(ticker.tick() >= now + PERIOD);
    });
}

#[test]
fn an_interrupted_tick_is_not_lost() {
    everywhere(|| {
        // Again, if the machine stood still until the tick was there.
        let (mut ticker, made) = loop {
            let before = Instant::now();
            let mut ticker = Ticker::new(PERIOD * 10);
            let made = before..=Instant::now();
            if timeout(PERIOD / 4, || ticker.tick()) == Err(Elapsed) {
                break (ticker, made);
            }
        };
        assert!(made.contains(&(ticker.tick() - PERIOD * 10)), "the one that was waited for");
    });
}

#[test]
fn a_period_that_is_zero_is_refused() {
    assert!(catch_unwind(|| Ticker::new(Duration::ZERO)).is_err());
    assert!(catch_unwind(|| Ticker::new(PERIOD).reset(Duration::ZERO)).is_err());
}
