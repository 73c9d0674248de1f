//! Runtimes are built, refused, nested, and come and go by the thousand.

#[path = "common/watchdog.rs"]
mod watchdog;

use morestack::runtime::{Builder, MAX_WORKERS, Runtime};
use morestack::sched::{Scheduler, yield_now};
use morestack::thread;
use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;
use watchdog::Watchdog;

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

#[test]
fn what_cannot_be_is_refused() {
    for builder in [
        Builder::new().workers(0),
        Builder::new().workers(MAX_WORKERS + 1),
        Builder::new().workers(usize::MAX),
        Builder::new().workers(1).name("null\0byte"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("worker") || error.to_string().contains("null"), "{error}");
    }
}

#[test]
fn workers_are_as_many_as_asked_for_and_have_names() {
    let _watchdog = Watchdog::new(60);
    for workers in [1, 2, 7] {
        let runtime = Builder::new().workers(workers).name("mine").build().unwrap();
        assert_eq!(runtime.workers(), workers);
        let name = runtime.run(|| std::thread::current().name().unwrap().to_owned());
        assert!(name.starts_with("mine-"), "{name}");
    }
    assert!(Runtime::new().unwrap().workers() >= 1);
}

#[test]
fn thousands_come_and_go() {
    let _watchdog = Watchdog::new(120);
    for i in 0..2000 {
        let runtime = runtime(1 + i % 2);
        assert_eq!(runtime.run(|| thread::spawn(move || i).join().unwrap()), i);
    }
}

#[test]
fn between_os_threads_that_come_and_go() {
    let _watchdog = Watchdog::new(120);
    for i in 0..200 {
        let thread = std::thread::spawn(move || runtime(1).run(move || i));
        let here = runtime(2);
        let other = std::thread::spawn(move || i + 1);
        assert_eq!(here.run(move || other.join().unwrap()), i + 1);
        drop(here);
        assert_eq!(thread.join().unwrap(), i);
    }
}

#[test]
fn one_inside_another() {
    let _watchdog = Watchdog::new(60);
    let (a, b) = (runtime(1), runtime(1));
    let mut borrowed = 0;
    // Into the other and back, several times: no worker waits, so that each can serve the next.
    let depth = a.run(|| {
        b.run(|| {
            a.run(|| {
                b.run(|| {
                    borrowed += 1;
                    4
                })
            })
        })
    });
    assert_eq!((depth, borrowed), (4, 1));
    // With a scheduler of a task's own in between.
    let local = a.run(|| {
        let scheduler = Scheduler::new();
        scheduler
            .spawn(|| {
                yield_now();
                5
            })
            .join_or_resume()
    });
    assert_eq!(local, 5);
    // A runtime that lives in a task.
    assert_eq!(a.run(|| runtime(1).run(|| 6)), 6);
}

#[test]
fn panics_come_out_of_run() {
    let _watchdog = Watchdog::new(60);
    let (a, b) = (runtime(1), runtime(2));
    let caught =
        panic::catch_unwind(AssertUnwindSafe(|| a.run(|| b.run(|| panic::resume_unwind(Box::new("from inside"))))));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"from inside"));
    assert_eq!(a.run(|| b.run(|| 1)), 1);
}

#[test]
fn tasks_of_one_are_joined_from_another() {
    let _watchdog = Watchdog::new(60);
    let (a, b) = (Arc::new(runtime(2)), runtime(2));
    let tasks: Vec<_> = (0..100)
        .map(|i| {
            let a = a.clone();
            b.spawn(move || {
                let there = a.spawn(move || {
                    if i % 2 == 0 {
                        yield_now()
                    } else {
                        thread::sleep(Duration::from_micros(200))
                    }
                    i
                });
                // Results of tasks that have gone elsewhere come back, and detached ones run all the same.
                drop(a.spawn(yield_now));
                there.join().unwrap()
            })
        })
        .collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap(), i);
    }
}
