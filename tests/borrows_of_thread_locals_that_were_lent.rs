//! A task that borrows a thread-local may lend it to other threads: to the tasks of a scope, to the closure of `blocking`. If the
//! task is given up while it does, by a scheduler or a runtime that ends, its stack stays; the thread-local has to stay as well.

use morestack::runtime;
use morestack::sched::{Idle, Scheduler};
use morestack::{blocking, thread};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Says when it is dropped.
struct Value(&'static AtomicBool);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Looks at what it has borrowed until it may end. Whether it was there all the time.
fn use_until(value: &Value, end: &AtomicBool) -> bool {
    let start = Instant::now();
    while !end.load(Ordering::SeqCst) && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    !value.0.load(Ordering::SeqCst)
}

#[test]
fn by_a_task_that_its_scheduler_could_give_up() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    static END: AtomicBool = AtomicBool::new(false);
    thread_local!(static LENT: Value = const { Value(&DROPPED) });
    let (begun, has_begun) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let owner = std::thread::spawn(move || {
        let scheduler = Scheduler::new();
        let task = scheduler.spawn(move || {
            LENT.with(|value| {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        begun.send(()).unwrap();
                        answer.send(use_until(value, &END)).unwrap();
                    });
                });
            });
        });
        // Also when it is another task's end that is waited for.
        scheduler.spawn(|| ()).join().unwrap();
        assert!(task.is_finished());
        assert_eq!(scheduler.run(), Idle::Finished);
    });
    has_begun.recv().unwrap();
    // Time for the thread to end, if it does.
    std::thread::sleep(Duration::from_millis(100));
    END.store(true, Ordering::SeqCst);
    assert!(answered.recv().unwrap(), "the thread-local was dropped while it was lent");
    owner.join().unwrap();
    assert!(DROPPED.load(Ordering::SeqCst));
}

#[test]
fn by_a_task_that_outlives_its_runtime() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    static END: AtomicBool = AtomicBool::new(false);
    thread_local!(static LENT: Value = const { Value(&DROPPED) });
    let (begun, has_begun) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let runtime = runtime::Builder::new().workers(2).build().unwrap();
    let task = runtime.spawn(move || {
        LENT.with(|value| {
            blocking(|| {
                begun.send(()).unwrap();
                answer.send(use_until(value, &END)).unwrap();
            });
        });
    });
    has_begun.recv().unwrap();
    let leftovers = runtime.shutdown(Duration::ZERO);
    assert_eq!(leftovers.len(), 1, "{leftovers:?}");
    task.join().unwrap_err();
    END.store(true, Ordering::SeqCst);
    assert!(answered.recv().unwrap(), "the thread-local was dropped while it was lent");
}

/// A scheduler in a task of a runtime keeps the thread, but not the worker: that may have to run who borrows.
#[test]
fn by_a_task_of_a_scheduler_in_a_task_that_ends() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    static END: AtomicBool = AtomicBool::new(false);
    thread_local!(static LENT: Value = const { Value(&DROPPED) });
    let (begun, has_begun) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    runtime.run(|| {
        let scheduler = Scheduler::new();
        let task = scheduler.spawn(|| thread::scope(|scope| scope.spawn(|| 7).join().unwrap()));
        while scheduler.run() != Idle::Finished {
            thread::yield_now();
        }
        assert_eq!(task.join().unwrap(), 7);
    });
    runtime.run(|| {
        let scheduler = Scheduler::new();
        drop(scheduler.spawn(move || {
            LENT.with(|value| {
                // On another runtime, where nobody needs this worker.
                let other = runtime::Builder::new().workers(1).build().unwrap();
                other.run(|| {
                    begun.send(()).unwrap();
                    answer.send(use_until(value, &END)).unwrap();
                });
            });
        }));
        assert_eq!(scheduler.run(), Idle::Parked(1));
    });
    has_begun.recv().unwrap();
    assert!(runtime.shutdown(Duration::ZERO).is_empty());
    END.store(true, Ordering::SeqCst);
    assert!(answered.recv().unwrap(), "the thread-local was dropped while it was lent");
}

/// The thread of a worker whose tasks lend nothing ends with its runtime, whatever else they do.
#[test]
fn threads_that_lent_nothing_end() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    thread_local!(static KEPT: Value = const { Value(&DROPPED) });
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    let (begun, has_begun) = mpsc::channel();
    let task = runtime.spawn(move || {
        KEPT.with(|_| {
            thread::scope(|scope| _ = scope.spawn(|| ()));
            begun.send(()).unwrap();
            loop {
                // Caught each time, so it is left over.
                let _ = std::panic::catch_unwind(thread::park);
            }
        });
    });
    has_begun.recv().unwrap();
    assert_eq!(runtime.shutdown(Duration::ZERO).len(), 1);
    task.join().unwrap_err();
    assert!(DROPPED.load(Ordering::SeqCst));
}
