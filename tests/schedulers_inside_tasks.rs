//! A scheduler runs wherever its thread is: in a task of another scheduler, in a task of its own, and below mapped code.

#[path = "common/contexts.rs"]
mod contexts;
#[path = "common/tasks.rs"]
mod tasks;

use contexts::everywhere;
use morestack::arch::tcb_guard;
use morestack::sched::{Idle, Scheduler, current, park, yield_now};
use std::cell::Cell;
use std::rc::Rc;
use tasks::{add, bump, count, rust_twice};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        let before = current().map(|task| task.id());
        // Below mapped code of whoever calls: a whole scheduler, whose tasks call mapped code that grows.
        let scheduler = Scheduler::new();
        let tasks: Vec<_> = (0..n).map(|i| scheduler.spawn(move || (yield_now(), count(30 * i)).1)).collect();
        let mapped: Vec<_> = (0..n).map(|i| scheduler.spawn_mapped(count::function(), (30 * i,))).collect();
        let sum = tasks.into_iter().chain(mapped).map(|task| task.join_or_resume()).sum();
        assert_eq!(before, current().map(|task| task.id()), "the same task as before");
        assert_eq!(tcb_guard(), 0);
        sum
    }
}

#[test]
fn below_mapped_code() {
    everywhere(|| {
        assert_eq!(rust_twice(10), 2 * 30 * 45);
        assert_eq!(count(1000), 1000);
    });
}

#[test]
fn nested_ten_times() {
    fn nest(left: u64) -> u64 {
        if left == 0 {
            return rust_twice(3);
        }
        let scheduler = Scheduler::new();
        let mut counter = 0;
        let bumping = scheduler.spawn_mapped(bump::function(), (&raw mut counter, 5));
        let below = scheduler.spawn(move || {
            yield_now();
            nest(left - 1)
        });
        let sum = below.join_or_resume();
        bumping.join_or_resume();
        assert_eq!(counter, 5);
        sum + count(left)
    }
    assert_eq!(nest(10), 180 + 55);
}

#[test]
fn in_a_task_of_its_own() {
    let scheduler = Rc::new(Scheduler::new());
    let inner = scheduler.clone();
    let task = scheduler.spawn(move || {
        let parked = inner.spawn(park);
        let other = inner.spawn(|| (yield_now(), 5).1);
        // Runs the others to the end or to a park, on this task's stack.
        assert_eq!(inner.run(), Idle::Parked(2), "this one, and the one that is parked");
        assert!(other.is_finished() && !parked.is_finished());
        parked.task().unpark();
        parked.join_or_resume();
        other.join_or_resume()
    });
    assert_eq!(task.join_or_resume(), 5);
}

#[test]
fn tasks_of_one_scheduler_are_unparked_and_joined_from_another_s() {
    let outer = Scheduler::new();
    let woken = Rc::new(Cell::new(0));
    let counter = woken.clone();
    let sleeper = outer.spawn(move || {
        for _ in 0..3 {
            park();
            counter.set(counter.get() + 1);
        }
        count(500)
    });
    let task = sleeper.task();
    let host = outer.spawn(move || {
        let inner = Scheduler::new();
        for round in 0..3 {
            let (task, woken) = (task.clone(), woken.clone());
            inner.spawn(move || task.unpark()).join_or_resume();
            assert_eq!(woken.get(), round);
            // Now the outer scheduler's tasks have their turn.
            yield_now();
            assert_eq!(woken.get(), round + 1);
        }
        inner.spawn(move || sleeper.join_or_resume()).join_or_resume()
    });
    assert_eq!(host.join_or_resume(), 500);
}

#[test]
fn tasks_move_between_the_threads_of_control_of_their_scheduler() {
    // A task starts in a run below one task, and ends in a run below another.
    let outer = Rc::new(Scheduler::new());
    let inner = Rc::new(Scheduler::new());
    let task = inner.spawn(|| {
        let here = [3_u64; 50];
        park();
        count(2_000) + std::hint::black_box(here)[7]
    });
    let first = inner.clone();
    outer.spawn(move || assert_eq!(first.run(), Idle::Parked(1))).join_or_resume();
    task.task().unpark();
    let second = inner.clone();
    let sum = outer.spawn(move || {
        assert_eq!(second.run(), Idle::Finished);
        add(1, 2)
    });
    assert_eq!(sum.join_or_resume(), 3);
    assert_eq!(task.join_or_resume(), 2_003);
}
