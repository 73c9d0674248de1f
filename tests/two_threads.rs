//! Schedulers on two OS threads share nothing but the memory that stacks come from: everything at once, on both, and on
//! threads that come and go.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::caps;
use morestack::arch::tcb_guard;
use morestack::sched::{Idle, JoinHandle, Scheduler, current, park, yield_now};
use morestack::stack::debug;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Barrier;
use tasks::{add, bump, count, rust_twice, sleep};

/// Panics for every seventh number, in one of two threads' mapped code.
fn fails(n: u64) -> bool {
    n % 7 == 3
}

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        let thread = std::thread::current().id();
        if current().is_some() {
            yield_now();
        }
        let deep = caps::often((n * 13 % 500) as usize) as u64;
        assert_eq!(count(deep), deep);
        if fails(n) {
            resume_unwind(Box::new(n));
        }
        assert_eq!(thread, std::thread::current().id());
        n
    }
}

/// Everything a scheduler does, `n` times.
fn work(seed: u64, n: u64) {
    let scheduler = Scheduler::new();
    let (mut yields, mut parks) = (0, 0);
    let counters = (&raw mut yields, &raw mut parks);
    let spawn = |i: u64| {
        let i = i.wrapping_mul(seed) % 1000;
        let depth = caps::often(if i.is_multiple_of(50) { 20_000 } else { i as usize }) as u64;
        let task: (JoinHandle<u64>, Option<u64>) = match i % 6 {
            0 => (scheduler.spawn_mapped(count::function(), (depth,)), Some(depth)),
            1 => (scheduler.spawn_mapped(add::function(), (i, seed)), Some(i + seed)),
            2 => (scheduler.spawn_mapped(sleep::function(), (counters.1, 2)), Some(2)),
            3 => (scheduler.spawn_mapped(rust_twice::function(), (i,)), (!fails(i)).then_some(i)),
            4 => {
                let task = scheduler.spawn(move || {
                    let local = [i; 100];
                    park();
                    let caught = catch_unwind(|| rust_twice(i));
                    assert_eq!(caught.is_err(), fails(i));
                    park();
                    count(depth) + std::hint::black_box(local)[5]
                });
                (task, Some(depth + i))
            }
            _ => {
                let counter = counters.0 as usize;
                let task = scheduler.spawn(move || {
                    bump(counter as *mut u64, 5);
                    // A scheduler of its own, for a short life.
                    Scheduler::new().spawn_mapped(count::function(), (depth,)).join_or_resume()
                });
                (task, Some(depth))
            }
        };
        task
    };
    let tasks: Vec<_> = (0..n).map(spawn).collect();
    while let Idle::Parked(_) = scheduler.run() {
        tasks.iter().for_each(|(task, _)| task.task().unpark());
        scheduler.shrink_parked();
    }
    for (i, (task, expected)) in tasks.into_iter().enumerate() {
        match (task.join(), expected) {
            (Ok(result), Some(expected)) => assert_eq!(result, expected, "task {i} of seed {seed}"),
            (Err(payload), None) => assert!(payload.is::<u64>(), "task {i} of seed {seed}"),
            (result, _) => panic!("task {i} of seed {seed}: {:?}", result.is_ok()),
        }
    }
    assert_eq!(tcb_guard(), 0);
}

#[test]
fn with_schedulers_of_their_own() {
    let n = caps::tasks(1_500) as u64;
    let n = if debug::modes().move_always { n.min(300) } else { n };
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for seed in [7, 11] {
            let barrier = &barrier;
            scope.spawn(move || {
                for round in 0..3 {
                    barrier.wait();
                    work(seed + round, n);
                }
            });
        }
    });
}

#[test]
fn that_come_and_go() {
    for round in 0..10 {
        std::thread::scope(|scope| {
            for seed in [3, 5, 7, 13] {
                scope.spawn(move || work(seed + round, 40));
            }
        });
    }
}

#[test]
fn outside_any_scheduler() {
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for i in 0..300 {
                    let n = i * seed % 600;
                    assert_eq!(catch_unwind(|| rust_twice(n)).ok(), (!fails(n)).then_some(n));
                    let depth = caps::often(n as usize) as u64;
                    assert_eq!(count(depth), depth);
                }
                let deep = caps::often(30_000) as u64;
                assert_eq!(count(deep), deep);
            });
        }
    });
}
