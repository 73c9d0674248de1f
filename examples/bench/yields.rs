//! Switching: two tasks that do nothing but give way.

use crate::report::{line, nanos, repeat};
use morestack::thread;
use std::time::Instant;

const EACH: usize = 1_000_000;

pub fn run() {
    let switch = repeat(9, || {
        let begin = Instant::now();
        let tasks = [(); 2].map(|()| {
            thread::spawn(|| {
                for _ in 0..EACH {
                    thread::yield_now();
                }
            })
        });
        for task in tasks {
            task.join().expect("a yielding task");
        }
        nanos(begin) / (2 * EACH) as f64
    });
    line("yield", switch, "ns/switch");
}
