//! A task that yields in a loop starves nobody: not the other tasks, and not who waits outside for one of them.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::sched::{Idle, Scheduler, yield_now};
use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;
use tasks::bump;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

#[test]
fn tasks_that_yield_take_turns() {
    let scheduler = Scheduler::new();
    let turns: Rc<[Cell<u32>; 5]> = Rc::default();
    for me in 0..5 {
        let turns = turns.clone();
        drop(scheduler.spawn(move || {
            for turn in 0..100 {
                for other in turns.iter() {
                    assert!(other.get().abs_diff(turn) <= 1, "turn {turn} of {me}: {turns:?}");
                }
                turns[me].set(turn + 1);
                yield_now();
            }
        }));
    }
    assert_eq!(scheduler.run(), Idle::Finished);
    assert!(turns.iter().all(|turn| turn.get() == 100), "{turns:?}");
}

#[test]
fn mapped_code_that_yields_takes_turns_too() {
    let scheduler = Scheduler::new();
    let mut counter = 0_u64;
    let tasks: Vec<_> = (0..4).map(|_| scheduler.spawn_mapped(bump::function(), (&raw mut counter, 100))).collect();
    for (i, task) in (0..).zip(tasks) {
        // Between two turns of one task each of the three others had one, but those before it do not see the last round.
        assert_eq!(task.join_or_resume(), 3 * 100 - i % 4, "task {i}");
    }
    assert_eq!(counter, 400);
}

#[test]
fn joins_from_outside_return_although_others_run_on() {
    let scheduler = Scheduler::new();
    let stop = Rc::new(Cell::new(false));
    let stopped = stop.clone();
    let busy = scheduler.spawn(move || {
        while !stopped.get() {
            yield_now();
        }
    });
    assert_eq!(scheduler.spawn(|| (yield_now(), 1).1).join_or_resume(), 1);
    let mut counter = 0;
    assert_eq!(scheduler.spawn_mapped(bump::function(), (&raw mut counter, 10)).join_or_resume(), 0);
    assert!(scheduler.spawn(|| -> u8 { resume_unwind(Box::new(())) }).join().is_err());
    stop.set(true);
    busy.join_or_resume();
}
