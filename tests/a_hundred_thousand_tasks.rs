//! 100,000 tasks at once: mapped and Rust, that yield, park, and are joined, by each other too.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::caps;
use morestack::sched::{Idle, JoinHandle, Scheduler, park};
use tasks::{add, bump, rust_twice, sleep};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

#[test]
fn mapped_ones() {
    let scheduler = Scheduler::new();
    let n = caps::tasks(100_000) as u64;
    let (mut yields, mut parks) = (0, 0);
    let tasks: Vec<_> = (0..n)
        .map(|i| match i % 4 {
            0 => scheduler.spawn_mapped(add::function(), (i, 1)),
            1 => scheduler.spawn_mapped(bump::function(), (&raw mut yields, 3)),
            2 => scheduler.spawn_mapped(sleep::function(), (&raw mut parks, 1)),
            _ => scheduler.spawn_mapped(rust_twice::function(), (i,)),
        })
        .collect();
    let sleepers = (n + 1) / 4;
    assert_eq!(scheduler.run(), Idle::Parked(sleepers as usize));
    assert_eq!((yields, parks), (3 * ((n + 2) / 4), sleepers));
    tasks.iter().skip(2).step_by(4).for_each(|task| task.task().unpark());
    assert_eq!(scheduler.run(), Idle::Finished);
    for (i, task) in (0..).zip(tasks) {
        let result = task.join_or_resume();
        match i % 4 {
            0 => assert_eq!(result, i + 1),
            1 => assert!(result >= 3, "others run in between"),
            2 => assert_eq!(result, 1),
            _ => assert_eq!(result, i),
        }
    }
}

#[test]
fn rust_ones() {
    let scheduler = Scheduler::new();
    let n = caps::tasks(100_000) as u64;
    let tasks: Vec<_> = (0..n)
        .map(|i| {
            scheduler.spawn(move || {
                park();
                i
            })
        })
        .collect();
    assert_eq!(scheduler.run(), Idle::Parked(n as usize));
    tasks.iter().map(JoinHandle::task).for_each(|task| task.unpark());
    // A task joins them all.
    let sum: u64 = scheduler.spawn(|| tasks.into_iter().map(JoinHandle::join_or_resume).sum()).join_or_resume();
    assert_eq!(sum, n * (n - 1) / 2);
    assert_eq!(scheduler.run(), Idle::Finished);
}
