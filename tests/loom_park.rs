//! The park protocol: a wake is never lost, a parked task is scheduled by exactly one of those who wake it, and what was
//! written before is visible after.
//!
//! With `--cfg loom` the shipped file is checked by loom, in all interleavings of small models. Without, threads try it.

#[path = "../src/sched/park.rs"]
mod park;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/sched/sync.rs"]
#[allow(unused_imports, dead_code, reason = "other files need the rest")]
mod sync;

use park::ParkState;
use std::sync::atomic::Ordering::Relaxed;

// Not loom's Arc: its destructor aborts when a model fails.
#[cfg(loom)]
use crate::sync::AtomicUsize;
#[cfg(loom)]
use loom::cell::UnsafeCell;
use std::sync::Arc;
#[cfg(not(loom))]
use std::{cell::UnsafeCell, sync::atomic::AtomicUsize};

/// A task that waits until a number of events has happened.
struct Task {
    park: ParkState,
    /// Events so far. Relaxed, so nothing but the park protocol makes them visible to the task.
    events: AtomicUsize,
    awaited: usize,
    /// Where the task is: how many events it has seen. Whoever runs it changes this, without synchronization.
    seen: UnsafeCell<usize>,
}

// SAFETY: that `seen` has one user at a time is what the models check, and what the threads rely on.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Task {
    fn new(awaited: usize) -> Arc<Task> {
        let (park, events, seen) = (ParkState::new(), AtomicUsize::new(0), UnsafeCell::new(0));
        Arc::new(Task { park, events, awaited, seen })
    }

    /// Runs the task on this thread until it parks or has seen everything.
    fn run(&self) {
        loop {
            let events = self.events.load(Relaxed);
            self.with_seen(|seen| *seen = events);
            if events == self.awaited || self.park.begin_park() {
                return;
            }
        }
    }

    /// An event; whoever gets the task runs it, in the place of a worker.
    fn happen(&self) {
        self.events.fetch_add(1, Relaxed);
        if self.park.notify() {
            self.run();
        }
    }

    #[cfg(loom)]
    fn with_seen<R>(&self, f: impl FnOnce(&mut usize) -> R) -> R {
        // SAFETY: loom looks for others.
        self.seen.with_mut(|seen| f(unsafe { &mut *seen }))
    }

    #[cfg(not(loom))]
    fn with_seen<R>(&self, f: impl FnOnce(&mut usize) -> R) -> R {
        // SAFETY: only who runs the task comes here, or who has joined all others.
        f(unsafe { &mut *self.seen.get() })
    }
}

#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::{Model, all_pass};
    use loom::thread;

    /// Two events and the task that waits for both. It must have seen both in the end: no wake is lost, and if it did not
    /// park in between, both notifiers' writes were visible. loom sees it if two run it at once, or if one does not see where
    /// the last left it.
    fn two_notifiers() {
        let task = Task::new(2);
        let notifiers = [task.clone(), task.clone()].map(|task| thread::spawn(move || task.happen()));
        task.run();
        for notifier in notifiers {
            notifier.join().unwrap();
        }
        assert_eq!(task.with_seen(|seen| *seen), 2);
    }

    /// Who sees a task parked sees where it is.
    fn watcher() {
        let task = Task::new(1);
        let watcher = {
            let task = task.clone();
            thread::spawn(move || {
                if task.park.is_parked() {
                    task.with_seen(|seen| assert_eq!(*seen, 0));
                }
            })
        };
        task.run();
        watcher.join().unwrap();
    }

    /// A notification is used up by one park, and several before it are one.
    fn notifications_do_not_add_up() {
        let state = ParkState::new();
        assert!(!state.notify() && !state.notify());
        assert!(!state.begin_park() && !state.is_parked());
        assert!(state.begin_park() && state.is_parked());
        assert!(state.notify() && !state.is_parked());
        assert!(state.begin_park());
    }

    #[test]
    fn park() {
        let models: [Model; 3] = [
            ("two notifiers", two_notifiers, None),
            ("watcher", watcher, None),
            ("notifications do not add up", notifications_do_not_add_up, None),
        ];
        all_pass(&["sched/park.rs"], &models).are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;

    /// Three threads hand a task round that has to see each of their events.
    #[test]
    fn hand_a_task_round() {
        const THREADS: usize = 3;
        const EVENTS: usize = 50_000;
        let task = Task::new(THREADS * EVENTS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EVENTS).for_each(|_| task.happen()));
            }
            task.run();
        });
        assert_eq!(task.with_seen(|seen| *seen), THREADS * EVENTS);
        assert!(!task.park.is_parked());
    }
}
