//! `runtime.Gosched` and `runtime.gopark` called from mapped code, and parks in Rust that mapped code calls: the big stack
//! that such a task has borrowed stays its own while others borrow theirs.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::caps;
use morestack::sched::{Idle, JoinHandle, Scheduler, current, park, yield_now};
use std::hint::black_box;
use tasks::{bump, count, rust_twice, sleep};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        // A pattern over some pages of the borrowed stack, for others to destroy.
        let mut here = [n; 1000];
        black_box(&mut here);
        if n.is_multiple_of(3) {
            park();
        } else {
            yield_now();
        }
        assert!(black_box(&here).iter().all(|&word| word == n), "somebody wrote on the stack of task {n}");
        // And deeper mapped code, which enters from the borrowed stack.
        assert_eq!(count(n % 100), n % 100);
        if n.is_multiple_of(5) {
            yield_now();
        }
        assert!(black_box(&here).iter().all(|&word| word == n), "somebody wrote on the stack of task {n}");
        n + 1
    }
}

#[test]
fn gosched_lets_others_run() {
    let scheduler = Scheduler::new();
    let mut counter = 0;
    let tasks: Vec<_> = (0..10).map(|_| scheduler.spawn_mapped(bump::function(), (&raw mut counter, 20))).collect();
    assert_eq!(scheduler.run(), Idle::Finished);
    assert_eq!(counter, 200);
    assert!(tasks.into_iter().all(|task| task.join_or_resume() >= 9 * 19));
}

#[test]
fn gopark_waits_for_an_unpark() {
    let scheduler = Scheduler::new();
    let mut counter = 0;
    let task = scheduler.spawn_mapped(sleep::function(), (&raw mut counter, 3));
    for sleeps in 1..=3 {
        assert_eq!(scheduler.run(), Idle::Parked(1));
        // SAFETY: no task runs now.
        assert_eq!(unsafe { (&raw const counter).read_volatile() }, sleeps);
        task.task().unpark();
    }
    assert_eq!(task.join_or_resume(), 3);
    // An unpark that comes first is kept.
    let task = scheduler.spawn_mapped(sleep::function(), (&raw mut counter, 1));
    task.task().unpark();
    assert_eq!(task.join_or_resume(), 1);
}

#[test]
fn in_mapped_code_that_a_rust_task_has_called() {
    let scheduler = Scheduler::new();
    let sleeper = scheduler.spawn(|| {
        let mut counter = 0;
        (sleep(&raw mut counter, 2), counter)
    });
    let mut counter = 0;
    let others = scheduler.spawn_mapped(bump::function(), (&raw mut counter, 50));
    for _ in 0..2 {
        assert_eq!(scheduler.run(), Idle::Parked(1));
        sleeper.task().unpark();
    }
    assert_eq!(sleeper.join_or_resume(), (2, 2));
    others.join_or_resume();
}

#[test]
fn outside_tasks_they_concern_the_thread() {
    let mut counter = 0;
    assert_eq!(bump(&raw mut counter, 10), 0);
    let thread = std::thread::spawn(|| {
        let mut counter = 0;
        sleep(&raw mut counter, 1)
    });
    thread.thread().unpark();
    assert_eq!(thread.join().unwrap(), 1);
}

#[test]
fn a_borrowed_big_stack_is_kept_through_a_park_and_shared_with_nobody() {
    let scheduler = Scheduler::new();
    let n = caps::tasks(300) as u64;
    let tasks: Vec<_> = (0..n).map(|i| scheduler.spawn_mapped(rust_twice::function(), (i,))).collect();
    let mut rounds = 0;
    while let Idle::Parked(parked) = scheduler.run() {
        assert_eq!(parked as u64, n.div_ceil(3), "every third parks, in each of its two calls");
        tasks.iter().step_by(3).for_each(|task| task.task().unpark());
        rounds += 1;
    }
    assert_eq!(rounds, 2);
    for (i, task) in (0..).zip(tasks) {
        assert_eq!(task.join_or_resume(), i + 1);
    }
}

#[test]
fn sleepers_in_rust_among_sleepers_in_mapped_code() {
    let scheduler = Scheduler::new();
    let mut counter = 0;
    let in_rust: Vec<_> = (0..30).map(|i| scheduler.spawn_mapped(rust_twice::function(), (3 * i,))).collect();
    let in_mapped: Vec<_> = (0..30).map(|_| scheduler.spawn_mapped(sleep::function(), (&raw mut counter, 2))).collect();
    let in_closures: Vec<_> = (0..30)
        .map(|i| {
            scheduler.spawn(move || {
                park();
                let doubled = rust_twice(3 * i + 1);
                park();
                assert_eq!(current().map(|task| task.name().is_none()), Some(true));
                doubled
            })
        })
        .collect();
    for _ in 0..2 {
        assert_eq!(scheduler.run(), Idle::Parked(90));
        let all = in_rust.iter().chain(&in_mapped).chain(&in_closures).map(JoinHandle::task);
        all.for_each(|task| task.unpark());
    }
    assert_eq!(scheduler.run(), Idle::Finished);
    for (i, ((rust, mapped), closure)) in (0..).zip(in_rust.into_iter().zip(in_mapped).zip(in_closures)) {
        assert_eq!(
            (rust.join_or_resume(), mapped.join_or_resume(), closure.join_or_resume()),
            (3 * i + 1, 2, 3 * i + 2)
        );
    }
}
