//! A join outside the scheduler's tasks returns although the task it waits for ended during a `run` inside another task, and
//! although others have yielded to each other ever since.

use morestack::sched::{Scheduler, yield_now};
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn a_join_returns_although_an_inner_run_was_there_first() {
    let scheduler = Rc::new(Scheduler::new());
    let stop = Rc::new(Cell::new(false));
    drop(scheduler.spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        move || {
            // The awaited task ends in here.
            scheduler.run();
            for _ in 0..2 {
                let stop = stop.clone();
                drop(scheduler.spawn(move || {
                    while !stop.get() {
                        yield_now();
                    }
                }));
            }
        }
    }));
    assert_eq!(scheduler.spawn(|| 7).join().unwrap(), 7);
    stop.set(true);
    scheduler.run();
}
