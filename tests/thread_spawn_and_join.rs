//! `thread::spawn` and `JoinHandle`: results and panics, joined from tasks and from OS threads.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::{runtime, thread};
use places::{bounded, everywhere, message};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[test]
fn join_returns_the_result() {
    everywhere(|| {
        assert_eq!(thread::spawn(|| 6 * 7).join().unwrap(), 42);
        let text = String::from("moved in");
        assert_eq!(thread::spawn(move || text + " and out").join().unwrap(), "moved in and out");
        assert_eq!(thread::spawn(|| [7u64; 100]).join().unwrap(), [7; 100]);
        let nested = thread::spawn(|| thread::spawn(|| thread::spawn(|| 3).join().unwrap()).join().unwrap());
        assert_eq!(nested.join().unwrap(), 3);
    });
}

#[test]
fn join_returns_the_payload_of_a_panic_and_others_do_not_notice() {
    everywhere(|| {
        let other = thread::spawn(|| {
            (0..100).for_each(|_| thread::yield_now());
            thread::panicking()
        });
        let payload = thread::spawn(|| panic!("{} {}", "with a", "message")).join().unwrap_err();
        assert_eq!(message(&*payload), "with a message");
        let payload = thread::spawn(|| std::panic::panic_any(17u8)).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&17u8));
        assert!(!thread::panicking());
        assert!(!other.join().unwrap());
    });
}

#[test]
fn is_finished_turns_true_at_the_end() {
    everywhere(|| {
        let (waiting, go) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|s| {
            let task = s.spawn(|| {
                waiting.store(true, Ordering::SeqCst);
                while !go.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
            });
            while !waiting.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            assert!(!task.is_finished());
            go.store(true, Ordering::SeqCst);
            while !task.is_finished() {
                thread::yield_now();
            }
            task.join().unwrap();
        });
        let plain = thread::spawn(|| ());
        while !plain.is_finished() {
            thread::yield_now();
        }
        plain.join().unwrap();
    });
}

#[test]
fn joining_oneself_panics() {
    everywhere(|| {
        let own = Arc::new(Mutex::new(None::<thread::JoinHandle<()>>));
        let caught = Arc::new(Mutex::new(None));
        let (handle, report) = (own.clone(), caught.clone());
        let mut slot = own.lock().unwrap();
        *slot = Some(thread::spawn(move || {
            let handle = handle.lock().unwrap().take().unwrap();
            let error = panic::catch_unwind(AssertUnwindSafe(|| handle.join())).unwrap_err();
            *report.lock().unwrap() = Some(message(&*error).to_owned());
        }));
        drop(slot);
        let text = loop {
            // No lock is held while others run.
            let text = caught.lock().unwrap().take();
            if let Some(text) = text {
                break text;
            }
            thread::yield_now();
        };
        assert!(text.contains("cannot join itself"), "{text}");
    });
}

/// Runs a closure on an OS thread. The tasks of this worker go on meanwhile.
fn on_os_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(f);
    while !thread.is_finished() {
        thread::yield_now();
    }
    thread.join().unwrap()
}

#[test]
fn a_handle_is_joined_on_another_thread_than_it_came_from() {
    everywhere(|| {
        // A result that is not Sync, to an OS thread; and to a task, from an OS thread.
        let task = thread::spawn(|| Cell::new(5));
        assert_eq!(on_os_thread(move || task.join().unwrap().get()), 5);
        let task = on_os_thread(|| thread::spawn(|| Cell::new(6)));
        assert_eq!(thread::spawn(move || task.join().unwrap().get()).join().unwrap(), 6);
        // To a task of another runtime.
        let task = thread::spawn(|| Cell::new(7));
        let other = runtime::Builder::new().workers(1).build().unwrap();
        assert_eq!(other.run(move || task.join().unwrap().get()), 7);
    });
}

#[test]
fn what_a_task_did_is_visible_to_who_joins_it() {
    everywhere(|| {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        COUNT.store(0, Ordering::Relaxed);
        for round in 1..=100 {
            let task = thread::spawn(|| COUNT.store(COUNT.load(Ordering::Relaxed) + 1, Ordering::Relaxed));
            task.join().unwrap();
            assert_eq!(COUNT.load(Ordering::Relaxed), round);
        }
    });
}

#[test]
fn many_os_threads_spawn_and_join_on_two_workers() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(2).build().unwrap();
        let total = AtomicU64::new(0);
        std::thread::scope(|s| {
            for os in 0..6u64 {
                let (runtime, total) = (&runtime, &total);
                s.spawn(move || {
                    for round in 0..300 {
                        let tasks: Vec<_> = (0..5u64)
                            .map(|i| {
                                runtime.spawn(move || {
                                    if i % 2 == 0 {
                                        thread::yield_now();
                                    }
                                    thread::spawn(move || os * i + round).join().unwrap()
                                })
                            })
                            .collect();
                        let sum: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
                        assert_eq!(sum, os * 10 + 5 * round);
                        total.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 1800);
    });
}

#[test]
fn handles_can_be_sent_shared_and_printed() {
    fn check<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    let task = thread::Builder::new().name("printed".into()).spawn(|| Cell::new(1)).unwrap();
    check(&task);
    check(task.thread());
    check(&task.thread().id());
    let text = format!("{task:?} {:?}", thread::Builder::new());
    assert!(text.starts_with("JoinHandle { thread: Thread { id: ThreadId(task "), "{text}");
    assert!(text.contains("name: Some(\"printed\")"), "{text}");
    task.join().unwrap();
}

#[test]
fn as_many_run_at_a_time_as_there_are_workers() {
    bounded(|| {
        for workers in [1, 3] {
            let runtime = runtime::Builder::new().workers(workers).build().unwrap();
            assert_eq!(runtime.run(|| thread::available_parallelism().unwrap().get()), workers);
        }
        assert_eq!(thread::available_parallelism().unwrap(), std::thread::available_parallelism().unwrap());
    });
}
