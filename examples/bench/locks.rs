//! `Mutex`: taking a free one, and a thousand that want the same one; ours in tasks against std's, which takes OS threads where
//! somebody has to wait.

use crate::report::{line, line_of, median, nanos};
use morestack::{blocking, sync, thread};
use std::sync::Arc;
use std::time::Instant;

const UNCONTENDED: usize = 3_000_000;
const MEMBERS: usize = 1000;
const EACH: usize = 1000;

pub fn run() {
    pair(9, "mutex_uncontended", "ns/op", uncontended_ours, uncontended_std);
    // Threads block whom they wait for: not the worker.
    pair(7, "mutex_contended_1000", "ms", contended_ours, || blocking(contended_std));
}

/// Prints the medians of both and of their ratios. They take turns, so that what else the machine does is the same for both.
fn pair(times: usize, name: &str, unit: &str, ours: fn() -> f64, std: fn() -> f64) {
    let (mut of_ours, mut of_std, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..times {
        // Else the worker would be reported as stuck.
        thread::yield_now();
        let (ours, std) = (ours(), std());
        of_ours.push(ours);
        of_std.push(std);
        ratios.push(ours / std);
    }
    line(name, median(&mut of_ours), unit);
    line_of("std", name, median(&mut of_std), unit);
    line(&format!("{name}_of_std"), median(&mut ratios), "x");
}

/// The same text for both: the types have the same shape. A black box keeps the compiler from adding all at once.
macro_rules! uncontended {
    ($name:ident, $mutex:ty) => {
        fn $name() -> f64 {
            let mutex = std::hint::black_box(<$mutex>::new(0));
            let begin = Instant::now();
            for _ in 0..UNCONTENDED {
                *std::hint::black_box(&mutex).lock().expect("nobody has panicked") += 1;
            }
            let time = nanos(begin);
            assert_eq!(mutex.into_inner().expect("nobody has panicked"), UNCONTENDED as u64);
            time / UNCONTENDED as f64
        }
    };
}

uncontended!(uncontended_ours, sync::Mutex<u64>);
uncontended!(uncontended_std, std::sync::Mutex<u64>);

/// From the first spawn to the last join, in milliseconds.
macro_rules! contended {
    ($name:ident, $mutex:ty, $spawn:path) => {
        fn $name() -> f64 {
            let mutex = Arc::new(<$mutex>::new(0));
            let begin = Instant::now();
            let member = |_| {
                let mutex = mutex.clone();
                $spawn(move || (0..EACH).for_each(|_| *mutex.lock().expect("nobody has panicked") += 1))
            };
            let members: Vec<_> = (0..MEMBERS).map(member).collect();
            members.into_iter().for_each(|member| member.join().expect("it has counted"));
            let time = nanos(begin) / 1e6;
            assert_eq!(*mutex.lock().expect("nobody has panicked"), (MEMBERS * EACH) as u64);
            time
        }
    };
}

contended!(contended_ours, sync::Mutex<u64>, thread::spawn);
contended!(contended_std, std::sync::Mutex<u64>, std::thread::spawn);
