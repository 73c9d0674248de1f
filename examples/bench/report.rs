//! Lines, medians, and what the kernel says of this process's memory.

use std::fs;
use std::time::Instant;

/// The number of workers that the environment asks for.
pub fn workers() -> Result<usize, String> {
    match std::env::var("WORKERS") {
        Err(_) => Ok(1),
        Ok(text) => text.parse().map_err(|_| format!("WORKERS={text} is no number")),
    }
}

/// Prints a figure of ours.
pub fn line(name: &str, value: f64, unit: &str) {
    line_of("ours", name, value, unit);
}

/// Prints a figure that was taken in the same run, of something else.
pub fn line_of(whose: &str, name: &str, value: f64, unit: &str) {
    println!("{whose}.{name}.w{} {value:.2} {unit}", workers().expect("main has looked at it"));
}

/// The middle of the samples, which are sorted by this.
pub fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Nanoseconds since `begin`.
pub fn nanos(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64
}

/// The median of `times` samples.
pub fn repeat(times: usize, sample: impl FnMut() -> f64) -> f64 {
    median(&mut std::iter::repeat_with(sample).take(times).collect::<Vec<_>>())
}

/// Bytes that this process has in memory.
#[derive(Clone, Copy)]
pub struct Memory {
    pub resident: f64,
    pub page_tables: f64,
}

impl Memory {
    pub fn now() -> Memory {
        let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so");
            let kilobytes = line.trim_start_matches(':').split_whitespace().next().expect("a number");
            kilobytes.parse::<f64>().expect("a number") * 1024.0
        };
        Memory { resident: field("VmRSS"), page_tables: field("VmPTE") }
    }
}
