//! `thread::park`, `unpark`, `park_timeout`, `sleep`, `sleep_until`, `yield_now`: std's meaning, in tasks and on OS threads.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::{runtime, thread};
use places::{bounded, everywhere};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(20);
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(1000);

#[test]
fn an_unpark_before_the_park_is_kept_once() {
    everywhere(|| {
        thread::current().unpark();
        thread::current().unpark();
        thread::park();
        // The second was the same token: this one waits its time.
        let start = Instant::now();
        thread::park_timeout(SHORT);
        assert!(start.elapsed() >= SHORT);
        thread::current().unpark();
        thread::park_timeout(LONG);
    });
}

#[test]
fn unpark_wakes_tasks_and_os_threads_from_either() {
    everywhere(|| {
        // Spawned here, woken from a task and from an OS thread.
        for from_os in [false, true] {
            let parked = thread::spawn(|| (0..50).for_each(|_| thread::park()));
            let target = parked.thread().clone();
            let done = std::sync::Arc::new(AtomicBool::new(false));
            let wake = {
                let done = done.clone();
                move || {
                    while !done.load(Ordering::SeqCst) {
                        target.unpark();
                        thread::yield_now();
                    }
                }
            };
            if from_os {
                let waker = std::thread::spawn(wake);
                parked.join().unwrap();
                done.store(true, Ordering::SeqCst);
                waker.join().unwrap();
            } else {
                let waker = thread::spawn(wake);
                parked.join().unwrap();
                done.store(true, Ordering::SeqCst);
                waker.join().unwrap();
            }
        }
        // This one, task or not, is woken by a task.
        let me = thread::current();
        let flag = AtomicBool::new(false);
        thread::scope(|s| {
            s.spawn(|| {
                flag.store(true, Ordering::Relaxed);
                me.unpark();
            });
            while !flag.load(Ordering::Relaxed) {
                thread::park();
            }
        });
    });
}

#[test]
fn waiting_for_something_else_uses_no_unpark_up() {
    everywhere(|| {
        thread::current().unpark();
        thread::spawn(|| thread::sleep(SHORT)).join().unwrap();
        thread::scope(|s| _ = s.spawn(thread::yield_now));
        thread::sleep(Duration::from_millis(1));
        // Still there. (On an OS thread std's own sleep and our waits leave it alone as well.)
        thread::park();
    });
}

#[test]
fn what_was_done_before_any_unpark_is_visible_after_the_park() {
    everywhere(|| {
        for _ in 0..200 {
            let (a, b) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|s| {
                let waits = s.spawn(|| {
                    while a.load(Ordering::Relaxed) + b.load(Ordering::Relaxed) < 2 {
                        thread::park();
                    }
                });
                for cell in [&a, &b] {
                    let target = waits.thread().clone();
                    s.spawn(move || {
                        cell.store(1, Ordering::Relaxed);
                        target.unpark();
                    });
                }
            });
        }
    });
}

#[test]
fn sleeps_last_as_long_as_they_should() {
    everywhere(|| {
        let start = Instant::now();
        thread::sleep(SHORT);
        assert!(start.elapsed() >= SHORT);
        let deadline = Instant::now() + SHORT;
        thread::sleep_until(deadline);
        assert!(Instant::now() >= deadline);
        // These return at once, or the test hangs.
        thread::sleep(Duration::ZERO);
        thread::sleep_until(start);
        thread::park_timeout(Duration::ZERO);
        // An unpark does not end a sleep.
        thread::scope(|s| {
            let sleeper = s.spawn(|| {
                let start = Instant::now();
                thread::sleep(SHORT);
                start.elapsed()
            });
            while !sleeper.is_finished() {
                sleeper.thread().unpark();
                thread::yield_now();
            }
            assert!(sleeper.join().unwrap() >= SHORT);
        });
    });
}

#[test]
fn the_longest_duration_is_no_overflow() {
    everywhere(|| {
        thread::current().unpark();
        thread::park_timeout(Duration::MAX);
        thread::scope(|s| {
            let parked = s.spawn(|| thread::park_timeout(Duration::MAX));
            parked.thread().unpark();
        });
    });
    bounded(|| {
        // It sleeps until its runtime is shut down.
        let runtime = runtime::Builder::new().workers(1).build().unwrap();
        let for_ever = runtime.spawn(|| thread::sleep(Duration::MAX));
        let asleep = runtime.spawn(|| ());
        asleep.join().unwrap();
        assert!(!for_ever.is_finished());
        assert_eq!(runtime.shutdown(Duration::from_secs(10)), []);
        assert!(for_ever.join().unwrap_err().is::<morestack::sched::Cancelled>());
    });
}

#[test]
fn a_sleeping_task_lets_others_of_its_worker_run() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(1).build().unwrap();
        let turns = AtomicUsize::new(0);
        runtime.run(|| {
            thread::scope(|s| {
                let sleeper = s.spawn(|| thread::sleep(SHORT));
                let turns = &turns;
                s.spawn(move || {
                    while !sleeper.is_finished() {
                        turns.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                    }
                });
            });
        });
        assert!(turns.into_inner() > 0);
    });
}

#[test]
fn no_sleeper_of_many_wakes_too_early() {
    everywhere(|| {
        let start = Instant::now();
        let at = move |i: u32| start + Duration::from_millis(u64::from(i % 20));
        let tasks: Vec<_> = (0..500u32)
            .map(|i| {
                thread::spawn(move || {
                    thread::sleep_until(at(i));
                    assert!(Instant::now() >= at(i));
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
