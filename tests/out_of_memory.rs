//! A process that spawns until memory is refused gets an error and goes on working.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::{debug_mode, limit_address_space, role, run_child};
use morestack::sched::{Idle, JoinHandle, Scheduler, park};
use morestack::stack::StackError;
use morestack::stack::big::DEFAULT_SIZE;
use tasks::{count, sleep};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// Spawns until it is refused; then the tasks that there are do their work, and new ones can be spawned.
fn until_refused(spawn: impl Fn(&Scheduler, u64) -> Result<JoinHandle<u64>, StackError>) {
    let scheduler = Scheduler::new();
    let mut tasks = Vec::with_capacity(1_000_000);
    let (error, spare) = loop {
        match spawn(&scheduler, tasks.len() as u64) {
            Ok(task) => tasks.push(task),
            // Some room to print and to unwind in.
            Err(error) => break (error, tasks.pop()),
        }
        assert!(tasks.len() < tasks.capacity());
    };
    eprintln!("refused after {}: {error}", tasks.len());
    assert!(matches!(error, StackError::OutOfMemory { .. }));
    for _ in 0..10 {
        assert!(spawn(&scheduler, 0).is_err() || spare.is_some());
    }
    drop(spare);
    assert!(matches!(scheduler.run(), Idle::Parked(_)));
    for (i, task) in (0..).zip(&tasks) {
        if i % 2 == 0 {
            task.task().unpark();
        }
    }
    scheduler.run();
    assert!(tasks.iter().step_by(2).all(JoinHandle::is_finished));
    // There is room again for as many.
    let ended = tasks.len().div_ceil(2);
    let again: Vec<_> = (0..ended / 2).map(|i| spawn(&scheduler, i as u64).expect("room")).collect();
    scheduler.run();
    tasks.iter().chain(&again).for_each(|task| task.task().unpark());
    for (i, task) in (0..).zip(tasks) {
        let result = task.join_or_resume();
        assert!(result == i || result == 1, "{i}: {result}");
    }
    assert!(again.into_iter().all(|task| task.join_or_resume() < ended as u64));
    assert_eq!(count(100), 100);
    eprintln!("went on");
}

#[test]
fn is_an_error_of_spawn() {
    if let Some(role) = role() {
        // What is made at first use.
        Scheduler::new().spawn(|| count(1)).join_or_resume();
        let (kind, room) = role.split_once(' ').unwrap();
        limit_address_space(room.parse::<usize>().unwrap() << 20);
        match kind {
            "rust" => until_refused(|scheduler, i| {
                scheduler.builder().name("task").spawn(move || {
                    park();
                    i
                })
            }),
            _ => {
                let mut counter = 0;
                let counter = &raw mut counter;
                until_refused(|scheduler, _| scheduler.builder().spawn_mapped(sleep::function(), (counter, 1)));
            }
        }
        return;
    }
    if debug_mode("fence") {
        println!("skipped under fence: mappings run out first");
        return;
    }
    // In a split build closures start on a segment as well.
    let rust = if cfg!(morestack_split) { 2048 } else { DEFAULT_SIZE };
    for (kind, size) in [("rust", rust), ("mapped", 2048)] {
        if kind == "mapped" && debug_mode("move") {
            println!("mapped tasks left out under move: each check needs memory for a second segment");
            continue;
        }
        for room in [20, 33, 64, 90] {
            let ended = run_child("is_an_error_of_spawn", &format!("{kind} {room}"));
            assert_eq!(ended.code, Some(0), "{kind} with {room} MB: {ended:?}");
            assert!(ended.stderr.contains(&format!("no memory for a stack of {size} bytes")), "{ended:?}");
            assert!(ended.stderr.contains("refused after ") && ended.stderr.contains("went on"), "{ended:?}");
        }
    }
}
