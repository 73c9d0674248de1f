//! The ways in which a task gives way, for tests of where it may.

#![allow(dead_code, reason = "each test binary uses a part")]

use super::fresh::below;
use super::watchdog::Watchdog;
use morestack::{runtime, sched, thread};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Tasks that wait at this moment, and the most there were.
static WAITING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

pub const KINDS: usize = 5;

/// Gives way in the given way, counted from 0.
pub fn wait(kind: usize) {
    MOST.fetch_max(WAITING.fetch_add(1, SeqCst) + 1, SeqCst);
    match kind % KINDS {
        0 => thread::yield_now(),
        1 => thread::sleep(Duration::from_micros(200)),
        2 => {
            let me = sched::current().expect("in a task");
            let waker = thread::spawn(move || me.unpark());
            sched::park();
            waker.join().unwrap();
        }
        3 => assert_eq!(thread::spawn(|| 7).join().unwrap(), 7),
        _ => {
            let me = thread::current();
            let waker = std::thread::spawn(move || me.unpark());
            thread::park();
            waker.join().unwrap();
        }
    }
    WAITING.fetch_sub(1, SeqCst);
}

/// Runs the body in so many tasks of one worker, below more and more frames, and checks that many of them waited at one moment.
pub fn at_once(tasks: usize, stack: usize, body: fn(usize)) {
    static ALONE: Mutex<()> = Mutex::new(());
    // Tests that failed do not matter here.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _watchdog = Watchdog::new(120);
    MOST.store(0, SeqCst);
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    let tasks: Vec<_> = (0..tasks)
        .map(|i| {
            let run = move || below(i * 2, &mut || body(i));
            thread::Builder::new().stack_size(stack).spawn_on(&runtime, run).unwrap()
        })
        .collect();
    let most = tasks.len() / 2;
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert!(MOST.load(SeqCst) >= most, "only {MOST:?} waited at once");
}
