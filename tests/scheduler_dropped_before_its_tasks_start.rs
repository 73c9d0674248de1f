//! Dropping a scheduler drops the closures of the tasks that have not started, and their handles say so.

use morestack::sched::Scheduler;
use std::cell::Cell;
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
