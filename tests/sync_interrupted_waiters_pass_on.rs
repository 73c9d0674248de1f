//! Who is interrupted while it waits, in whatever moment, takes nothing along: what was handed to it goes to the next.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/watchdog.rs"]
mod watchdog;

use crowd::{KINDS, crowd};
use morestack::runtime;
use morestack::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock, Semaphore, WaitGroup};
use morestack::thread::{self, sleep};
use morestack::time::{Duration, Elapsed, timeout};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use watchdog::Watchdog;

const MEMBERS: usize = 9;
const ROUNDS: usize = 60;
const LONG: Duration = Duration::from_secs(3600);

/// Some microseconds, other ones each time.
fn moment(n: usize) -> Duration {
    Duration::from_micros((n * 7919 % 400) as u64)
}

#[test]
fn mutex() {
    for kind in KINDS {
        let (sum, entered) = (Arc::new(Mutex::new(0)), Arc::new(AtomicUsize::new(0)));
        crowd(kind, MEMBERS, {
            let (sum, entered) = (sum.clone(), entered.clone());
            move |member| {
                for round in 0..ROUNDS {
                    let n = member * ROUNDS + round;
                    _ = timeout(moment(n), || {
                        let mut held = sum.lock().unwrap();
                        entered.fetch_add(1, SeqCst);
                        *held += 1;
                        sleep(moment(n + 1));
                    });
                }
            }
        });
        assert_eq!(*sum.try_lock().unwrap(), entered.load(SeqCst), "{kind:?}");
    }
}

#[test]
fn rwlock() {
    for kind in KINDS {
        let (sum, entered) = (Arc::new(RwLock::new(0)), Arc::new(AtomicUsize::new(0)));
        crowd(kind, MEMBERS, {
            let (sum, entered) = (sum.clone(), entered.clone());
            move |member| {
                for round in 0..ROUNDS {
                    let n = member * ROUNDS + round;
                    _ = timeout(moment(n), || {
                        if n.is_multiple_of(3) {
                            let mut held = sum.write().unwrap();
                            entered.fetch_add(1, SeqCst);
                            *held += 1;
                            sleep(moment(n + 1));
                        } else {
                            let held = sum.read().unwrap();
                            let before = *held;
                            sleep(moment(n + 1));
                            assert_eq!(before, *held);
                        }
                    });
                }
            }
        });
        assert_eq!(*sum.try_write().unwrap(), entered.load(SeqCst), "{kind:?}");
    }
}

#[test]
fn semaphore() {
    for kind in KINDS {
        let semaphore = Arc::new(Semaphore::new(4));
        crowd(kind, MEMBERS, {
            let semaphore = semaphore.clone();
            move |member| {
                for round in 0..ROUNDS {
                    let n = member * ROUNDS + round;
                    match n % 2 {
                        0 => {
                            _ = timeout(moment(n), || {
                                let _permits = semaphore.acquire_many(1 + n % 4);
                                sleep(moment(n + 1));
                            });
                        }
                        _ => {
                            let permits = semaphore.acquire_many_timeout(1 + n % 4, moment(n));
                            sleep(permits.map_or(Duration::ZERO, |_| moment(n + 1)));
                        }
                    }
                }
            }
        });
        assert_eq!(semaphore.available_permits(), 4, "{kind:?}");
        assert!(semaphore.try_acquire_many(4).is_some(), "{kind:?}");
    }
}

/// Each notification is for one who takes something; those who are interrupted take nothing.
#[test]
fn condvar() {
    for kind in KINDS {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let made = MEMBERS / 3 * ROUNDS;
        let taken = Arc::new(AtomicUsize::new(0));
        crowd(kind, MEMBERS, {
            let (shared, taken) = (shared.clone(), taken.clone());
            move |member| {
                let (things, there) = &*shared;
                if member % 3 == 0 {
                    for round in 0..ROUNDS {
                        *things.lock().unwrap() += 1;
                        there.notify_one();
                        sleep(moment(member * ROUNDS + round));
                    }
                    return;
                }
                let take = || {
                    let mut things = there.wait_while(things.lock().unwrap(), |things| *things == 0).unwrap();
                    *things -= 1;
                    taken.fetch_add(1, SeqCst) + 1
                };
                // One kind is never interrupted: a notification that is lost keeps it waiting for ever.
                for round in 0.. {
                    if taken.load(SeqCst) >= made {
                        break;
                    }
                    let last = match member % 3 {
                        1 => timeout(moment(member * ROUNDS + round), take).unwrap_or(0) >= made,
                        _ => take() >= made,
                    };
                    if last {
                        // The others have nothing to wait for any more.
                        *things.lock().unwrap() += MEMBERS;
                        there.notify_all();
                    }
                }
            }
        });
        assert!(taken.load(SeqCst) >= made, "{kind:?}");
        drop(shared.0.try_lock().unwrap());
    }
}

