//! Recursions in fresh tasks, and again in the same task.

use crate::frames::{Recursion, rec64, rec256};
use crate::report::{line, median, nanos};
use morestack::thread;
use std::hint::black_box;
use std::time::Instant;

/// Room for 1,000,000 frames of 256 bytes, in a build whose Rust code does not grow its stack. Address space, not memory.
const STACK: usize = 512 << 20;

const DEPTHS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// So many tasks descend to a depth: two million frames in all, within bounds.
fn repetitions(depth: usize) -> usize {
    (2_000_000 / depth).clamp(5, 400)
}

pub fn run() {
    let recursions: [(usize, Recursion); 2] = [(64, rec64), (256, rec256)];
    for (bytes, recursion) in recursions {
        measure(&format!("deep{bytes}"), STACK, move |depth| {
            black_box(recursion(depth));
        });
    }
}

/// Prints the rows of one recursion: the first descent of the process, the median of the first in each task, and that of
/// the second.
pub fn measure(name: &str, stack: usize, descend: impl Fn(usize) + Copy + Send + 'static) {
    for depth in DEPTHS {
        let timed = move || {
            let begin = Instant::now();
            descend(depth);
            nanos(begin) / depth as f64
        };
        let (mut first, mut again): (Vec<f64>, Vec<f64>) = (0..repetitions(depth))
            .map(|_| {
                let task = thread::Builder::new().stack_size(stack).spawn(move || (timed(), timed()));
                task.expect("addresses for the stack").join().expect("a recursion")
            })
            .unzip();
        line(&format!("{name}_{depth}_coldproc"), first[0], "ns/frame");
        line(&format!("{name}_{depth}_first"), median(&mut first), "ns/frame");
        line(&format!("{name}_{depth}_again"), median(&mut again), "ns/frame");
    }
}
