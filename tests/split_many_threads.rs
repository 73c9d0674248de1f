//! Thousands of tasks on several OS threads and workers at once recurse, park, format and panic, and each computes what it would
//! alone; also below a scheduler inside a task.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::caps;
use morestack::sched::{self, Scheduler};
use morestack::{runtime, thread};
use quiet::{Expected, number, quiet};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use watchdog::Watchdog;

#[inline(never)]
fn sum(n: usize) -> usize {
    if n == 0 { 0 } else { black_box(sum(n - 1)) + n }
}

fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Descends, gives way there, and descends further.
#[inline(never)]
fn wavy(n: usize, give_way: fn()) -> usize {
    let local = black_box([n; 5]);
    if n == 0 {
        give_way();
        return sum(50) - triangle(50);
    }
    if n.is_multiple_of(100) {
        give_way();
    }
    black_box(wavy(n - 1, give_way)) + local[3]
}

/// What each task does: its result follows from its number.
fn work(i: usize, give_way: fn()) -> usize {
    let n = i % 400;
    let mut result = wavy(n, give_way) - triangle(n);
    let text = format!("{:>6}|{i:<4}|{:e}", n, i as f64);
    give_way();
    result += text.split('|').count();
    if i.is_multiple_of(7) {
        let panicking = || {
            if wavy(n / 2, give_way) == triangle(n / 2) {
                panic_any(Expected(i as u64));
            }
        };
        assert_eq!(number(catch_unwind(AssertUnwindSafe(panicking)).unwrap_err()), i as u64);
    }
    let mut numbers: Vec<usize> = (0..50).map(|k| (k * 37 + i) % 101).collect();
    numbers.sort_by_key(|k| std::cmp::Reverse(*k));
    result + usize::from(numbers.is_sorted_by_key(|k| std::cmp::Reverse(*k)))
}

const RESULT: usize = 4;
const TASKS: usize = 3_000;

/// A scheduler to itself on each of several OS threads.
#[test]
fn with_a_scheduler_each() {
    let _watchdog = Watchdog::new(120);
    quiet(&[]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let scheduler = Scheduler::new();
                let n = caps::tasks(TASKS);
                let tasks: Vec<_> = (0..n).map(|i| scheduler.spawn(move || work(i, sched::yield_now))).collect();
                for task in tasks {
                    assert_eq!(task.join_or_resume(), RESULT);
                }
            });
        }
    });
}

/// Workers that take what others spawned.
#[test]
fn of_one_runtime() {
    let _watchdog = Watchdog::new(120);
    quiet(&[]);
    for workers in [1, 2, 4] {
        let runtime = Arc::new(runtime::Builder::new().workers(workers).build().unwrap());
        let done = Arc::new(AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for part in 0..3 {
                let (runtime, done) = (runtime.clone(), done.clone());
                scope.spawn(move || {
                    let tasks: Vec<_> = (0..caps::tasks(TASKS) / 3)
                        .map(|i| {
                            let done = done.clone();
                            runtime.spawn(move || {
                                // A task of its own inside.
                                let inner = (i % 10 == part).then(|| thread::spawn(move || work(i, thread::yield_now)));
                                let result = work(i, thread::yield_now);
                                assert_eq!(inner.map_or(RESULT, |inner| inner.join().unwrap()), RESULT);
                                done.fetch_add(1, SeqCst);
                                result
                            })
                        })
                        .collect();
                    for task in tasks {
                        assert_eq!(task.join().unwrap(), RESULT);
                    }
                });
            }
        });
        assert_eq!(done.load(SeqCst), 3 * (caps::tasks(TASKS) / 3));
    }
}

/// A task runs a scheduler of its own, whose tasks run one again.
#[test]
fn with_schedulers_inside_tasks() {
    let _watchdog = Watchdog::new(120);
    quiet(&[]);
    fn nested(levels: usize, i: usize) -> usize {
        if levels == 0 {
            return work(i, sched::yield_now);
        }
        // From the middle of a descent.
        fresh::below(10 * levels, &mut || {
            let scheduler = Scheduler::new();
            let tasks: Vec<_> = (0..4)
                .map(|k| scheduler.builder().stack_size(fresh::ROOMY).spawn(move || nested(levels - 1, i + k)).unwrap())
                .collect();
            sched::yield_now();
            tasks.into_iter().map(|task| task.join_or_resume()).max().unwrap()
        })
    }
    let runtime = runtime::Builder::new().workers(2).build().unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|i| thread::Builder::new().stack_size(fresh::ROOMY).spawn_on(&runtime, move || nested(3, i)).unwrap())
        .collect();
    for task in tasks {
        assert_eq!(task.join().unwrap(), RESULT);
    }
}
