//! Mapped tasks whose runtime is shut down: mapped frames are abandoned, Rust frames above them are unwound, and mapped frames
//! above Rust ones are left over.

mod common;
#[path = "common/tasks.rs"]
mod tasks;
#[path = "common/watchdog.rs"]
mod watchdog;

use morestack::runtime::{Builder, Runtime};
use morestack::sched::{Cancelled, park};
use morestack::thread;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use watchdog::Watchdog;

// As in `tasks`, but for the address as a number: a pointer may not go to another thread.
morestack::mapped! {
    unsafe extern "ABI0" {
        fn bump(counter: u64, n: u64) -> u64 = "tasks.bump";
        fn sleep(counter: u64, n: u64) -> u64 = "tasks.sleep";
    }
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);
static IN_RUST: AtomicUsize = AtomicUsize::new(0);

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        struct Owned;
        impl Drop for Owned {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, SeqCst);
            }
        }
        let _owned = Owned;
        IN_RUST.fetch_add(1, SeqCst);
        loop {
            park();
            std::hint::black_box(n);
        }
    }
}

const LONG: Duration = Duration::from_secs(30);

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

fn is_cancelled<T>(result: std::thread::Result<T>) -> bool {
    result.err().is_some_and(|payload| payload.is::<Cancelled>())
}

/// A counter of its own for each task, for good.
fn counter() -> &'static AtomicUsize {
    Box::leak(Box::new(AtomicUsize::new(0)))
}

fn address(counter: &'static AtomicUsize) -> u64 {
    std::ptr::from_ref(counter).expose_provenance() as u64
}

fn until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn parked_ones_and_yielding_ones_are_abandoned() {
    let _watchdog = Watchdog::new(60);
    for (workers, function) in
        [(1, sleep::function()), (2, sleep::function()), (1, bump::function()), (2, bump::function())]
    {
        let runtime = runtime(workers);
        let counters: Vec<_> = (0..300).map(|_| counter()).collect();
        let tasks: Vec<_> = counters
            .iter()
            .map(|&counter| {
                runtime
                    .run(move || thread::Builder::new().spawn_mapped(function, (address(counter), u64::MAX)).unwrap())
            })
            .collect();
        until(|| counters.iter().all(|counter| counter.load(SeqCst) > 0));
        // Wakes arrive all the time, before, during and after the shutdown.
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<_> = tasks.iter().map(|task| task.thread().clone()).collect();
        let waker = std::thread::spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(SeqCst) {
                    names.iter().for_each(|name| name.unpark());
                }
            }
        });
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(runtime.shutdown(LONG), []);
        assert!(tasks.into_iter().all(|task| is_cancelled(task.join())));
        stop.store(true, SeqCst);
        waker.join().unwrap();
    }
}

#[test]
fn fresh_ones_do_not_start() {
    let _watchdog = Watchdog::new(60);
    let runtime = runtime(1);
    let (go, may_go) = mpsc::channel();
    let (give, take) = mpsc::channel();
    let first = counter();
    let busy = runtime.spawn(move || {
        let fresh: Vec<_> = (0..100)
            .map(|_| thread::Builder::new().spawn_mapped(bump::function(), (address(first), 1)).unwrap())
            .collect();
        give.send(fresh).unwrap();
        may_go.recv().unwrap();
    });
    let fresh = take.recv().unwrap();
    let end = std::thread::spawn(move || runtime.shutdown(LONG));
    std::thread::sleep(Duration::from_millis(50));
    go.send(()).unwrap();
    assert_eq!(end.join().unwrap(), []);
    busy.join().unwrap();
    for task in fresh {
        assert!(task.join().unwrap_err().is::<&str>());
    }
    assert_eq!(first.load(SeqCst), 0);
}

#[test]
fn rust_frames_above_mapped_ones_are_unwound() {
    let _watchdog = Watchdog::new(60);
    let runtime = runtime(2);
    let tasks: Vec<_> = (0..50)
        .map(|n| runtime.run(move || thread::Builder::new().spawn_mapped(tasks::rust_twice::function(), (n,)).unwrap()))
        .collect();
    // And mapped ones again above Rust.
    let below: Vec<_> = (0..50)
        .map(|n| {
            runtime.spawn(move || {
                tasks::rust_twice(n);
            })
        })
        .collect();
    until(|| IN_RUST.load(SeqCst) == 100);
    assert_eq!(runtime.shutdown(LONG), []);
    assert_eq!(DROPPED.load(SeqCst), 100);
    assert!(tasks.into_iter().all(|task| is_cancelled(task.join())));
    assert!(below.into_iter().all(|task| is_cancelled(task.join())));
}

/// A task that waits in mapped code which Rust has called.
fn left_over(grace: Duration, body: fn(u64)) {
    let _watchdog = Watchdog::new(60);
    let runtime = runtime(1);
    let counter = counter();
    let task = runtime.spawn(move || body(address(counter)));
    until(|| counter.load(SeqCst) > 0);
    let begin = Instant::now();
    let leftovers = Mutex::new(runtime.shutdown(grace));
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_eq!(leftovers.lock().unwrap().len(), 1);
    assert!(is_cancelled(task.join()));
}

#[test]
fn mapped_frames_that_wait_above_rust_ones_are_left_over() {
    // Soon: it parks again.
    left_over(LONG, |counter| assert_eq!(sleep(counter, u64::MAX), 0));
    // When the time is up.
    left_over(Duration::from_millis(50), |counter| assert_eq!(bump(counter, u64::MAX), 0));
}
