//! No wake is lost between threads: tasks that park by the hundred thousand, and others that wake them from OS threads and from
//! other workers, in order and at random. A lost one ends the process, with the name of the test.

mod common;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::caps;
use morestack::runtime::{Builder, Runtime};
use morestack::thread::{self, Thread, park, yield_now};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use watchdog::Watchdog;

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

/// Starts tasks that wait for their flag; each is woken once, by the thread `wakers` or by a task.
fn all_are_woken(count: usize, workers: usize, by_tasks: bool) {
    let _watchdog = Watchdog::new(if count > 100_000 { 900 } else { 240 });
    let count = caps::closures(count);
    let runtime = runtime(workers);
    let (parked, woken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let flags: Arc<[AtomicBool]> = (0..count).map(|_| AtomicBool::new(false)).collect();
    let names: Arc<Vec<Thread>> = Arc::new(
        (0..count)
            .map(|i| {
                let (parked, woken, flags) = (parked.clone(), woken.clone(), flags.clone());
                let task = runtime.spawn(move || {
                    parked.fetch_add(1, SeqCst);
                    while !flags[i].load(SeqCst) {
                        park();
                    }
                    woken.fetch_add(1, SeqCst);
                });
                task.thread().clone()
            })
            .collect(),
    );
    // Half of them are woken when they are parked, half while they are about to.
    let wake = |part: usize, parts: usize| {
        let (names, flags) = (names.clone(), flags.clone());
        move || {
            for i in (part..count).step_by(parts) {
                flags[i].store(true, SeqCst);
                names[i].unpark();
            }
        }
    };
    while parked.load(SeqCst) < count / 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    if by_tasks {
        let wakers: Vec<_> = (0..8).map(|part| runtime.spawn(wake(part, 8))).collect();
        wakers.into_iter().for_each(|task| task.join().unwrap());
    } else {
        let wakers: Vec<_> = (0..4).map(|part| std::thread::spawn(wake(part, 4))).collect();
        wakers.into_iter().for_each(|thread| thread.join().unwrap());
    }
    while woken.load(SeqCst) < count {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
    assert_eq!(woken.load(SeqCst), count);
}

#[test]
fn a_hundred_thousand_from_os_threads() {
    all_are_woken(100_000, 2, false);
}

#[test]
fn a_hundred_thousand_from_other_workers() {
    all_are_woken(100_000, 2, true);
}

#[test]
#[ignore = "big: takes 5 GB"]
fn a_million_from_os_threads() {
    all_are_woken(1_000_000, 2, false);
}

#[test]
#[ignore = "big: takes 5 GB"]
fn a_million_from_other_workers() {
    all_are_woken(1_000_000, 2, true);
}

/// Four threads unpark tasks at random. Each task parks as often as there was news for it, and each unpark is news: a counter
/// that is raised before the unpark is seen after the park.
#[test]
fn at_random_from_four_threads() {
    const TASKS: usize = 64;
    const NEWS: usize = 20_000;
    let _watchdog = Watchdog::new(120);
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let news: Arc<[AtomicUsize]> = (0..TASKS).map(|_| AtomicUsize::new(0)).collect();
        let tasks: Vec<_> = (0..TASKS)
            .map(|i| {
                let news = news.clone();
                runtime.spawn(move || {
                    let mut parks = 0_usize;
                    while news[i].load(SeqCst) < 4 * NEWS / TASKS {
                        park();
                        parks += 1;
                        if parks.is_multiple_of(7) {
                            yield_now();
                        } else if parks.is_multiple_of(64) {
                            thread::sleep(Duration::from_micros(50));
                        }
                    }
                })
            })
            .collect();
        let names: Vec<_> = tasks.iter().map(|task| task.thread().clone()).collect();
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let (news, names) = (news.clone(), names.clone());
                std::thread::spawn(move || {
                    let mut rng = SmallRng::seed_from_u64(seed);
                    // Each task gets the same number from each thread, in an order of its own.
                    let mut left: Vec<_> = (0..TASKS).flat_map(|i| std::iter::repeat_n(i, NEWS / TASKS)).collect();
                    while !left.is_empty() {
                        let i = left.swap_remove(rng.random_range(0..left.len()));
                        news[i].fetch_add(1, SeqCst);
                        names[i].unpark();
                        if rng.random_ratio(1, 256) {
                            std::thread::sleep(Duration::from_micros(rng.random_range(0..200)));
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        for (i, task) in tasks.into_iter().enumerate() {
            // NEWS is no multiple of the tasks.
            news[i].fetch_add(4, SeqCst);
            names[i].unpark();
            task.join().unwrap();
        }
    }
}

/// Two tasks on two workers hand a token to and fro, with an OS thread in between: each wake finds the other about to sleep.
#[test]
fn to_and_fro_between_workers_and_a_thread() {
    const ROUNDS: usize = 20_000;
    let _watchdog = Watchdog::new(120);
    let (a, b) = (runtime(1), runtime(1));
    let turn = Arc::new(AtomicUsize::new(0));
    let (send, receive) = mpsc::channel::<(usize, Wake)>();
    enum Wake {
        Task(Thread),
        Thread(std::thread::Thread),
    }
    impl Wake {
        fn wake(&self) {
            match self {
                Wake::Task(task) => task.unpark(),
                Wake::Thread(thread) => thread.unpark(),
            }
        }
    }
    let player = |me: usize, turn: Arc<AtomicUsize>, next: mpsc::Receiver<Arc<Wake>>, park: fn()| {
        move || {
            let next = next.recv().unwrap();
            loop {
                let now = turn.load(SeqCst);
                if now >= 3 * ROUNDS {
                    return next.wake();
                }
                if now % 3 == me {
                    turn.store(now + 1, SeqCst);
                    next.wake();
                } else {
                    park();
                }
            }
        }
    };
    let (channels, mut nexts): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel()).unzip();
    let started = |play: Box<dyn FnOnce() + Send>, me: usize, in_task: bool| {
        let send = send.clone();
        move || {
            let wake = if in_task { Wake::Task(thread::current()) } else { Wake::Thread(std::thread::current()) };
            send.send((me, wake)).unwrap();
            play();
        }
    };
    let third = Box::new(player(2, turn.clone(), nexts.pop().unwrap(), std::thread::park));
    let second = Box::new(player(1, turn.clone(), nexts.pop().unwrap(), park));
    let first = Box::new(player(0, turn.clone(), nexts.pop().unwrap(), park));
    let tasks = [a.spawn(started(first, 0, true)), b.spawn(started(second, 1, true))];
    let thread = std::thread::spawn(started(third, 2, false));
    for _ in 0..3 {
        let (me, wake) = receive.recv().unwrap();
        // Who comes before is told.
        channels[(me + 2) % 3].send(Arc::new(wake)).unwrap();
    }
    tasks.into_iter().for_each(|task| task.join().unwrap());
    thread.join().unwrap();
    assert_eq!(turn.load(SeqCst), 3 * ROUNDS);
}
