//! Tasks are spawned with arguments and joined for their results, or for the payload of their panic.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::sched::{Idle, JoinHandle, Scheduler, current, park, yield_now};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use tasks::{add, count, rust_twice};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        yield_now();
        n * n
    }
}

/// Counts its drops, and uses mapped code meanwhile.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(count(20), 20);
        self.0.set(self.0.get() + 1);
    }
}

/// What a task returns that stands for a counter.
fn counter() -> (Rc<Cell<u32>>, Counted) {
    let drops = Rc::new(Cell::new(0));
    (drops.clone(), Counted(drops))
}

#[test]
fn closures_and_mapped_functions_have_arguments_and_results() {
    let scheduler = Scheduler::new();
    let text = String::from("captured");
    let closure = scheduler.spawn(move || text.len());
    let sum = scheduler.spawn_mapped(add::function(), (30, 12));
    let square = scheduler.spawn_mapped(rust_twice::function(), (12,));
    let large = scheduler.spawn(|| [7_u64; 1000]);
    let nothing = scheduler.spawn(|| ());
    assert!(!closure.is_finished());
    assert_eq!(square.join_or_resume(), 144);
    assert_eq!(closure.join_or_resume(), 8);
    assert_eq!(sum.join_or_resume(), 42);
    assert_eq!(large.join_or_resume(), [7; 1000]);
    assert!(nothing.is_finished());
    nothing.join_or_resume();
    assert_eq!(scheduler.run(), Idle::Finished);
}

#[test]
fn from_inside_and_from_outside() {
    let scheduler = Rc::new(Scheduler::new());
    let inner = scheduler.clone();
    let outer = scheduler.spawn(move || {
        let children: Vec<_> = (0..10).map(|i| inner.spawn(move || (yield_now(), i).1)).collect();
        let mapped: Vec<_> = (0..10).map(|i| inner.spawn_mapped(rust_twice::function(), (i,))).collect();
        // One that has ended before it is joined, and one that fails.
        let early = inner.spawn(|| 1000);
        while !early.is_finished() {
            yield_now();
        }
        let failed = inner.spawn(|| -> u8 { resume_unwind(Box::new(5_u8)) });
        let payload = failed.join().expect_err("it panicked");
        assert_eq!(payload.downcast_ref::<u8>(), Some(&5));
        let sum: u64 = children.into_iter().chain(mapped).chain([early]).map(JoinHandle::join_or_resume).sum();
        sum
    });
    assert_eq!(outer.join_or_resume(), 45 + 285 + 1000);
}

#[test]
fn in_a_chain_of_tasks_that_each_wait_for_the_next() {
    let scheduler = Rc::new(Scheduler::new());
    fn link(scheduler: Rc<Scheduler>, left: u64) -> u64 {
        let next = scheduler.clone();
        if left == 0 { 0 } else { scheduler.spawn(move || link(next, left - 1)).join_or_resume() + 1 }
    }
    let first = scheduler.clone();
    assert_eq!(scheduler.spawn(move || link(first, 100)).join_or_resume(), 100);
}

#[test]
fn a_panic_goes_on_where_the_task_is_joined() {
    let scheduler = Scheduler::new();
    let failed = scheduler.spawn(|| -> u8 { resume_unwind(Box::new("why")) });
    let payload = catch_unwind(AssertUnwindSafe(|| failed.join_or_resume())).expect_err("it goes on");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"why"));
}

#[test]
fn a_task_cannot_join_itself() {
    let scheduler = Scheduler::new();
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let message: Rc<RefCell<String>> = Rc::default();
    let (mine, text) = (own.clone(), message.clone());
    let task = scheduler.spawn(move || {
        let handle = mine.take().expect("put there before this runs");
        let payload = catch_unwind(AssertUnwindSafe(|| handle.join())).map(drop).expect_err("it panics");
        text.borrow_mut().push_str(payload.downcast_ref::<&str>().expect("a message"));
    });
    *own.borrow_mut() = Some(task);
    assert_eq!(scheduler.run(), Idle::Finished);
    assert!(message.borrow().contains("a task cannot join itself"), "{message:?}");
}

