//! A group is waited for until its last member is gone.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::WaitGroup;
use morestack::thread;
use morestack::time::{Duration, Elapsed, timeout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use watchdog::Watchdog;

#[test]
fn all_work_is_done_and_visible() {
    for kind in crowd::KINDS {
        let group = WaitGroup::new();
        let members: Vec<_> = (0..9).map(|_| Some(group.clone())).collect();
        let (members, done) = (Mutex::new(members), Arc::new(AtomicUsize::new(0)));
        let waiter = std::thread::spawn({
            let done = done.clone();
            move || {
                group.wait();
                // Relaxed: the group orders.
                done.load(Relaxed)
            }
        });
        crowd::crowd(kind, 9, move |member| {
            let group = members.lock().unwrap()[member].take().unwrap();
            let more = group.clone();
            thread::yield_now();
            drop(group);
            done.fetch_add(1, Relaxed);
            drop(more);
        });
        assert_eq!(waiter.join().unwrap(), 9, "{kind:?}");
    }
}

/// Each waits for the others: who waits is no member any more.
#[test]
fn several_wait_for_each_other() {
    for kind in crowd::KINDS {
        let members: Mutex<Vec<_>> = Mutex::new(vec![WaitGroup::new(); 9]);
        crowd::crowd(kind, 9, move |_| {
            let member = members.lock().unwrap().pop().unwrap();
            member.wait();
            assert!(members.lock().unwrap().is_empty());
        });
    }
}

#[test]
fn alone_is_at_once() {
    let _watchdog = Watchdog::new(120);
    everywhere(|| {
        WaitGroup::new().wait();
        let group = WaitGroup::default();
        drop(group.clone());
        group.wait();
        drop(WaitGroup::new());
        assert_eq!(format!("{:?}", WaitGroup::new()), "WaitGroup { count: 1, .. }");
    });
}

/// A member that is dropped by a panic, or an interruption, counts down as any other.
#[test]
fn members_are_dropped_in_any_way() {
    let _watchdog = Watchdog::new(120);
    everywhere(|| {
        let group = WaitGroup::new();
        let (one, other, third) = (group.clone(), group.clone(), group.clone());
        let task = thread::spawn(move || {
            let _one = one;
            std::panic::resume_unwind(Box::new(()));
        });
        let ended = timeout(Duration::from_millis(10), move || {
            let _other = other;
            // Interrupted as well, and has left by then.
            third.clone().wait();
        });
        assert_eq!(ended, Err(Elapsed));
        assert!(task.join().is_err());
        assert_eq!(format!("{group:?}"), "WaitGroup { count: 1, .. }");
        group.wait();
    });
}
