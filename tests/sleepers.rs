//! Sleeps are never short, rarely long, and end in order, for one sleeper and for many.

mod common;
#[path = "common/everywhere.rs"]
mod everywhere;

use common::caps;
use everywhere::everywhere;
use morestack::runtime::{self, Runtime};
use morestack::thread;
use morestack::time::{Duration, Instant, sleep, sleep_until};
use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn runtime(workers: usize) -> Runtime {
    runtime::Builder::new().workers(workers).build().unwrap()
}

#[test]
fn sleeps_are_never_short() {
    everywhere(|| {
        for us in [0, 1, 10, 100, 1_000, 10_000] {
            let (start, time) = (Instant::now(), Duration::from_micros(us));
            sleep(time);
            assert!(start.elapsed() >= time);
            let deadline = Instant::now() + time;
            thread::sleep_until(deadline);
            assert!(Instant::now() >= deadline);
        }
        sleep_until(Instant::now().checked_sub(Duration::from_millis(1)).unwrap());
    });
}

/// Safe on a noisy machine because half of 200 sleeps may be as late as they like, and it is tried again: only if the timer
/// itself is coarse does no round have a good median.
#[test]
fn sleeps_are_exact_to_less_than_a_millisecond() {
    let median = || {
        runtime(1).run(|| {
            let mut late: Vec<_> = (0..200)
                .map(|i| {
                    let deadline = Instant::now() + Duration::from_micros(300 + i);
                    sleep_until(deadline);
                    deadline.elapsed()
                })
                .collect();
            late.sort();
            late[late.len() / 2]
        })
    };
    let medians: Vec<_> =
        std::iter::repeat_with(median).take(10).take_while(|&median| median >= Duration::from_millis(1)).collect();
    assert!(medians.len() < 10, "medians of the lateness: {medians:?}");
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    thread_local! {
        static ORDER: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }
    // In a random order, two to a deadline. One worker, so nothing but the timers decides.
    let attempt = |lead| {
        runtime(1).run(|| {
            let first = Instant::now() + lead;
            let tasks: Vec<_> = (0..1000)
                .map(|i| {
                    thread::spawn(move || {
                        let rank = (i * 617 % 1000) / 2;
                        let in_time = Instant::now() < first;
                        sleep_until(first + Duration::from_micros(rank * 20));
                        ORDER.with_borrow_mut(|order| order.push(rank));
                        in_time
                    })
                })
                .collect();
            let in_time = tasks.into_iter().fold(true, |all, task| all & task.join().unwrap());
            (in_time, ORDER.take())
        })
    };
    // Whoever comes to sleep when others are awake already may be late: then once more, with more time to get there.
    let leads = [20, 200, 2_000, 20_000].map(Duration::from_millis);
    let order = leads.into_iter().map(attempt).find_map(|(in_time, order)| in_time.then_some(order)).unwrap();
    assert_eq!(order.len(), 1000);
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn every_worker_has_timers() {
    let runtime = runtime(4);
    let threads = Mutex::new(std::collections::HashSet::new());
    let started = Instant::now();
    // Until all workers have had one: who is idle takes what there is.
    while threads.lock().unwrap().len() < 4 && started.elapsed() < Duration::from_secs(60) {
        runtime.run(|| {
            let tasks: Vec<_> = (0..40)
                .map(|_| {
                    thread::spawn(|| {
                        let thread = std::thread::current().id();
                        let busy = Instant::now();
                        while busy.elapsed() < Duration::from_micros(200) {
                            std::hint::spin_loop();
                        }
                        let time = Duration::from_millis(2);
                        let start = Instant::now();
                        sleep(time);
                        assert!(start.elapsed() >= time);
                        assert_eq!(std::thread::current().id(), thread);
                        thread
                    })
                })
                .collect();
            threads.lock().unwrap().extend(tasks.into_iter().map(|task| task.join().unwrap()));
        });
    }
    assert_eq!(threads.lock().unwrap().len(), 4);
}

#[test]
fn others_that_compute_and_yield_do_not_keep_a_sleeper() {
    let runtime = runtime(1);
    static STOP: AtomicBool = AtomicBool::new(false);
    let busy: Vec<_> = (0..3)
        .map(|_| {
            runtime.spawn(|| {
                let mut rounds = 0_u64;
                while !STOP.load(Ordering::Relaxed) {
                    rounds += 1;
                    thread::yield_now();
                }
                rounds
            })
        })
        .collect();
    runtime.run(|| {
        for _ in 0..20 {
            sleep(Duration::from_millis(2));
        }
    });
    STOP.store(true, Ordering::Relaxed);
    for task in busy {
        assert!(task.join().unwrap() > 20);
    }
}

#[test]
fn a_sleep_until_the_past_gives_way() {
    let order = runtime(1).run(|| {
        static DONE: AtomicBool = AtomicBool::new(false);
        let other = thread::spawn(|| DONE.store(true, Ordering::Relaxed));
        let mut sleeps = 0;
        // A few turns may pass before a fresh task has its own.
        while !DONE.load(Ordering::Relaxed) && sleeps < 1000 {
            sleep_until(Instant::now());
            sleeps += 1;
        }
        other.join().unwrap();
        sleeps
    });
    assert!((1..1000).contains(&order), "{order} sleeps");
}

#[test]
fn os_threads_sleep_as_tasks_do() {
    let threads: Vec<_> = (0..20)
        .map(|i| {
            std::thread::spawn(move || {
                let (start, time) = (Instant::now(), Duration::from_millis(i));
                thread::sleep(time);
                assert!(start.elapsed() >= time);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Has so many tasks asleep at the same time, with deadlines spread over `spread`, and sees each of them awake, not early.
/// Whether they were asleep all at once: they need some time to get there, for which the first deadline leaves `lead`.
fn all_asleep_at_once(count: usize, lead: Duration, spread: Duration) -> bool {
    static ASLEEP: AtomicUsize = AtomicUsize::new(0);
    static AWAKE: AtomicUsize = AtomicUsize::new(0);
    ASLEEP.store(0, Ordering::Relaxed);
    AWAKE.store(0, Ordering::Relaxed);
    runtime(2).run(|| {
        let first = Instant::now() + lead;
        for i in 0..count {
            // Detached: nobody joins in the order of the deadlines.
            drop(thread::spawn(move || {
                let due = first + spread.mul_f64((i * 7919 % count) as f64 / count as f64);
                ASLEEP.fetch_add(1, Ordering::Relaxed);
                sleep_until(due);
                assert!(Instant::now() >= due);
                AWAKE.fetch_add(1, Ordering::Relaxed);
            }));
            if i % 64 == 0 {
                thread::yield_now();
            }
        }
        while ASLEEP.load(Ordering::Relaxed) < count {
            sleep(Duration::from_millis(1));
        }
        let at_once = Instant::now() < first;
        let limit = first + spread + Duration::from_secs(300);
        while AWAKE.load(Ordering::Relaxed) < count {
            assert!(Instant::now() < limit, "{} of {count} are awake", AWAKE.load(Ordering::Relaxed));
            sleep(Duration::from_millis(10));
        }
        println!("{count} sleepers, the last of them awake {:?} after its time", (first + spread).elapsed());
        at_once
    })
}

fn many(count: usize, spread: Duration) {
    let count = caps::closures(count);
    let leads = [1, 4, 16, 64].map(Duration::from_secs);
    assert!(leads.into_iter().any(|lead| all_asleep_at_once(count, lead, spread)));
}

#[test]
fn a_hundred_thousand_sleep_at_a_time() {
    many(100_000, Duration::from_millis(500));
}

#[test]
#[ignore = "takes 5 GB"]
fn a_million_sleep_at_a_time() {
    many(1_000_000, Duration::from_secs(3));
}
