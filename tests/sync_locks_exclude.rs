//! What a lock protects is used by one at a time, or read by many: among tasks, OS threads and both, with waits while it is held.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/watchdog.rs"]
mod watchdog;

use crowd::{KINDS, crowd};
use morestack::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use morestack::sync::{Arc, Condvar, Mutex, RwLock, Semaphore};
use morestack::thread;
use std::time::Duration;

const MEMBERS: usize = 12;
const ROUNDS: usize = 300;

/// Ways to spend the time while a lock is held.
fn dawdle(n: usize) {
    match n % 40 {
        0..10 => thread::yield_now(),
        10 => thread::sleep(Duration::from_micros(50)),
        11 => std::thread::yield_now(),
        _ => {}
    }
}

#[test]
fn mutex() {
    for kind in KINDS {
        let sum = Arc::new(Mutex::new(0));
        crowd(kind, MEMBERS, {
            let sum = sum.clone();
            move |member| {
                for round in 0..ROUNDS {
                    let mut guard = sum.lock().unwrap();
                    let before = *guard;
                    dawdle(member + round);
                    *guard = before + 1;
                }
            }
        });
        assert_eq!(*sum.lock().unwrap(), MEMBERS * ROUNDS, "{kind:?}");
    }
}

#[test]
fn mutex_that_is_tried() {
    for kind in KINDS {
        let sum = Arc::new(Mutex::new(0));
        crowd(kind, MEMBERS, {
            let sum = sum.clone();
            move |member| {
                for round in 0..ROUNDS {
                    let mut guard = loop {
                        match sum.try_lock() {
                            Ok(guard) => break guard,
                            Err(_) if round % 3 == 0 => break sum.lock().unwrap(),
                            Err(_) => thread::yield_now(),
                        }
                    };
                    let before = *guard;
                    dawdle(member + round);
                    *guard = before + 1;
                }
            }
        });
        assert_eq!(*sum.lock().unwrap(), MEMBERS * ROUNDS, "{kind:?}");
    }
}

#[test]
fn rwlock() {
    for kind in KINDS {
        let pair = Arc::new(RwLock::new((0, 0)));
        let (readers, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        crowd(kind, MEMBERS, {
            let (pair, most) = (pair.clone(), most.clone());
            move |member| {
                for round in 0..ROUNDS {
                    if (member + round) % 4 == 0 {
                        let mut guard = pair.write().unwrap();
                        assert_eq!(readers.load(SeqCst), 0);
                        guard.0 += 1;
                        dawdle(member + round);
                        guard.1 += 1;
                    } else {
                        let guard = pair.read().unwrap();
                        most.fetch_max(readers.fetch_add(1, SeqCst) + 1, SeqCst);
                        let first = guard.0;
                        dawdle(member + round);
                        assert_eq!((first, first), *guard);
                        readers.fetch_sub(1, SeqCst);
                    }
                }
            }
        });
        assert_eq!(*pair.read().unwrap(), (MEMBERS * ROUNDS / 4, MEMBERS * ROUNDS / 4), "{kind:?}");
        assert!(most.load(SeqCst) > 1, "{kind:?}: readers were never together");
    }
}

#[test]
fn semaphore() {
    for kind in KINDS {
        let semaphore = Arc::new(Semaphore::new(5));
        let taken = Arc::new(AtomicUsize::new(0));
        crowd(kind, MEMBERS, {
            let (semaphore, taken) = (semaphore.clone(), taken.clone());
            move |member| {
                for round in 0..ROUNDS {
                    let n = 1 + (member + round) % 4;
                    let _permit = semaphore.acquire_many(n);
                    assert!(taken.fetch_add(n, SeqCst) + n <= 5);
                    dawdle(member + round);
                    taken.fetch_sub(n, SeqCst);
                }
            }
        });
        assert_eq!((semaphore.available_permits(), taken.load(SeqCst)), (5, 0), "{kind:?}");
    }
}

/// A bounded buffer: each waits for its turn by a condition.
#[test]
fn condvar() {
    for kind in KINDS {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        crowd(kind, MEMBERS, {
            let shared = shared.clone();
            move |member| {
                let (next, changed) = &*shared;
                for round in 0..ROUNDS / 10 {
                    let guard = next.lock().unwrap();
                    let mut guard = changed.wait_while(guard, |next| *next != round * MEMBERS + member).unwrap();
                    *guard += 1;
                    changed.notify_all();
                }
            }
        });
        assert_eq!(*shared.0.lock().unwrap(), ROUNDS / 10 * MEMBERS, "{kind:?}");
    }
}
