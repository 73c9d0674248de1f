//! Sleepers by the hundred thousand.

use crate::report::{line, median, nanos};
use morestack::thread;
use std::time::{Duration, Instant};

/// Marsaglia's xorshift, with the seed of the other runtimes' rows: the same durations.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Sleeps, and returns how many microseconds too long that took.
fn sleeper(duration: Duration) -> f64 {
    let begin = Instant::now();
    thread::sleep(duration);
    begin.elapsed().saturating_sub(duration).as_nanos() as f64 / 1e3
}

pub fn run(n: usize) {
    let (mut totals, mut middles, mut lates) = (vec![], vec![], vec![]);
    for _ in 0..3 {
        let mut random = Random(88_172_645_463_325_252);
        let begin = Instant::now();
        let tasks: Vec<_> = (0..n)
            .map(|_| {
                let duration = Duration::from_nanos(1_000_000 + random.next() % 99_000_000);
                thread::spawn(move || sleeper(duration))
            })
            .collect();
        let mut late: Vec<f64> = tasks.into_iter().map(|task| task.join().expect("a sleeper")).collect();
        totals.push(nanos(begin) / 1e6);
        late.sort_by(f64::total_cmp);
        middles.push(late[n / 2]);
        lates.push(late[n * 99 / 100]);
    }
    line(&format!("timers_{n}_total"), median(&mut totals), "ms");
    line(&format!("timers_{n}_late_p50"), median(&mut middles), "us");
    line(&format!("timers_{n}_late_p99"), median(&mut lates), "us");
}
