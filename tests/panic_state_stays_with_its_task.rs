//! std counts panics per OS thread; a task that waits in the middle of one must not leave its count to its neighbours, nor lose
//! it. Each case in both ways: with the count travelling, and with the task blocking its worker.

mod common;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::{role, run_child};
use morestack::runtime::Builder;
use morestack::sched::{Scheduler, current, force_blocking, park, yield_now};
use morestack::thread;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use watchdog::Watchdog;

/// Calls the closure in a destructor while a panic is unwound, which it catches.
fn while_panicking(inside: impl FnMut()) {
    struct OnDrop<F: FnMut()>(F);
    impl<F: FnMut()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            (self.0)();
            assert!(std::thread::panicking(), "the panic is not over");
        }
    }
    let before = std::thread::panicking();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _on_drop = OnDrop(inside);
        panic::resume_unwind(Box::new("the outer"));
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"the outer"));
    assert_eq!(std::thread::panicking(), before);
}

/// What a task must find that does not panic: as if nobody did.
fn nobody_panics() {
    assert!(!std::thread::panicking(), "sees the panic of a neighbour");
    let mutex = Mutex::new(());
    drop(mutex.lock().unwrap());
    assert!(!mutex.is_poisoned(), "poisoned by the panic of a neighbour");
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock().unwrap();
        // With the neighbour still in its own panic, and this one's count, it must end here and not the process.
        panic::resume_unwind(Box::new("the inner"));
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"the inner"));
    assert!(mutex.is_poisoned(), "a real panic poisons");
    assert!(!std::thread::panicking());
}

