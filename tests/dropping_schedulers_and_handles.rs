//! Schedulers, handles and tasks may be dropped in any order; what a task owns is dropped at most once, and exactly once if
//! the task had not started or has ended.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::sched::{Idle, JoinHandle, Scheduler, park, yield_now};
use std::cell::Cell;
use std::rc::Rc;
use tasks::{add, count, sleep};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// Counts its drops, and uses mapped code meanwhile.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(count(20), 20);
        self.0.set(self.0.get() + 1);
    }
}

/// When a handle goes.
#[derive(Clone, Copy, Debug)]
enum When {
    AtOnce,
    AfterTheTasks,
    AfterTheScheduler,
    Joined,
}

#[test]
fn in_any_order() {
    for parks in [0, 1, 2] {
        for runs in 0..4 {
            for handle_goes in [When::AtOnce, When::AfterTheTasks, When::AfterTheScheduler, When::Joined] {
                for task_stays in [false, true] {
                    one_order(parks, runs, handle_goes, task_stays);
                }
            }
        }
    }
}

/// A task that parks, of a scheduler that runs so often and is dropped.
fn one_order(parks: u32, runs: u32, handle_goes: When, task_stays: bool) {
    let case = format!("{parks} parks, {runs} runs, handle goes {handle_goes:?}, task stays: {task_stays}");
    let (captured, result) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let owned = (Counted(captured.clone()), Counted(result.clone()));
    let scheduler = Scheduler::new();
    let handle = scheduler.spawn(move || {
        let (_captured, result) = owned;
        for _ in 0..parks {
            park();
        }
        result
    });
    let task = handle.task();
    let mut handle = Some(handle);
    if matches!(handle_goes, When::AtOnce) {
        handle = None;
    }
    for run in 0..runs {
        if run > 0 {
            task.unpark();
        }
        scheduler.run();
    }
    let started = runs > 0;
    let ended = runs > parks;
    if matches!(handle_goes, When::AfterTheTasks) {
        handle = None;
    }
    let task = task_stays.then_some(task);
    drop(scheduler);
    let dropped = u32::from(!started || ended);
    assert_eq!(captured.get(), dropped, "{case}");
    match (handle, handle_goes) {
        (Some(handle), When::Joined) if ended => assert_eq!(drop(handle.join_or_resume()), (), "{case}"),
        (Some(handle), When::Joined) if !started => assert!(handle.join().is_err(), "{case}"),
        // It sleeps: the handle still runs what is ready.
        (handle, _) => drop(handle),
    }
    if let Some(task) = task {
        task.unpark();
    }
    assert_eq!((captured.get(), result.get()), (dropped, dropped), "{case}");
}

#[test]
fn mapped_tasks_likewise() {
    for runs in 0..3 {
        let mut counter = 0;
        let scheduler = Scheduler::new();
        let sleeper = scheduler.spawn_mapped(sleep::function(), (&raw mut counter, 1));
        let fresh = scheduler.spawn_mapped(add::function(), (1, 2));
        for run in 0..runs {
            if run > 0 {
                sleeper.task().unpark();
            }
            scheduler.run();
        }
        drop(scheduler);
        match runs {
            0 => assert!(sleeper.join().is_err() && fresh.join().is_err()),
            1 => assert_eq!(fresh.join_or_resume(), 3),
            _ => assert_eq!((sleeper.join_or_resume(), fresh.join_or_resume()), (1, 3)),
        }
    }
}

#[test]
fn a_fresh_task_that_owns_a_handle_of_another() {
    let drops = Rc::new(Cell::new(0));
    let scheduler = Scheduler::new();
    let (first, second) = (Counted(drops.clone()), Counted(drops.clone()));
    let one = scheduler.spawn(move || drop(first));
    drop(scheduler.spawn(move || {
        let _second = second;
        one.join_or_resume();
    }));
    drop(scheduler);
    assert_eq!(drops.get(), 2);
}

#[test]
fn the_last_owner_of_a_scheduler_may_be_one_of_its_tasks() {
    let drops = Rc::new(Cell::new(0));
    let scheduler = Rc::new(Scheduler::new());
    let fresh = Counted(drops.clone());
    let own = scheduler.clone();
    let task = scheduler.spawn(move || {
        yield_now();
        let never_runs = own.spawn(move || drop(fresh));
        drop(own);
        never_runs.is_finished()
    });
    drop(scheduler);
    // The handle runs the scheduler; the task drops it in the middle.
    assert!(task.join_or_resume());
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_handle_outlives_the_scheduler_and_still_runs_what_has_started() {
    let scheduler = Scheduler::new();
    let handles: Vec<JoinHandle<u64>> = (0..10)
        .map(|i| {
            scheduler.spawn(move || {
                park();
                count(i)
            })
        })
        .collect();
    assert_eq!(scheduler.run(), Idle::Parked(10));
    drop(scheduler);
    for (i, handle) in (0..).zip(handles) {
        handle.task().unpark();
        assert_eq!(handle.join_or_resume(), i);
    }
}