#[test]
fn waiting_for_what_cannot_come_is_reported_as_a_deadlock() {
    let scheduler = Scheduler::new();
    let task = scheduler.builder().name("sleeper").spawn(park).unwrap();
    let name = format!("task {} \"sleeper\"", task.task().id());
    let payload = catch_unwind(AssertUnwindSafe(|| task.join())).map(drop).expect_err("it panics");
    let text = payload.downcast_ref::<String>().expect("a message");
    assert!(text.contains("all tasks are asleep - deadlock") && text.contains(&name), "{text}");
    assert_eq!(scheduler.run(), Idle::Parked(1));
}

#[test]
fn results_are_dropped_once_whenever_the_handle_goes() {
    let scheduler = Scheduler::new();
    // Before the task starts.
    let (drops, result) = counter();
    drop(scheduler.spawn(move || result));
    assert_eq!((drops.get(), scheduler.run(), drops.get()), (0, Idle::Finished, 1));

    // While it is parked.
    let (drops, result) = counter();
    let handle = scheduler.spawn(move || {
        park();
        result
    });
    assert_eq!(scheduler.run(), Idle::Parked(1));
    let task = handle.task();
    drop(handle);
    task.unpark();
    assert_eq!((drops.get(), scheduler.run()), (0, Idle::Finished));
    drop(task);
    assert_eq!(drops.get(), 1);

    // After its end.
    let (drops, result) = counter();
    let handle = scheduler.spawn(move || result);
    assert_eq!((scheduler.run(), drops.get()), (Idle::Finished, 0));
    drop(handle);
    assert_eq!(drops.get(), 1);

    // Joined.
    let (drops, result) = counter();
    let result = scheduler.spawn(move || result).join_or_resume();
    assert_eq!(drops.get(), 0);
    drop(result);
    assert_eq!(drops.get(), 1);

    // By itself, while it runs.
    let (drops, result) = counter();
    let own: Rc<RefCell<Option<JoinHandle<Counted>>>> = Rc::default();
    let mine = own.clone();
    let handle = scheduler.spawn(move || {
        drop(mine.take());
        yield_now();
        result
    });
    *own.borrow_mut() = Some(handle);
    assert_eq!((scheduler.run(), drops.get()), (Idle::Finished, 1));

    // The same for a panic's payload, which must be Send; its destructor is the user's code as well.
    let payload = std::sync::Arc::new(());
    let in_task = payload.clone();
    let handle = scheduler.spawn(move || resume_unwind(Box::new(in_task)));
    assert_eq!(scheduler.run(), Idle::Finished);
    assert_eq!(std::sync::Arc::strong_count(&payload), 2);
    drop::<JoinHandle<()>>(handle);
    assert_eq!(std::sync::Arc::strong_count(&payload), 1);
}

#[test]
fn a_result_may_panic_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("boom"));
        }
    }
    let scheduler = Scheduler::new();
    drop(scheduler.spawn(|| Bomb));
    assert_eq!(scheduler.run(), Idle::Finished);
    assert_eq!(scheduler.spawn(|| 1).join_or_resume(), 1);
}

#[test]
fn tasks_have_numbers_and_names() {
    let scheduler = Scheduler::new();
    assert!(current().is_none());
    let named = scheduler.builder().name("réseau \"1\"").spawn(|| {
        let me = current().expect("in a task");
        (me.id(), me.name().map(str::to_owned))
    });
    let nameless = scheduler.spawn(|| current().map(|me| (me.id(), me.name().is_none())));
    let mapped = scheduler.builder().name("mapped").spawn_mapped(add::function(), (1, 2)).unwrap();
    let named = named.unwrap();
    let (task, mapped) = (named.task(), mapped.task());
    assert_eq!((task.name(), mapped.name()), (Some("réseau \"1\""), Some("mapped")));
    let id = task.id();
    assert_eq!(named.join_or_resume(), (id, Some(String::from("réseau \"1\""))));
    let other = nameless.task().id();
    assert_eq!(nameless.join_or_resume(), Some((other, true)));
    assert!(id != other && id != mapped.id() && other != mapped.id() && id != 0);
    // They outlive the task, and the scheduler.
    drop(scheduler);
    assert_eq!((task.clone().id(), task.name()), (id, Some("réseau \"1\"")));
    assert!(current().is_none());
}
