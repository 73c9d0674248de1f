//! A holder that panics poisons its lock, and what is poisoned can be had all the same, as with std.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/quiet.rs"]
mod quiet;

use everywhere::everywhere;
use morestack::sync::{Arc, Condvar, Mutex, Once, OnceLock, PoisonError, RwLock, RwLockWriteGuard, TryLockError};
use morestack::thread;
use quiet::{Expected, quiet};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::time::Duration;

fn panics(body: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(body)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&Expected(7)));
}

fn poisoned_mutex() -> Mutex<i32> {
    let mutex = Mutex::new(1);
    panics(|| {
        *mutex.lock().unwrap() = 2;
        let _held = mutex.lock().unwrap();
        panic_any(Expected(7));
    });
    mutex
}

fn everywhere_quiet(body: fn()) {
    quiet(&[]);
    everywhere(body);
}

#[test]
fn mutex() {
    everywhere_quiet(|| {
        let mut mutex = poisoned_mutex();
        assert!(mutex.is_poisoned());
        assert_eq!(mutex.lock().map(|_| ()).unwrap_err().to_string(), "poisoned lock: another task failed inside");
        assert_eq!(*mutex.lock().unwrap_err().into_inner(), 2);
        assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(guard)) if **guard.get_ref() == 2));
        assert_eq!(mutex.get_mut().map(|n| *n).map_err(|error| *error.into_inner()), Err(2));
        assert_eq!(format!("{mutex:?}"), "Mutex { data: 2, poisoned: true, .. }");
        mutex.clear_poison();
        assert_eq!(*mutex.lock().unwrap(), 2);
        assert_eq!(poisoned_mutex().into_inner().map_err(PoisonError::into_inner), Err(2));
    });
}

#[test]
fn mutex_of_a_task_that_ended_by_it() {
    everywhere_quiet(|| {
        let mutex = Arc::new(Mutex::new(()));
        let task = thread::spawn({
            let mutex = mutex.clone();
            move || {
                let _held = mutex.lock().unwrap();
                panic_any(Expected(7));
            }
        });
        assert_eq!(task.join().unwrap_err().downcast_ref(), Some(&Expected(7)));
        assert!(mutex.is_poisoned());
    });
}

#[test]
fn rwlock_by_writers_only() {
    everywhere_quiet(|| {
        let lock = RwLock::new(1);
        panics(|| {
            let _held = lock.read().unwrap();
            panic_any(Expected(7));
        });
        panics(|| {
            let _held = RwLockWriteGuard::downgrade(lock.write().unwrap());
            panic_any(Expected(7));
        });
        assert!(!lock.is_poisoned());
        panics(|| {
            let mut held = lock.write().unwrap();
            *held = 2;
            panic_any(Expected(7));
        });
        assert_eq!(lock.read().map(|n| *n).map_err(|error| **error.get_ref()), Err(2));
        assert_eq!(lock.write().map(|n| *n).map_err(|error| **error.get_ref()), Err(2));
        assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
        lock.clear_poison();
        assert_eq!(lock.into_inner().unwrap(), 2);
    });
}

/// Who takes and gives back a lock in a destructor has not changed it half.
#[test]
fn not_what_is_locked_while_panicking_already() {
    struct Locks<'a>(&'a Mutex<i32>, &'a RwLock<i32>);
    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
            *self.1.write().unwrap() += 1;
        }
    }
    everywhere_quiet(|| {
        let (mutex, rwlock) = (Mutex::new(0), RwLock::new(0));
        panics(|| {
            let _locks = Locks(&mutex, &rwlock);
            panic_any(Expected(7));
        });
        assert_eq!((*mutex.lock().unwrap(), *rwlock.read().unwrap()), (1, 1));
    });
}

#[test]
fn conditions_say_so_after_a_wait() {
    everywhere_quiet(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let poisons = |shared: Arc<(Mutex<i32>, Condvar)>| {
            thread::spawn(move || {
                let mut held = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                *held += 1;
                shared.1.notify_all();
                panic_any(Expected(7));
            })
        };
        let held = shared.0.lock().unwrap();
        let task = poisons(shared.clone());
        let held = shared.1.wait(held).unwrap_err().into_inner();
        assert_eq!(*held, 1);
        task.join().unwrap_err();
        let task = poisons(shared.clone());
        let (held, result) = shared.1.wait_timeout(held, Duration::from_secs(120)).unwrap_err().into_inner();
        assert_eq!((*held, result.timed_out()), (2, false));
        drop(held);
        task.join().unwrap_err();
    });
}

#[test]
fn once() {
    everywhere_quiet(|| {
        let once = Once::new();
        panics(|| once.call_once(|| panic_any(Expected(7))));
        for call in [|once: &Once| once.call_once(|| ()), Once::wait] {
            let payload = catch_unwind(AssertUnwindSafe(|| call(&once))).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"a closure of this Once has panicked"));
        }
        panics(|| once.call_once_force(|_| panic_any(Expected(7))));
        let mut seen = None;
        once.call_once_force(|state| seen = Some((state.is_poisoned(), format!("{state:?}"))));
        assert_eq!(seen, Some((true, "OnceState { poisoned: true }".to_owned())));
        once.call_once(|| unreachable!());
        assert!(once.is_completed());
    });
}

#[test]
fn once_lock_has_none() {
    everywhere_quiet(|| {
        let lock = OnceLock::new();
        panics(|| _ = lock.get_or_init(|| panic_any(Expected(7))));
        assert_eq!((lock.get(), lock.set(1), lock.get()), (None, Ok(()), Some(&1)));
    });
}
