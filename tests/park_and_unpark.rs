//! Parking: an unpark is never lost and never counted twice, whatever the task does at the time.

use morestack::sched::{Idle, JoinHandle, Scheduler, Task, current, park, yield_now};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A task that parks `n` times and counts.
fn sleeper(scheduler: &Scheduler, n: u32) -> (JoinHandle<()>, Task, Rc<Cell<u32>>) {
    let woken = Rc::new(Cell::new(0));
    let counter = woken.clone();
    let handle = scheduler.spawn(move || {
        for _ in 0..n {
            park();
            counter.set(counter.get() + 1);
        }
    });
    let task = handle.task();
    (handle, task, woken)
}

#[test]
fn an_unpark_ends_one_park() {
    let scheduler = Scheduler::new();
    let (handle, task, woken) = sleeper(&scheduler, 3);
    for i in 0..3 {
        assert_eq!((scheduler.run(), woken.get()), (Idle::Parked(1), i));
        task.unpark();
    }
    handle.join_or_resume();
    assert_eq!(woken.get(), 3);
}

#[test]
fn an_unpark_before_the_park_is_kept() {
    let scheduler = Scheduler::new();
    let (_handle, task, woken) = sleeper(&scheduler, 2);
    // Of a task that has not even started.
    task.unpark();
    assert_eq!((scheduler.run(), woken.get()), (Idle::Parked(1), 1));
}

#[test]
fn two_unparks_before_a_park_are_one() {
    let scheduler = Scheduler::new();
    let (_handle, task, woken) = sleeper(&scheduler, 5);
    task.unpark();
    task.unpark();
    assert_eq!((scheduler.run(), woken.get()), (Idle::Parked(1), 1));
    // Also if the task waits: until it goes on, they are one, as with std's threads.
    task.unpark();
    task.unpark();
    task.unpark();
    assert_eq!((scheduler.run(), woken.get()), (Idle::Parked(1), 2));
}

#[test]
fn a_task_can_unpark_itself() {
    let scheduler = Scheduler::new();
    let task = scheduler.spawn(|| {
        for _ in 0..1000 {
            current().expect("in a task").unpark();
            park();
        }
    });
    task.join_or_resume();
}

#[test]
fn unparking_a_finished_task_does_nothing() {
    let scheduler = Scheduler::new();
    let (handle, task, _) = sleeper(&scheduler, 0);
    handle.join_or_resume();
    task.unpark();
    task.unpark();
    assert_eq!(scheduler.run(), Idle::Finished);
    drop(scheduler);
    task.unpark();
}

#[test]
fn a_join_does_not_use_up_an_unpark() {
    let scheduler = Rc::new(Scheduler::new());
    // The unpark comes before the join, while it waits, and in the same round as the end of the task it waits for.
    for (before, rounds) in [(true, 3), (false, 0), (false, 1), (false, 2), (false, 3)] {
        let inner = scheduler.clone();
        let waiter = scheduler.spawn(move || {
            if before {
                current().expect("in a task").unpark();
            }
            let awaited = inner.spawn(|| (yield_now(), yield_now()));
            awaited.join_or_resume();
            park();
        });
        let task = waiter.task();
        let waker = scheduler.spawn(move || {
            for _ in 0..rounds {
                yield_now();
            }
            if !before {
                task.unpark();
            }
        });
        assert_eq!(scheduler.run(), Idle::Finished, "unparked before: {before}, after {rounds} rounds");
        waiter.join_or_resume();
        waker.join_or_resume();
    }
}

#[test]
fn a_task_that_waits_in_a_join_and_is_unparked_meanwhile_has_one_place_in_the_queue() {
    let scheduler = Rc::new(Scheduler::new());
    let order: Rc<RefCell<Vec<u32>>> = Rc::default();
    let inner = scheduler.clone();
    let log = order.clone();
    let waiter = scheduler.spawn(move || {
        inner.spawn(park_once).join_or_resume();
        // With a second place in the queue, one of these parks would return for no reason, or the end come twice.
        for i in 0..3 {
            log.borrow_mut().push(i);
            park();
        }
    });
    fn park_once() {
        yield_now();
    }
    let task = waiter.task();
    assert!(matches!(scheduler.run(), Idle::Parked(1)));
    let at_first = order.borrow().len();
    assert_eq!(at_first, 1);
    for _ in 0..10 {
        task.unpark();
        scheduler.run();
    }
    assert_eq!(*order.borrow(), [0, 1, 2]);
    waiter.join_or_resume();
}

#[test]
fn parking_outside_tasks_parks_the_thread() {
    let thread = std::thread::spawn(|| {
        park();
        yield_now();
        7
    });
    thread.thread().unpark();
    assert_eq!(thread.join().unwrap(), 7);
}

#[test]
fn tasks_hand_a_ball_around() {
    let scheduler = Scheduler::new();
    let ball = Rc::new(Cell::new(0_usize));
    let players: Rc<RefCell<Vec<Task>>> = Rc::default();
    let handles: Vec<_> = (0..10)
        .map(|me| {
            let (ball, players) = (ball.clone(), players.clone());
            scheduler.spawn(move || {
                while ball.get() < 1000 {
                    if ball.get() % 10 == me {
                        ball.set(ball.get() + 1);
                        let next = players.borrow()[(me + 1) % 10].clone();
                        next.unpark();
                    }
                    if ball.get() < 1000 {
                        park();
                    }
                }
                let next = players.borrow()[(me + 1) % 10].clone();
                next.unpark();
            })
        })
        .collect();
    players.borrow_mut().extend(handles.iter().map(JoinHandle::task));
    assert_eq!(scheduler.run(), Idle::Finished);
    assert_eq!(ball.get(), 1000);
}
