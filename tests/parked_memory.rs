//! A task parked in mapped code costs at most 2,400 bytes of resident memory: its 2 KB, its `G`, its places in the lists.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use morestack::sched::{Idle, Scheduler};
use morestack::stack::debug;
use tasks::sleep;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn bytes_each(n: usize) -> f64 {
    let scheduler = Scheduler::new();
    let mut counter = 0;
    // What is made once.
    let first = scheduler.spawn_mapped(sleep::function(), (&raw mut counter, 1));
    scheduler.run();
    first.task().unpark();
    first.join_or_resume();

    let before = resident();
    for _ in 0..n {
        drop(scheduler.spawn_mapped(sleep::function(), (&raw mut counter, 1)));
    }
    assert_eq!(scheduler.run(), Idle::Parked(n));
    let each = (resident() - before) as f64 / n as f64;
    println!("{n} parked tasks: {each:.0} bytes each");
    each
}

#[test]
fn of_100_000_tasks() {
    if debug::modes() != debug::Modes::default() {
        println!("skipped: debug modes take memory of their own");
        return;
    }
    let each = bytes_each(100_000);
    assert!(each <= 2_400.0, "{each:.0} bytes");
    assert!(each >= 2_048.0, "the stacks are there: {each:.0} bytes");
}

#[test]
#[ignore = "takes 2.4 GB, and the figure wants a process of its own"]
fn of_1_000_000_tasks() {
    let each = bytes_each(1_000_000);
    assert!(each <= 2_400.0, "{each:.0} bytes");
}
