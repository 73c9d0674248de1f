//! `blocking` runs a closure on a thread of its own while the task waits, with its borrows, its results and its panics.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::runtime::{self, Runtime};
use morestack::sched::{Scheduler, current};
use morestack::time::{Duration, Elapsed, sleep, timeout};
use morestack::{blocking, thread};
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread::ThreadId;

const LONG: Duration = Duration::from_secs(120);

fn runtime() -> Runtime {
    runtime::Builder::new().workers(1).build().unwrap()
}

fn here() -> ThreadId {
    std::thread::current().id()
}

#[test]
fn it_borrows_and_returns() {
    everywhere(|| {
        let mut text = String::from("borrowed");
        let length = blocking(|| {
            text.push_str(" mutably");
            text.len()
        });
        assert_eq!((&*text, length), ("borrowed mutably", 16));
        assert_eq!(blocking(move || text), "borrowed mutably");
    });
}

#[test]
fn in_a_task_it_runs_elsewhere() {
    runtime().run(|| {
        let task = current().map(|task| task.id());
        let worker = here();
        assert_ne!(blocking(here), worker);
        assert!(blocking(current).is_none(), "it belongs to no task");
        assert_eq!((here(), current().map(|task| task.id())), (worker, task));
    });
}

#[test]
fn elsewhere_it_runs_in_place() {
    assert_eq!(blocking(here), here());
    let (outer, inner) = runtime().run(|| blocking(|| (here(), blocking(here))));
    assert_eq!(outer, inner, "in a closure that runs like this already");
    let scheduler = Scheduler::new();
    assert_eq!(scheduler.spawn(|| blocking(here)).join().unwrap(), here());
}

#[test]
fn the_worker_s_other_tasks_run_meanwhile() {
    runtime().run(|| {
        let (sender, receiver) = mpsc::channel();
        let other = thread::spawn(move || sender.send(here()).unwrap());
        // std's channel blocks its thread: on the worker it would block the sender, too.
        let worker = blocking(move || receiver.recv()).unwrap();
        assert_eq!(worker, here());
        other.join().unwrap();
    });
}

#[test]
fn many_block_at_the_same_time() {
    const COUNT: usize = 40;
    static BARRIER: Barrier = Barrier::new(COUNT);
    runtime().run(|| {
        let tasks: Vec<_> = (0..COUNT).map(|_| thread::spawn(|| blocking(|| BARRIER.wait().is_leader()))).collect();
        let leaders = tasks.into_iter().map(|task| task.join().unwrap()).filter(|&leads| leads).count();
        assert_eq!(leaders, 1);
    });
}

#[test]
fn more_than_there_are_threads_for_come_in_turn() {
    static RUNNING: AtomicU32 = AtomicU32::new(0);
    static MOST: AtomicU32 = AtomicU32::new(0);
    runtime().run(|| {
        let call = || {
            blocking(|| {
                MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                RUNNING.fetch_sub(1, Ordering::SeqCst);
            });
        };
        let tasks: Vec<_> = (0..1000).map(|_| thread::spawn(call)).collect();
        for task in tasks {
            task.join().unwrap();
        }
    });
    let most = MOST.load(Ordering::SeqCst);
    assert!((2..=512).contains(&most), "{most} at a time");
}

#[test]
fn panics_come_back() {
    everywhere(|| {
        let payload = catch_unwind(|| blocking(|| resume_unwind(Box::new(7_u8)))).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
        assert!(!std::thread::panicking());
        assert_eq!(blocking(|| 1), 1);
    });
}

#[test]
fn it_works_in_destructors_that_run_because_of_a_panic() {
    struct Blocks;
    impl Drop for Blocks {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            assert_eq!(blocking(|| 1), 1);
            assert!(std::thread::panicking());
        }
    }
    everywhere(|| {
        let caught = catch_unwind(|| {
            let _blocks = Blocks;
            resume_unwind(Box::new(()));
        });
        assert!(caught.is_err());
    });
}

#[test]
fn a_timeout_waits_for_it() {
    runtime().run(|| {
        let finished = Cell::new(false);
        let mut number = 1;
        let ended = timeout(Duration::from_millis(5), || {
            blocking(|| {
                std::thread::sleep(Duration::from_millis(30));
                number += 1;
            });
            finished.set(true);
            sleep(LONG);
        });
        assert_eq!((ended, finished.get(), number), (Err(Elapsed), true, 2));
    });
}

#[test]
fn the_end_of_the_runtime_waits_for_it() {
    static FINISHED: AtomicBool = AtomicBool::new(false);
    let runtime = runtime();
    let (begun, has_begun) = mpsc::channel();
    let task = runtime.spawn(move || {
        let mut text = String::from("on the task's stack");
        blocking(|| {
            begun.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            text.push('!');
        });
        FINISHED.store(text.ends_with('!'), Ordering::Relaxed);
        sleep(LONG);
    });
    has_begun.recv().unwrap();
    assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
    assert!(FINISHED.load(Ordering::Relaxed));
    assert!(task.join().is_err());
}
