//! Who waits for a mutex gets it, also while others take it again as soon as they have given it back.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/watchdog.rs"]
mod watchdog;

use morestack::sync::{Arc, Mutex};
use morestack::thread;
use morestack::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// The others hold the lock all the time, between them, and let others run only while they do.
#[test]
fn among_those_who_take_it_again_at_once() {
    for kind in crowd::KINDS {
        let (mutex, over) = (Mutex::new(0), AtomicBool::new(false));
        crowd::crowd(kind, 4, move |member| {
            if member > 0 {
                while !over.load(SeqCst) {
                    let mut guard = mutex.lock().unwrap();
                    *guard += 1;
                    thread::sleep(Duration::from_micros(100));
                }
                return;
            }
            for _ in 0..50 {
                drop(mutex.lock().unwrap());
            }
            over.store(true, SeqCst);
        });
    }
}

/// A waiter is overtaken by who runs, until it has been woken once and come too late; then it is next.
#[test]
fn who_has_lost_once_is_next() {
    let _watchdog = watchdog::Watchdog::new(120);
    let runtime = morestack::runtime::Builder::new().workers(1).build().unwrap();
    runtime.run(|| {
        let (mutex, waits, entered) =
            (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let guard = mutex.lock().unwrap();
        let waiter = thread::spawn({
            let (mutex, waits, entered) = (mutex.clone(), waits.clone(), entered.clone());
            move || {
                waits.store(true, SeqCst);
                let _guard = mutex.lock().unwrap();
                entered.fetch_add(1, SeqCst);
            }
        });
        while !waits.load(SeqCst) {
            thread::yield_now();
        }
        // One worker: it has gone on until it waited. It is woken here, and overtaken.
        drop(guard);
        for _ in 0..100 {
            let _guard = mutex.lock().unwrap();
            assert_eq!(entered.load(SeqCst), 0, "nobody else has run");
        }
        let guard = mutex.lock().unwrap();
        thread::yield_now();
        // It has found the lock taken, and is handed it now: it cannot be had here before.
        drop(guard);
        assert!(mutex.try_lock().is_err());
        drop(mutex.lock().unwrap());
        assert_eq!(entered.load(SeqCst), 1);
        waiter.join().unwrap();
    });
}
