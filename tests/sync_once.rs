//! What is done once is done once, whoever comes and however many, and the others see what it wrote.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::{Arc, LazyLock, Once, OnceLock};
use morestack::thread;
use morestack::time::{Duration, Elapsed, timeout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(10);

fn watched(body: fn()) {
    let _watchdog = Watchdog::new(120);
    everywhere(body);
}

#[test]
fn by_one_of_many() {
    for kind in crowd::KINDS {
        let (once, runs) = (Once::new(), AtomicUsize::new(0));
        let (lock, lazy) = (OnceLock::new(), LazyLock::new(|| vec![1, 2, 3]));
        crowd::crowd(kind, 9, move |member| {
            once.call_once(|| {
                thread::sleep(Duration::from_millis(2));
                runs.fetch_add(1, Relaxed);
            });
            assert!(once.is_completed());
            assert_eq!(runs.load(Relaxed), 1);
            let mine = [member; 100];
            let value = lock.get_or_init(|| {
                thread::yield_now();
                mine
            });
            assert_eq!(lock.get(), Some(value));
            assert!(*value == [value[0]; 100]);
            assert_eq!(*lazy, [1, 2, 3]);
        });
    }
}

#[test]
fn others_may_wait_for_it() {
    for kind in crowd::KINDS {
        let (once, lock) = (Once::new(), OnceLock::new());
        crowd::crowd(kind, 9, move |member| match member {
            0 => {
                thread::sleep(Duration::from_millis(2));
                once.call_once(thread::yield_now);
                lock.set(String::from("set")).unwrap();
            }
            1..5 => {
                once.wait();
                once.wait_force();
                assert!(once.is_completed());
            }
            _ => assert_eq!(lock.wait(), "set"),
        });
    }
}

/// From inside, it waits for itself. That can be interrupted, and then it is as if nobody had begun.
#[test]
fn from_inside_it_waits_for_itself() {
    watched(|| {
        let once = Once::new();
        let ended = timeout(SHORT, || once.call_once(|| once.call_once(|| unreachable!())));
        assert_eq!((ended, once.is_completed()), (Err(Elapsed), false));
        let lock = OnceLock::new();
        let ended = timeout(SHORT, || *lock.get_or_init(|| *lock.get_or_init(|| 1)));
        assert_eq!((ended, lock.get()), (Err(Elapsed), None));
        assert_eq!(*lock.get_or_init(|| 2), 2);
    });
}

#[test]
fn a_lock_as_a_value() {
    watched(|| {
        let mut lock = OnceLock::from(String::from("a"));
        assert_eq!((lock.clone() == lock, lock == OnceLock::new()), (true, false));
        assert_eq!(format!("{lock:?} {:?}", OnceLock::<()>::default()), "OnceLock(\"a\") OnceLock(<uninit>)");
        lock.get_mut().unwrap().push('b');
        assert_eq!(lock.take().as_deref(), Some("ab"));
        assert_eq!((lock.take(), lock.get_mut().is_some(), lock.get()), (None, false, None));
        lock.set(String::from("c")).unwrap();
        assert_eq!(lock.set(String::from("d")), Err(String::from("d")));
        assert_eq!(lock.into_inner().as_deref(), Some("c"));
    });
}

#[test]
fn a_lazy_value_as_a_value() {
    watched(|| {
        let mut lazy = LazyLock::new(|| String::from("a"));
        assert_eq!(format!("{lazy:?}"), "LazyLock(<uninit>)");
        assert_eq!((LazyLock::get_mut(&mut lazy).is_some(), LazyLock::get(&lazy)), (false, None));
        lazy.push('b');
        LazyLock::force_mut(&mut lazy).push('c');
        LazyLock::get_mut(&mut lazy).unwrap().push('d');
        assert_eq!((LazyLock::force(&lazy).as_str(), format!("{lazy:?}")), ("abcd", "LazyLock(\"abcd\")".to_owned()));
        let default: LazyLock<Vec<u8>> = LazyLock::default();
        assert!(default.is_empty());
    });
}

/// Values and closures are dropped once, whether they were used or not.
#[test]
fn what_is_inside_is_dropped_once() {
    watched(|| {
        let value = Arc::new(());
        let count = || Arc::strong_count(&value);
        let lock = OnceLock::from(value.clone());
        assert_eq!(count(), 2);
        drop(lock);
        drop(OnceLock::<Arc<()>>::new());
        let captured = value.clone();
        let lazy = LazyLock::new(move || captured);
        assert_eq!(count(), 2);
        assert_eq!(Arc::strong_count(&lazy), 2);
        drop(lazy);
        let captured = value.clone();
        let unused = LazyLock::new(move || captured);
        drop(unused);
        let captured = value.clone();
        let poisoned: LazyLock<(), _> = LazyLock::new(move || {
            let _captured = captured;
            std::panic::resume_unwind(Box::new(()));
        });
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| *poisoned)).unwrap_err();
        assert_eq!(count(), 1);
        drop(poisoned);
        assert_eq!(count(), 1);
    });
}

/// Statics of it need no initialiser and no destructor.
#[test]
fn in_statics() {
    static ONCE: Once = Once::new();
    static LOCK: OnceLock<usize> = OnceLock::new();
    static LAZY: LazyLock<usize> = LazyLock::new(|| LOCK.get_or_init(|| 20) + 1);
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    watched(|| {
        ONCE.call_once(|| _ = RUNS.fetch_add(1, SeqCst));
        assert_eq!((*LAZY, LOCK.get(), RUNS.load(SeqCst)), (21, Some(&20), 1));
    });
}
