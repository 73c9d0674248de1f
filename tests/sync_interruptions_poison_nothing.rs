//! A holder that is interrupted, by a timeout or because its runtime is shut down, gives its lock back and poisons nothing. One
//! that panics does, also after an interruption.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::runtime;
use morestack::sched::Cancelled;
use morestack::sync::{Arc, LazyLock, Mutex, Once, OnceLock, RwLock, Semaphore};
use morestack::thread::{self, sleep};
use morestack::time::{Duration, Elapsed, timeout};
use quiet::{Expected, quiet};
use std::panic::{self, AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::mpsc;
use watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(3600);

/// Runs `hold` in a timeout that ends it.
fn interrupted(hold: impl FnOnce()) {
    assert_eq!(timeout(SHORT, hold), Err(Elapsed));
}

fn everywhere_watched(body: fn()) {
    let _watchdog = Watchdog::new(120);
    quiet(&[]);
    everywhere(body);
}

#[test]
fn by_a_timeout() {
    everywhere_watched(|| {
        let (mutex, rwlock, semaphore) = (Mutex::new(1), RwLock::new(1), Semaphore::new(1));
        interrupted(|| {
            let _held = (mutex.lock().unwrap(), rwlock.write().unwrap(), semaphore.acquire());
            sleep(LONG);
        });
        assert!(!mutex.is_poisoned() && !rwlock.is_poisoned());
        assert_eq!((*mutex.try_lock().unwrap(), *rwlock.try_write().unwrap()), (1, 1));
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn by_an_outer_timeout() {
    everywhere_watched(|| {
        let mutex = Mutex::new(());
        interrupted(|| {
            let _held = mutex.lock().unwrap();
            let inner = timeout(LONG, || timeout(LONG, || sleep(LONG)));
            unreachable!("{inner:?}");
        });
        assert!(!mutex.is_poisoned());
    });
}

#[test]
fn by_a_shutdown() {
    let _watchdog = Watchdog::new(120);
    for workers in [1, 2] {
        let runtime = runtime::Builder::new().workers(workers).build().unwrap();
        let shared = Arc::new((Mutex::new(()), RwLock::new(()), Semaphore::new(1), Once::new()));
        let (begun, has_begun) = mpsc::channel();
        let task = runtime.spawn({
            let shared = shared.clone();
            move || {
                let (mutex, rwlock, semaphore, once) = &*shared;
                let _held = (mutex.lock().unwrap(), rwlock.write().unwrap(), semaphore.acquire());
                once.call_once(|| {
                    begun.send(()).unwrap();
                    sleep(LONG);
                });
            }
        });
        has_begun.recv().unwrap();
        assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
        let payload = task.join().unwrap_err();
        let cancelled = payload.downcast_ref::<Cancelled>().unwrap();
        assert_eq!(cancelled.to_string(), "the task was cancelled");
        assert_eq!((format!("{cancelled:?}"), cancelled), ("Cancelled".to_owned(), &cancelled.clone()));
        assert!(!shared.0.is_poisoned() && !shared.1.is_poisoned());
        drop((shared.0.try_lock().unwrap(), shared.1.try_write().unwrap()));
        assert_eq!(shared.2.available_permits(), 1);
        let mut ran = false;
        shared.3.call_once(|| ran = true);
        assert!(ran);
    }
}

#[test]
fn of_a_scope_whose_task_was_cancelled() {
    let _watchdog = Watchdog::new(120);
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    let mutex = Arc::new(Mutex::new(()));
    let (begun, has_begun) = mpsc::channel();
    let task = runtime.spawn({
        let mutex = mutex.clone();
        move || {
            let _held = mutex.lock().unwrap();
            thread::scope(|s| {
                s.spawn(|| {
                    begun.send(()).unwrap();
                    sleep(LONG);
                });
            });
        }
    });
    has_begun.recv().unwrap();
    assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
    assert!(task.join().unwrap_err().is::<Cancelled>());
    assert!(!mutex.is_poisoned());
}

#[test]
fn initialisers_run_again() {
    everywhere_watched(|| {
        let once = Once::new();
        interrupted(|| once.call_once(|| sleep(LONG)));
        let mut poisoned = None;
        once.call_once_force(|state| poisoned = Some(state.is_poisoned()));
        assert_eq!((poisoned, once.is_completed()), (Some(false), true));

        let lock = OnceLock::new();
        interrupted(|| {
            lock.get_or_init(|| {
                sleep(LONG);
                1
            });
        });
        assert_eq!((lock.get(), *lock.get_or_init(|| 2)), (None, 2));
    });
}

/// What it was before is what it is again.
#[test]
fn a_poisoned_once_stays_so() {
    everywhere_watched(|| {
        let once = Once::new();
        catch_unwind(AssertUnwindSafe(|| once.call_once(|| panic_any(Expected(1))))).unwrap_err();
        interrupted(|| once.call_once_force(|_| sleep(LONG)));
        let mut poisoned = None;
        once.call_once_force(|state| poisoned = Some(state.is_poisoned()));
        assert_eq!(poisoned, Some(true));
    });
}

#[test]
fn who_waits_for_an_initialiser_that_is_interrupted_runs_its_own() {
    everywhere_watched(|| {
        let (lock, begun) = (Arc::new(OnceLock::new()), Arc::new(Semaphore::new(0)));
        let waiting: Vec<_> = (1..4)
            .map(|i| {
                let (lock, begun) = (lock.clone(), begun.clone());
                let body = move || {
                    begun.acquire().forget();
                    *lock.get_or_init(|| i)
                };
                if i % 2 == 0 { as_thread(body) } else { as_task(body) }
            })
            .collect();
        interrupted(|| {
            lock.get_or_init(|| {
                begun.add_permits(3);
                sleep(LONG);
                0
            });
        });
        let values: Vec<i32> = waiting.into_iter().map(|join| join()).collect();
        assert!(values[0] > 0 && values.iter().all(|value| *value == values[0]), "{values:?}");
    });
}

type Join = Box<dyn FnOnce() -> i32>;

fn as_task(body: impl FnOnce() -> i32 + Send + 'static) -> Join {
    let task = thread::spawn(body);
    Box::new(|| task.join().unwrap())
}

fn as_thread(body: impl FnOnce() -> i32 + Send + 'static) -> Join {
    let thread = std::thread::spawn(body);
    Box::new(|| thread.join().unwrap())
}

/// Its closure could not be had again.
#[test]
fn a_lazy_value_is_made_to_the_end() {
    everywhere_watched(|| {
        let text = String::from("once");
        let lazy = LazyLock::new(move || {
            sleep(SHORT * 3);
            text
        });
        let ended = timeout(SHORT, || {
            assert_eq!(lazy.len(), 4);
            sleep(LONG);
        });
        assert_eq!((ended, LazyLock::get(&lazy).map(String::as_str)), (Err(Elapsed), Some("once")));
    });
}

#[test]
fn a_lazy_value_is_poisoned_whatever_unwinds_its_closure() {
    everywhere_watched(|| {
        let (sender, caught) = mpsc::channel();
        interrupted(|| {
            sender.send(catch_unwind(|| sleep(LONG)).unwrap_err()).unwrap();
            sleep(LONG);
        });
        // An interruption that somebody has kept, and lets go where none would come from.
        let payload = caught.recv().unwrap();
        let lazy = LazyLock::new(move || -> String { panic::resume_unwind(payload) });
        for _ in 0..2 {
            catch_unwind(AssertUnwindSafe(|| lazy.len())).unwrap_err();
        }
        assert_eq!(LazyLock::get(&lazy), None);
    });
}

fn poisons() {
    let mutex = Mutex::new(());
    catch_unwind(AssertUnwindSafe(|| {
        let _held = mutex.lock().unwrap();
        panic_any(Expected(2));
    }))
    .unwrap_err();
    assert!(mutex.is_poisoned());
}

#[test]
fn panics_poison_after_interruptions_too() {
    everywhere_watched(|| {
        interrupted(|| sleep(LONG));
        poisons();
        // In the timeout, past an interruption that was caught and dropped.
        interrupted(|| {
            drop(catch_unwind(|| sleep(LONG)).unwrap_err());
            poisons();
            sleep(LONG);
        });
        poisons();
    });
}

#[test]
fn payloads_may_be_dropped_anywhere_and_any_time() {
    let _watchdog = Watchdog::new(120);
    quiet(&[]);
    let (sender, payloads) = mpsc::channel();
    let catching = move || {
        for _ in 0..300 {
            assert_eq!(
                timeout(Duration::from_micros(100), || {
                    sender.send(catch_unwind(|| sleep(LONG)).unwrap_err()).unwrap();
                    sleep(LONG);
                }),
                Err(Elapsed)
            );
        }
        // Many are kept by now. That does not make an interruption a panic.
        let mutex = Mutex::new(());
        interrupted(|| {
            let _held = mutex.lock().unwrap();
            sleep(LONG);
        });
        assert!(!mutex.is_poisoned());
    };
    let (task, thread) = (thread::spawn(catching.clone()), std::thread::spawn(catching));
    task.join().unwrap();
    thread.join().unwrap();
    // Who made them is gone.
    let kept: Vec<_> = payloads.iter().collect();
    assert_eq!(kept.len(), 600);
    thread::spawn(move || {
        drop(kept);
        poisons();
    })
    .join()
    .unwrap();
    poisons();
}