/// Who has left does not count.
#[test]
fn barrier() {
    for kind in KINDS {
        let barrier = Arc::new(Barrier::new(MEMBERS));
        let leaders = Arc::new(AtomicUsize::new(0));
        crowd(kind, MEMBERS, {
            let (barrier, leaders) = (barrier.clone(), leaders.clone());
            let (left, all_left) = (Semaphore::new(0), Semaphore::new(0));
            move |member| {
                for _ in 0..10 {
                    // The last one comes when the others have been here and have left, and opens nothing.
                    if member > 0 {
                        assert_eq!(timeout(moment(member), || barrier.wait().is_leader()), Err(Elapsed));
                        left.add_permits(1);
                        all_left.acquire().forget();
                    } else {
                        left.acquire_many(MEMBERS - 1).forget();
                        assert_eq!(timeout(moment(1), || barrier.wait().is_leader()), Err(Elapsed));
                        all_left.add_permits(MEMBERS - 1);
                    }
                    leaders.fetch_add(usize::from(barrier.wait().is_leader()), SeqCst);
                    // Nobody begins again before all are through.
                    barrier.wait();
                }
            }
        });
        assert_eq!(leaders.load(SeqCst), 10, "{kind:?}");
    }
}

/// Tasks that wait for everything there is, in a runtime that is shut down. What they waited for is as if they had not.
#[test]
fn at_a_shutdown() {
    let _watchdog = Watchdog::new(120);
    for workers in [1, 2] {
        let runtime = runtime::Builder::new().workers(workers).build().unwrap();
        let group = WaitGroup::new();
        let shared = Arc::new((
            Mutex::new(()),
            RwLock::new(()),
            Semaphore::new(0),
            (Mutex::new(()), Condvar::new()),
            Barrier::new(100),
            Once::new(),
        ));
        let held = (shared.0.lock().unwrap(), shared.1.write().unwrap());
        let (begun, has_begun) = mpsc::channel();
        const TASKS: usize = 24;
        let tasks: Vec<_> = (0..TASKS)
            .map(|i| {
                let (shared, begun, group) = (shared.clone(), begun.clone(), group.clone());
                runtime.spawn(move || {
                    begun.send(()).unwrap();
                    match i % 8 {
                        0 => drop(shared.0.lock().unwrap()),
                        1 => drop(shared.1.read().unwrap()),
                        2 => drop(shared.1.write().unwrap()),
                        3 => shared.2.acquire_many(2).forget(),
                        4 => drop(shared.3.1.wait_while(shared.3.0.lock().unwrap(), |()| true)),
                        5 => _ = shared.4.wait(),
                        6 => shared.5.wait(),
                        _ => group.wait(),
                    }
                })
            })
            .collect();
        for _ in 0..TASKS {
            has_begun.recv().unwrap();
        }
        // What is given back now goes to those who are cancelled in the same moment, or not to them.
        let releaser = std::thread::spawn({
            let shared = shared.clone();
            move || (0..100).for_each(|_| shared.3.1.notify_one())
        });
        assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
        releaser.join().unwrap();
        tasks.into_iter().for_each(|task| assert!(task.join().is_err()));
        drop(held);
        drop((shared.0.try_lock().unwrap(), shared.1.try_write().unwrap(), shared.3.0.try_lock().unwrap()));
        drop(shared.1.try_read().unwrap());
        shared.2.add_permits(2);
        shared.2.try_acquire_many(2).unwrap().forget();
        shared.5.call_once(|| ());
        group.wait();
    }
}

/// In the frame of a destructor that runs because of an interruption, waits go on as usual.
#[test]
fn destructors_wait_while_a_task_is_interrupted() {
    struct Locks<'a>(&'a Mutex<u32>, &'a Semaphore);
    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            self.1.add_permits(1);
            *self.0.lock().unwrap() += 1;
        }
    }
    for kind in KINDS {
        let count = Arc::new(Mutex::new(0));
        crowd(kind, MEMBERS, {
            let (count, dropping) = (count.clone(), Semaphore::new(0));
            move |member| {
                if member == 0 {
                    let _held = count.lock().unwrap();
                    // Whether they have come is the semaphore's business; that they wait for the lock by then is likely.
                    dropping.acquire_many(MEMBERS - 1).forget();
                    thread::yield_now();
                } else {
                    let ended = timeout(moment(member), || {
                        let _locks = Locks(&count, &dropping);
                        sleep(LONG);
                    });
                    assert_eq!(ended, Err(Elapsed));
                }
            }
        });
        assert_eq!(*count.lock().unwrap(), MEMBERS as u32 - 1, "{kind:?}");
    }
}
