//! `Mutex`: taking a free one, and a thousand that want the same one; ours in tasks against std's, which takes OS threads where
//! somebody has to wait.

use crate::report::{line, line_of, median, nanos};
use morestack::{blocking, sync, thread};
use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

const UNCONTENDED: usize = 3_000_000;
const MEMBERS: usize = 1000;
const EACH: usize = 1000;

pub fn run() {
    compare(9, ["mutex_uncontended"], "ns/op", uncontended_ours, uncontended_std);
    // Threads block whom they wait for: not the worker.
    let of_std = || blocking(contended_std);
    compare(7, ["mutex_contended_1000", "mutex_contended_1000_and_spawns"], "ms", contended_ours, of_std);
}

/// Prints the medians of both and of their ratios. They take turns, so that what else the machine does is the same for both.
fn compare<const N: usize>(times: usize, names: [&str; N], unit: &str, ours: fn() -> [f64; N], std: fn() -> [f64; N]) {
    let samples: Vec<_> = (0..times)
        .map(|_| {
            // Else the worker would be reported as stuck.
            thread::yield_now();
            (ours(), std())
        })
        .collect();
    for (i, name) in names.into_iter().enumerate() {
        let of = |figure: fn(f64, f64) -> f64| {
            median(&mut samples.iter().map(|(ours, std)| figure(ours[i], std[i])).collect::<Vec<_>>())
        };
        line(name, of(|ours, _| ours), unit);
        line_of("std", name, of(|_, std| std), unit);
        line(&format!("{name}_of_std"), of(|ours, std| ours / std), "x");
    }
}

/// The same text for both: the types have the same shape. A black box keeps the compiler from adding all at once.
macro_rules! uncontended {
    ($name:ident, $mutex:ty) => {
        fn $name() -> [f64; 1] {
            let mutex = black_box(<$mutex>::new(0));
            let begin = Instant::now();
            for _ in 0..UNCONTENDED {
                *black_box(&mutex).lock().expect("nobody has panicked") += 1;
            }
            let time = nanos(begin);
            assert_eq!(mutex.into_inner().expect("nobody has panicked"), UNCONTENDED as u64);
            [time / UNCONTENDED as f64]
        }
    };
}

uncontended!(uncontended_ours, sync::Mutex<u64>);
uncontended!(uncontended_std, std::sync::Mutex<u64>);

/// Milliseconds to the last join: since all members were there, and since the first was spawned.
macro_rules! contended {
    ($name:ident, $mutex:ty, $barrier:ty, $spawn:path) => {
        fn $name() -> [f64; 2] {
            let shared = Arc::new((<$mutex>::new(0), <$barrier>::new(MEMBERS), OnceLock::new()));
            let begin = Instant::now();
            let member = |_| {
                let shared = shared.clone();
                $spawn(move || {
                    let (mutex, all_are_there, since) = &*shared;
                    if all_are_there.wait().is_leader() {
                        since.set(Instant::now()).expect("one leads");
                    }
                    (0..EACH).for_each(|_| *mutex.lock().expect("nobody has panicked") += 1);
                })
            };
            let members: Vec<_> = (0..MEMBERS).map(member).collect();
            members.into_iter().for_each(|member| member.join().expect("it has counted"));
            let (mutex, _, since) = &*shared;
            let times = [*since.get().expect("one leads"), begin].map(|since| nanos(since) / 1e6);
            assert_eq!(*mutex.lock().expect("nobody has panicked"), (MEMBERS * EACH) as u64);
            times
        }
    };
}

contended!(contended_ours, sync::Mutex<u64>, sync::Barrier, thread::spawn);
contended!(contended_std, std::sync::Mutex<u64>, std::sync::Barrier, std::thread::spawn);
