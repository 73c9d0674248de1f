//! A condition gives its mutex back while somebody waits, and the waiter has it again when the wait ends, in whatever way.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::{Arc, Condvar, Mutex};
use morestack::time::Duration;
use morestack::{runtime, thread};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(10);

fn watched(body: fn()) {
    let _watchdog = Watchdog::new(120);
    everywhere(body);
}

#[test]
fn who_notifies_has_the_mutex_meanwhile() {
    for kind in crowd::KINDS {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        crowd::crowd(kind, 2, move |member| {
            let (turn, changed) = &*shared;
            for round in 0..200 {
                let mut guard = changed.wait_while(turn.lock().unwrap(), |turn| *turn != 2 * round + member).unwrap();
                *guard += 1;
                changed.notify_one();
            }
        });
    }
}

#[test]
fn all_are_notified_and_one_is() {
    for kind in crowd::KINDS {
        let shared = Arc::new((Mutex::new((0, 0)), Condvar::new()));
        crowd::crowd(kind, 9, move |member| {
            let (state, changed) = &*shared;
            if member > 0 {
                let mut guard = state.lock().unwrap();
                guard.0 += 1;
                // Gives itself up to be counted, and waits until it may go on.
                let mut guard = changed.wait_while(guard, |(_, permits)| *permits == 0).unwrap();
                guard.1 -= 1;
                return;
            }
            while state.lock().unwrap().0 < 8 {
                thread::sleep(Duration::from_micros(100));
            }
            for _ in 0..4 {
                state.lock().unwrap().1 += 1;
                changed.notify_one();
            }
            while state.lock().unwrap().1 > 0 {
                thread::sleep(Duration::from_micros(100));
            }
            state.lock().unwrap().1 = 4;
            changed.notify_all();
        });
    }
}

#[test]
fn times_that_are_over() {
    watched(|| {
        let (mutex, condvar) = (Mutex::new(5), Condvar::new());
        for duration in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
            let (guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), duration).unwrap();
            assert!(result.timed_out() && mutex.try_lock().is_err());
            let mut looks = 0;
            let (guard, result) = condvar
                .wait_timeout_while(guard, duration, |n| {
                    looks += 1;
                    *n == 5
                })
                .unwrap();
            assert!(result.timed_out() && looks > 0);
            // It need not wait, so its time is not over.
            let (_, result) = condvar.wait_timeout_while(guard, duration, |n| *n != 5).unwrap();
            assert!(!result.timed_out());
            assert!(mutex.try_lock().is_ok());
        }
    });
}

#[test]
fn times_without_an_end() {
    watched(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let guard = shared.0.lock().unwrap();
        let task = thread::spawn({
            let shared = shared.clone();
            move || {
                for _ in 0..2 {
                    let mut guard = shared.0.lock().unwrap();
                    *guard += 1;
                    shared.1.notify_one();
                    drop(guard);
                    while *shared.0.lock().unwrap() == 1 {
                        thread::yield_now();
                    }
                }
            }
        });
        let (mut guard, result) = shared.1.wait_timeout(guard, Duration::MAX).unwrap();
        assert!(!result.timed_out());
        if *guard == 0 {
            guard = shared.1.wait(guard).unwrap();
        }
        *guard = 10;
        let (guard, result) = shared.1.wait_timeout_while(guard, Duration::MAX, |n| *n < 11).unwrap();
        assert_eq!((*guard, result.timed_out()), (11, false));
        drop(guard);
        task.join().unwrap();
    });
}

#[test]
fn with_two_mutexes_at_once() {
    for kind in crowd::KINDS {
        let shared = Arc::new(([Mutex::new(0), Mutex::new(0)], Condvar::new(), AtomicUsize::new(0)));
        crowd::crowd(kind, 5, move |member| {
            let (mutexes, condvar, waiting) = &*shared;
            if member < 4 {
                let mut guard = mutexes[member % 2].lock().unwrap();
                waiting.fetch_add(1, SeqCst);
                guard = condvar.wait_while(guard, |n| *n == 0).unwrap();
                assert!(mutexes[member % 2].try_lock().is_err());
                *guard += 1;
                return;
            }
            while waiting.load(SeqCst) < 4 {
                thread::yield_now();
            }
            for mutex in mutexes {
                *mutex.lock().unwrap() = 1;
            }
            condvar.notify_all();
        });
    }
}

/// Whatever ends the wait, and however long it takes.
#[test]
fn the_mutex_is_locked_again_before_an_interruption_goes_on() {
    type Shared = Arc<(Mutex<u32>, Condvar)>;
    struct Notes(Shared, mpsc::Sender<Option<u32>>);
    impl Drop for Notes {
        fn drop(&mut self) {
            // The wait has had the mutex, and its guard has given it back.
            self.1.send(self.0.0.try_lock().ok().map(|n| *n)).unwrap();
        }
    }
    let _watchdog = Watchdog::new(120);
    for workers in [1, 2] {
        let shared = Shared::default();
        let runtime = runtime::Builder::new().workers(workers).build().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (note, notes) = mpsc::channel();
        runtime.spawn({
            let shared = shared.clone();
            move || {
                let _notes = Notes(shared.clone(), note);
                let guard = shared.0.lock().unwrap();
                begun.send(()).unwrap();
                _ = shared.1.wait_while(guard, |_| true);
            }
        });
        has_begun.recv().unwrap();
        // The other one is in its wait now.
        let mut guard = shared.0.lock().unwrap();
        let closing = std::thread::spawn(move || runtime.shutdown(Duration::from_secs(60)));
        std::thread::sleep(SHORT * 5);
        *guard = 1;
        drop(guard);
        assert_eq!((notes.recv().unwrap(), closing.join().unwrap()), (Some(1), vec![]));
        assert!(!shared.0.is_poisoned());
    }
}

#[test]
fn notifications_without_waiters_are_nothing() {
    watched(|| {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        condvar.notify_one();
        condvar.notify_all();
        let (_, result) = condvar.wait_timeout(mutex.lock().unwrap(), SHORT).unwrap();
        assert!(result.timed_out());
        assert_eq!(format!("{condvar:?}"), "Condvar { .. }");
    });
}