/// One task waits in `wait` while it panics, others on the same worker look around.
fn neighbours_see_nothing(wait: fn()) {
    let runtime = Builder::new().workers(1).build().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let waiting: Vec<_> = (0..3).map(|_| runtime.spawn(move || while_panicking(wait))).collect();
    let others: Vec<_> = (0..20)
        .map(|i| {
            let seen = seen.clone();
            runtime.spawn(move || {
                for _ in 0..5 {
                    nobody_panics();
                    if i % 2 == 0 {
                        yield_now()
                    } else {
                        thread::sleep(Duration::from_millis(1))
                    }
                    seen.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    others.into_iter().for_each(|task| task.join().unwrap());
    waiting.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(seen.load(SeqCst), 100);
}

fn wakes_come_from_outside() {
    neighbours_see_nothing(|| {
        let me = current().unwrap();
        let waker = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            me.unpark();
        });
        park();
        waker.join().unwrap();
    });
    neighbours_see_nothing(|| thread::sleep(Duration::from_millis(20)));
    neighbours_see_nothing(|| (0..100).for_each(|_| yield_now()));
}

#[test]
fn where_it_travels() {
    let _watchdog = Watchdog::new(60);
    wakes_come_from_outside();
    // These wait for other tasks of the worker, so it may not block.
    neighbours_see_nothing(|| {
        assert_eq!(
            thread::spawn(|| {
                nobody_panics();
                8
            })
            .join()
            .unwrap(),
            8
        )
    });
    neighbours_see_nothing(|| {
        let me = current().unwrap();
        let waker = thread::spawn(move || me.unpark());
        park();
        waker.join().unwrap();
    });
    // One panic inside another, and waits in both.
    neighbours_see_nothing(|| {
        yield_now();
        while_panicking(|| thread::sleep(Duration::from_millis(2)));
        yield_now();
    });
    // A mutex that was locked in the panic is not poisoned by it, whoever ran meanwhile; one that was locked before is.
    neighbours_see_nothing(|| {
        let mutex = Mutex::new(());
        let guard = mutex.lock().unwrap();
        thread::sleep(Duration::from_millis(2));
        drop(guard);
        assert!(!mutex.is_poisoned());
    });
    let mutex = Arc::new(Mutex::new(()));
    let shared = mutex.clone();
    let runtime = Builder::new().workers(1).build().unwrap();
    runtime.run(move || {
        struct Waits;
        impl Drop for Waits {
            fn drop(&mut self) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let task = thread::spawn(move || {
            let _guard = shared.lock().unwrap();
            let _waits = Waits;
            panic::resume_unwind(Box::new(()));
        });
        (0..10).for_each(|_| {
            nobody_panics();
            yield_now();
        });
        assert!(task.join().is_err());
    });
    assert!(mutex.is_poisoned(), "a real panic poisons, though its task has waited since");
}

/// A child, because that is for good.
#[test]
fn where_the_worker_blocks() {
    if role().is_none() {
        let ended = run_child("where_the_worker_blocks", "child");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        return;
    }
    let _watchdog = Watchdog::new(60);
    force_blocking();
    wakes_come_from_outside();
}

/// Fresh tasks that such a worker cannot run are run by another.
#[test]
fn a_blocked_worker_leaves_its_fresh_tasks_to_others() {
    if role().is_none() {
        let ended = run_child("a_blocked_worker_leaves_its_fresh_tasks_to_others", "child");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        return;
    }
    let _watchdog = Watchdog::new(60);
    force_blocking();
    let runtime = Builder::new().workers(2).build().unwrap();
    for _ in 0..200 {
        runtime.run(|| {
            while_panicking(|| {
                let me = current().unwrap();
                // It goes to this worker's own queue, and only another one can take it.
                drop(thread::spawn(move || me.unpark()));
                park();
            });
        });
    }
}

/// The hook is the process's.
#[test]
fn a_panic_hook_may_park() {
    if role().is_none() {
        let ended = run_child("a_panic_hook_may_park", "child");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        return;
    }
    let _watchdog = Watchdog::new(60);
    static IN_HOOK: AtomicUsize = AtomicUsize::new(0);
    panic::set_hook(Box::new(|_| {
        assert!(std::thread::panicking());
        IN_HOOK.fetch_add(1, SeqCst);
        thread::sleep(Duration::from_millis(5));
        yield_now();
        assert!(std::thread::panicking());
    }));
    let runtime = Builder::new().workers(1).build().unwrap();
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            runtime.spawn(|| {
                // While a neighbour is in the hook, this would end the process: "panicked while processing panic".
                panic!("expected");
            })
        })
        .collect();
    let calm = runtime.spawn(|| {
        while IN_HOOK.load(SeqCst) < 10 {
            nobody_panics();
            yield_now();
        }
    });
    for task in tasks {
        assert_eq!(task.join().unwrap_err().downcast_ref::<&str>(), Some(&"expected"));
    }
    calm.join().unwrap();
    assert_eq!(IN_HOOK.load(SeqCst), 10);
}

/// A scheduler that runs in the destructor of a thread, or of a task, that panics.
#[test]
fn tasks_that_run_inside_a_panic_do_not_inherit_it() {
    let _watchdog = Watchdog::new(60);
    let local = || {
        while_panicking(|| {
            let scheduler = Scheduler::new();
            let task = scheduler.spawn(|| {
                nobody_panics();
                yield_now();
                while_panicking(yield_now);
                nobody_panics();
                6
            });
            scheduler.spawn(nobody_panics).join_or_resume();
            scheduler.run();
            assert_eq!(task.join_or_resume(), 6);
        });
    };
    std::thread::spawn(local).join().unwrap();
    let runtime = Builder::new().workers(1).build().unwrap();
    runtime.run(local);
    // Into another runtime, and back.
    let other = Builder::new().workers(1).build().unwrap();
    let stop = AtomicBool::new(false);
    runtime.run(|| {
        while_panicking(|| {
            assert_eq!(
                other.run(|| {
                    nobody_panics();
                    5
                }),
                5
            )
        });
        stop.store(true, SeqCst);
    });
    while_panicking(|| runtime.run(nobody_panics));
    assert!(stop.load(SeqCst));
}
