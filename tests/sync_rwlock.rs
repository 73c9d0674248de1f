//! Many read at once, one writes alone, and neither starves the other.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::{Arc, Barrier, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use morestack::thread;
use morestack::time::{Duration, Elapsed, timeout};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(10);

fn watched(body: fn()) {
    let _watchdog = Watchdog::new(120);
    everywhere(body);
}

#[test]
fn readers_are_together() {
    for kind in crowd::KINDS {
        let (lock, barrier) = (RwLock::new(7), Barrier::new(9));
        crowd::crowd(kind, 9, move |_| {
            let guard = lock.read().unwrap();
            // All have it before one gives it back.
            barrier.wait();
            assert_eq!(*guard, 7);
        });
    }
}

#[test]
fn what_is_tried() {
    watched(|| {
        let lock = RwLock::new(1);
        let one = lock.read().unwrap();
        let other = lock.try_read().unwrap();
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        drop((one, other));
        let writer = lock.try_write().unwrap();
        assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        assert_eq!(format!("{lock:?}"), "RwLock { data: <locked>, poisoned: false, .. }");
        drop(writer);
        assert_eq!(format!("{lock:?} {}", lock.read().unwrap()), "RwLock { data: 1, poisoned: false, .. } 1");
    });
}

/// A writer goes on with reading, and in between nobody has written.
#[test]
fn writers_become_readers() {
    for kind in crowd::KINDS {
        let lock = Arc::new(RwLock::new(0));
        crowd::crowd(kind, 9, {
            let lock = lock.clone();
            move |member| {
                for _ in 0..50 {
                    let mut guard = lock.write().unwrap();
                    *guard += 1;
                    let written = *guard;
                    let guard = RwLockWriteGuard::downgrade(guard);
                    thread::yield_now();
                    assert_eq!(*guard, written);
                    drop(guard);
                    if member % 2 == 0 {
                        assert!(*lock.read().unwrap() >= written);
                    }
                }
            }
        });
        assert_eq!(*lock.read().unwrap(), 9 * 50, "{kind:?}");
        assert!(lock.try_write().is_ok());
    }
}

#[test]
fn readers_that_wait_are_let_in_by_a_downgrade() {
    watched(|| {
        let shared = Arc::new((RwLock::new(0), Mutex::new(0)));
        let mut guard = shared.0.write().unwrap();
        let readers = [(); 3].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || {
                *shared.1.lock().unwrap() += 1;
                *shared.0.read().unwrap()
            })
        });
        while *shared.1.lock().unwrap() < 3 {
            thread::yield_now();
        }
        *guard = 1;
        // Held until all others have read.
        let guard: RwLockReadGuard<'_, i32> = RwLockWriteGuard::downgrade(guard);
        assert_eq!(readers.map(|reader| reader.join().unwrap()), [1; 3]);
        drop(guard);
        assert!(shared.0.try_write().is_ok());
    });
}

/// Readers come and go without a gap between them. A writer gets in, and so does a reader where writers do that.
#[test]
fn nobody_starves() {
    for kind in crowd::KINDS {
        let (lock, over) = (RwLock::new(0), AtomicBool::new(false));
        crowd::crowd(kind, 9, move |member| {
            if member > 0 {
                while !over.load(SeqCst) {
                    let _guard = lock.read().unwrap();
                    thread::sleep(Duration::from_micros(200));
                }
                return;
            }
            for _ in 0..20 {
                *lock.write().unwrap() += 1;
            }
            over.store(true, SeqCst);
        });
        let (lock, over) = (RwLock::new(0), AtomicBool::new(false));
        crowd::crowd(kind, 9, move |member| {
            if member > 0 {
                while !over.load(SeqCst) {
                    let mut guard = lock.write().unwrap();
                    *guard += 1;
                    thread::sleep(Duration::from_micros(200));
                }
                return;
            }
            for _ in 0..20 {
                drop(lock.read().unwrap());
            }
            over.store(true, SeqCst);
        });
    }
}

/// A writer that gives up does not keep readers out for whom there is a place.
#[test]
fn readers_need_not_wait_for_a_writer_that_has_left() {
    watched(|| {
        let lock = Arc::new(RwLock::new(1));
        let held = lock.read().unwrap();
        let reader = thread::spawn({
            let lock = lock.clone();
            move || {
                // Until the writer waits.
                while lock.try_read().is_ok() {
                    thread::yield_now();
                }
                *lock.read().unwrap()
            }
        });
        assert_eq!(timeout(SHORT * 3, || drop(lock.write())), Err(Elapsed));
        assert_eq!(reader.join().unwrap(), 1);
        drop(lock.try_read().unwrap());
        drop(held);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn guards_may_be_used_as_what_lives_shorter() {
    fn shortest<'a>(guard: RwLockReadGuard<'a, &'a str>, _with: &'a str) -> usize {
        guard.len()
    }
    watched(|| {
        static LOCK: RwLock<&'static str> = RwLock::new("static");
        let local = String::from("local");
        assert_eq!(shortest(LOCK.read().unwrap(), &local), 6);
    });
}
