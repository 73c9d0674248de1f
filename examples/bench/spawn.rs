//! Spawning and joining.

use crate::report::{line, nanos, repeat};
use morestack::thread;
use std::time::Instant;

const ONE_BY_ONE: usize = 100_000;

pub fn run(n: usize) {
    let batch = repeat(15, || {
        let begin = Instant::now();
        let tasks: Vec<_> = (0..n).map(|_| thread::spawn(|| {})).collect();
        for task in tasks {
            task.join().expect("an empty task");
        }
        nanos(begin) / n as f64
    });
    line(&format!("spawn_join_{n}"), batch, "ns/task");

    let one_by_one = repeat(7, || {
        let begin = Instant::now();
        for _ in 0..ONE_BY_ONE {
            thread::spawn(|| {}).join().expect("an empty task");
        }
        nanos(begin) / ONE_BY_ONE as f64
    });
    line("spawn_join_seq", one_by_one, "ns/task");
}
