//! A call through a trait object.

use crate::program::measure::row;
use std::hint::black_box;

const CALLS: usize = 5_000_000;

trait Counts {
    fn add(&mut self, n: u64) -> u64;
}

struct One(u64);

impl Counts for One {
    fn add(&mut self, n: u64) -> u64 {
        self.0 += n;
        self.0
    }
}

struct Two(u64);

impl Counts for Two {
    fn add(&mut self, n: u64) -> u64 {
        self.0 += 2 * n;
        self.0
    }
}

pub fn run() {
    let (mut one, mut two) = (One(0), Two(0));
    let counters: [&mut dyn Counts; 2] = black_box([&mut one, &mut two]);
    row("indirect", CALLS, || {
        let counter = &mut *counters[black_box(0)];
        for i in 0..CALLS as u64 {
            black_box(counter.add(i));
        }
    });
}
