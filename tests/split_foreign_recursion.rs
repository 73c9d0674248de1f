//! Foreign code that calls back, which calls foreign code again: a hundred thousand levels deep, and mixed with recursion in Rust
//! and in std.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;

use fresh::{DEEP, depth, task_with};
use libc_callbacks::{find_linear, find_sorted, sort};
use morestack::sched::{Scheduler, yield_now};
use std::cmp::Ordering;
use std::fmt;
use std::hint::black_box;

const LEVELS: usize = 100_000;

#[test]
fn of_qsort() {
    fn level(n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        let mut below = 0;
        let mut pair = [2_u8, 1];
        sort(&mut pair, |a, b| {
            below = level(n - 1);
            a.cmp(b)
        });
        assert_eq!(pair, [1, 2]);
        below + 1
    }
    for n in [1, 10, 300, LEVELS].map(depth) {
        assert_eq!(task_with(DEEP, move || level(n)), n);
    }
}

#[test]
fn of_a_function_that_calls_back() {
    fn level(n: u64) -> u64 {
        if n == 0 { 0 } else { foreign::call(|| black_box(level(n - 1)) + 1) }
    }
    for n in [1, 10, 300, LEVELS].map(depth) {
        assert_eq!(task_with(DEEP, move || level(n as u64)), n as u64);
    }
}

/// One descent in foreign code alone.
#[test]
fn without_callbacks() {
    for (frames, bytes) in [(1, 64), (1000, 64), (LEVELS as u64, 256), (100, 65_536)] {
        assert_eq!(task_with(DEEP, move || foreign::descend(frames, bytes, || 7)), frames + 7);
    }
}

/// The stack that such a task has for itself goes with it.
#[test]
fn without_callbacks_in_tasks_that_take_turns() {
    let scheduler = Scheduler::new();
    let tasks: Vec<_> = (0..20_u64)
        .map(|i| {
            let deep = move || {
                for round in 0..4 {
                    // Others run meanwhile, both outside foreign code and deep in it.
                    yield_now();
                    let inside = || {
                        yield_now();
                        round
                    };
                    assert_eq!(foreign::descend(50_000, 256, inside), 50_000 + round);
                }
                i
            };
            let builder = scheduler.builder();
            // Every other one uses the worker's stack, and is content with it.
            if i % 2 == 0 { builder.stack_size(DEEP).spawn(deep).unwrap() } else { scheduler.spawn(move || i) }
        })
        .collect();
    // This one never runs.
    drop(Scheduler::new().builder().stack_size(DEEP).spawn(|| unreachable!()).unwrap());
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join_or_resume(), i as u64);
    }
}

/// Shows the levels below it by way of `mixed`.
struct Level(usize);

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", mixed(self.0))
    }
}

/// As many levels, each of another kind; the result counts them.
fn mixed(n: usize) -> u64 {
    if n == 0 {
        return 0;
    }
    let next = |result: &mut u64| *result = mixed(n - 1);
    let mut result = 0;
    match n % 8 {
        0 => {
            sort(&mut [2, 1], |a: &i32, b| {
                next(&mut result);
                a.cmp(b)
            });
        }
        1 => {
            find_linear(&[n], |_| {
                next(&mut result);
                Ordering::Equal
            });
        }
        2 => {
            find_sorted(&[n], |_| {
                next(&mut result);
                Ordering::Equal
            });
        }
        3 => result = foreign::call(|| mixed(n - 1)),
        4 => result = foreign::descend(3, 512, || mixed(n - 1)) - 3,
        5 => result = Level(n - 1).to_string().parse().unwrap(),
        6 => result = fresh::below(10, &mut || mixed(n - 1)),
        _ => [2, 1].sort_by(|a: &i32, b| {
            next(&mut result);
            a.cmp(b)
        }),
    }
    result + 1
}

#[test]
fn mixed_with_rust() {
    for n in [1, 8, 50, 1000, LEVELS / 5].map(depth) {
        assert_eq!(task_with(DEEP, move || mixed(n)), n as u64);
    }
}

/// Again on the same stacks, and by many tasks that take turns in the middle of it.
#[test]
fn again_and_in_turns() {
    let total = task_with(DEEP, || (0..20).map(|n| mixed(depth(500) * (n % 3))).sum::<u64>());
    assert_eq!(total, (0..20).map(|n| (depth(500) * (n % 3)) as u64).sum::<u64>());
    let scheduler = morestack::sched::Scheduler::new();
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            scheduler.builder().stack_size(DEEP).spawn(move || {
                let at_the_end = || {
                    morestack::sched::yield_now();
                    mixed(depth(200 + i))
                };
                foreign::descend(i as u64, 64, || {
                    let first = at_the_end();
                    morestack::sched::yield_now();
                    first + at_the_end()
                })
            })
        })
        .collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.unwrap().join_or_resume(), (i + 2 * depth(200 + i)) as u64);
    }
}
