//! Samples and lines.

use std::time::{Duration, Instant};

/// Samples per figure, at least. The best counts: what disturbs a sample only makes it longer.
const SAMPLES: usize = 7;

/// For how long samples are taken, at least: longer than other programs disturb without a pause.
const LASTS: Duration = Duration::from_millis(400);

/// Prints a figure.
pub fn line(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}

/// Nanoseconds that `body` takes.
pub fn nanos(body: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    body();
    begin.elapsed().as_nanos() as f64
}

/// Nanoseconds per operation of `body`, which does `operations` of them: the best sample, after one that does not count.
pub fn best(operations: usize, mut body: impl FnMut()) -> f64 {
    body();
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut samples = 0;
    while samples < SAMPLES || begin.elapsed() < LASTS {
        best = best.min(nanos(&mut body));
        samples += 1;
    }
    best / operations as f64
}

/// Measures a row that has one figure.
pub fn row(name: &str, operations: usize, body: impl FnMut()) {
    line(name, best(operations, body), "ns");
}

/// Numbers that look random and are the same in each build and run (a linear congruential generator's upper bits).
pub fn numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1_u64), |n| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)))
        .map(|n| n >> 20)
}
