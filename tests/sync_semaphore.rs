//! Permits are served in the order in which they are asked for, come back, and are never more than a semaphore can count.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::{Arc, Condvar, Mutex, Semaphore};
use morestack::thread;
use morestack::time::Duration;
use quiet::quiet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(10);

fn watched(body: fn()) {
    let _watchdog = Watchdog::new(120);
    everywhere(body);
}

#[test]
fn permits_come_back_or_not() {
    watched(|| {
        static SEMAPHORE: Semaphore = Semaphore::new(0);
        assert_eq!(SEMAPHORE.available_permits(), 0);
        SEMAPHORE.add_permits(4);
        let (one, two) = (SEMAPHORE.acquire(), SEMAPHORE.acquire_many(2));
        assert_eq!(format!("{SEMAPHORE:?}"), "Semaphore { available_permits: 1, .. }");
        assert!(SEMAPHORE.try_acquire_many(2).is_none());
        two.forget();
        assert_eq!(SEMAPHORE.available_permits(), 1);
        drop(one);
        assert_eq!(SEMAPHORE.available_permits(), 2);
        drop(SEMAPHORE.try_acquire_many(2).unwrap());
        SEMAPHORE.acquire_many(2).forget();
        assert!(SEMAPHORE.try_acquire().is_none());
        // None are there at any time.
        drop((SEMAPHORE.acquire_many(0), SEMAPHORE.try_acquire_many(0).unwrap()));
        assert_eq!(SEMAPHORE.available_permits(), 0);
    });
}

#[test]
fn owned_permits_go_anywhere() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let permits = (semaphore.clone().acquire_owned(), semaphore.clone().acquire_many_owned(2));
        assert!(semaphore.clone().try_acquire_owned().is_none());
        let there = thread::spawn(move || drop(permits.0));
        there.join().unwrap();
        assert!(semaphore.clone().try_acquire_many_owned(2).is_none());
        let one = semaphore.clone().try_acquire_owned().unwrap();
        permits.1.forget();
        drop(one);
        assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (1, 1));
    });
}

#[test]
fn more_than_can_be_counted() {
    watched(|| {
        quiet(&["a semaphore has at most"]);
        let semaphore = Semaphore::new(1);
        let refused = |f: &dyn Fn()| {
            let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"a semaphore has at most Semaphore::MAX_PERMITS permits"));
        };
        for many in [Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS + 1, usize::MAX] {
            refused(&|| semaphore.add_permits(many));
            assert_eq!(semaphore.available_permits(), 1);
        }
        refused(&|| _ = Semaphore::new(Semaphore::MAX_PERMITS + 1));
        refused(&|| drop(semaphore.acquire_many(usize::MAX)));
        assert!(semaphore.try_acquire_many(usize::MAX).is_none());
        semaphore.add_permits(Semaphore::MAX_PERMITS - 1);
        assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
        semaphore.acquire_many(Semaphore::MAX_PERMITS).forget();
        // The same while somebody waits.
        let semaphore = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS - 1));
        let task = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire_many(Semaphore::MAX_PERMITS).forget()
        });
        while semaphore.try_acquire().is_some() {
            thread::yield_now();
        }
        refused(&|| semaphore.add_permits(2));
        semaphore.add_permits(1);
        task.join().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn times() {
    watched(|| {
        let semaphore = Semaphore::new(1);
        for duration in [Duration::ZERO, Duration::from_nanos(1), SHORT, Duration::MAX] {
            drop(semaphore.acquire_timeout(duration).unwrap());
        }
        let held = semaphore.acquire();
        for duration in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
            assert!(semaphore.acquire_timeout(duration).is_none());
            assert!(semaphore.acquire_many_timeout(2, duration).is_none());
        }
        drop(held);
        assert_eq!(semaphore.available_permits(), 1);
        // Nobody waits any more, so it is not asked for in vain.
        drop(semaphore.try_acquire().unwrap());
    });
}

#[test]
fn a_time_without_an_end() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let task = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire_timeout(Duration::MAX).map(|permit| permit.forget()).is_some()
        });
        thread::sleep(SHORT);
        semaphore.add_permits(1);
        assert!(task.join().unwrap());
    });
}

/// Who waits for many is not overtaken by those who need few, and is served first.
#[test]
fn many_are_not_overtaken_by_few() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let served = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let wait_for = |all: &[usize]| {
            let order = served.1.wait_while(served.0.lock().unwrap(), |order| order.len() < all.len()).unwrap();
            assert_eq!(*order, all);
        };
        let waiter = |permits: usize| {
            let (semaphore, served) = (semaphore.clone(), served.clone());
            thread::spawn(move || {
                semaphore.acquire_many(permits).forget();
                served.0.lock().unwrap().push(permits);
                served.1.notify_one();
            })
        };
        let many = waiter(3);
        // As long as it does not wait, there are two.
        while semaphore.try_acquire().is_some() {
            thread::yield_now();
        }
        assert_eq!(semaphore.available_permits(), 2);
        let few = waiter(1);
        assert!(semaphore.acquire_timeout(SHORT).is_none());
        semaphore.add_permits(1);
        wait_for(&[3]);
        semaphore.add_permits(1);
        wait_for(&[3, 1]);
        many.join().unwrap();
        few.join().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// When who waits for many gives up, those behind get what is there.
#[test]
fn few_are_served_when_many_are_given_up() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let few = {
            let semaphore = semaphore.clone();
            move || {
                while semaphore.try_acquire().is_some() {
                    thread::yield_now();
                }
                [(); 2].map(|()| {
                    let semaphore = semaphore.clone();
                    thread::spawn(move || semaphore.acquire().forget())
                })
            }
        };
        let few = thread::spawn(few);
        assert!(semaphore.acquire_many_timeout(3, SHORT * 5).is_none());
        for task in few.join().unwrap() {
            task.join().unwrap();
        }
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// One release serves several.
#[test]
fn many_permits_serve_many() {
    for kind in crowd::KINDS {
        let semaphore = Arc::new(Semaphore::new(0));
        crowd::crowd(kind, 9, {
            let semaphore = semaphore.clone();
            move |member| {
                if member == 0 {
                    thread::sleep(Duration::from_millis(5));
                    semaphore.add_permits(20);
                } else {
                    semaphore.acquire_many(1 + member % 4).forget();
                }
            }
        });
        assert_eq!(semaphore.available_permits(), 0, "{kind:?}");
    }
}
