//! Dropping a scheduler drops the closures of the tasks that have not started, and their handles say so.

use morestack::sched::{Scheduler, yield_now};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

#[test]
fn closures_of_fresh_tasks_are_dropped_and_joins_fail() {
    let scheduler = Scheduler::new();
    let owned = Rc::new(());
    let in_task = owned.clone();
    let handle = scheduler.spawn(move || drop(in_task));
    let task = handle.task();
    drop(scheduler);
    assert_eq!(Rc::strong_count(&owned), 1, "the closure is gone");
    task.unpark();
    let payload = handle.join().expect_err("it never ran");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the scheduler was dropped before the task had started"));
    task.unpark();
}

#[test]
fn a_closure_that_uses_the_scheduler_s_tasks_while_it_is_dropped_is_fine() {
    struct UnparkOnDrop(morestack::sched::Task, Rc<Cell<u32>>);
    impl Drop for UnparkOnDrop {
        fn drop(&mut self) {
            self.0.unpark();
            self.1.set(self.1.get() + 1);
        }
    }
    let scheduler = Scheduler::new();
    let dropped = Rc::new(Cell::new(0));
    let parked = scheduler.spawn(morestack::sched::park);
    scheduler.run();
    for _ in 0..3 {
        let guard = UnparkOnDrop(parked.task(), dropped.clone());
        scheduler.spawn(move || drop(guard));
    }
    drop(scheduler);
    assert_eq!(dropped.get(), 3);
    // It was unparked by the drops, and its handle still runs the queue.
    parked.join().unwrap();
}

#[test]
fn a_join_outside_sees_it_although_others_yield() {
    let scheduler = Scheduler::new();
    let kept: Rc<RefCell<Option<Scheduler>>> = Rc::default();
    let yields = Rc::new(Cell::new(0));
    let stop = Rc::new(Cell::new(false));
    let other = scheduler.spawn({
        let (kept, yields, stop) = (kept.clone(), yields.clone(), stop.clone());
        move || {
            drop(kept.borrow_mut().take());
            while !stop.get() {
                yields.set(yields.get() + 1);
                yield_now();
            }
        }
    });
    let cancelled = scheduler.spawn(|| ());
    *kept.borrow_mut() = Some(scheduler);
    assert!(cancelled.join().is_err());
    stop.set(true);
    other.join().unwrap();
}

#[test]
fn a_closure_that_panics_while_it_is_dropped_ends_its_task() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("dropped"));
        }
    }
    let scheduler = Scheduler::new();
    let bomb = Panics;
    let handle = scheduler.spawn(move || std::mem::forget(bomb));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(scheduler))).is_err());
    assert!(handle.is_finished() && handle.join().is_err());
}
