//! A cancellation is never missed: a task that is asked while it is about to park does not stay parked, and sees that it was asked.
//!
//! With `--cfg loom` the shipped files are checked by loom, in all interleavings of small models. Without, threads try them.

#[path = "../src/sched/cancel.rs"]
#[allow(dead_code, reason = "tasks need the rest")]
mod cancel;
#[path = "../src/sched/park.rs"]
#[allow(dead_code, reason = "tasks need the rest")]
mod park;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/sched/sync.rs"]
#[allow(unused_imports, dead_code, reason = "other files need the rest")]
mod sync;

use cancel::{Cancel, Cancellation};
use park::ParkState;
use std::sync::Arc;
// Relaxed, so nothing but the protocol makes it visible; and loom's where loom is.
use sync::{AtomicU8, Relaxed};

/// A task that waits again and again, and whether it has been unwound.
struct Task {
    park: ParkState,
    cancel: Cancellation,
    unwound: AtomicU8,
}

impl Task {
    fn new() -> Arc<Task> {
        Arc::new(Task { park: ParkState::new(), cancel: Cancellation::new(), unwound: AtomicU8::new(0) })
    }

    /// Its waits, on the thread that runs it, until it is left parked or unwound.
    fn wait(&self) {
        loop {
            if self.cancel.get() == Cancel::Asked {
                return self.unwound.store(1, Relaxed);
            }
            if self.park.begin_park() {
                return;
            }
        }
    }

    /// What `JoinHandle::cancel` does; who ends the park runs the task on, in the place of its worker.
    fn cancel(&self) {
        if self.cancel.ask() && self.park.notify() {
            self.wait();
        }
    }

    /// A wake for another reason.
    fn wake(&self) {
        if self.park.notify() {
            self.wait();
        }
    }
}

#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::{Model, all_pass};
    use loom::thread;

    /// One cancels while the task parks.
    fn cancelled() {
        let task = Task::new();
        let canceller = {
            let task = task.clone();
            thread::spawn(move || task.cancel())
        };
        task.wait();
        canceller.join().unwrap();
        assert_eq!(task.unwound.load(Relaxed), 1);
    }

    /// And another wakes it at the same time: the wake that is used up is not the cancellation's.
    fn woken_and_cancelled() {
        let task = Task::new();
        let others = [|task: &Task| task.cancel(), |task: &Task| task.wake()].map(|f| {
            let task = task.clone();
            thread::spawn(move || f(&task))
        });
        task.wait();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(task.unwound.load(Relaxed), 1);
    }

    /// Of two who cancel one asks, and the task is unwound once.
    fn cancelled_twice() {
        let task = Task::new();
        let other = {
            let task = task.clone();
            thread::spawn(move || task.cancel())
        };
        task.wait();
        task.cancel();
        other.join().unwrap();
        assert_eq!(task.unwound.load(Relaxed), 1);
    }

    #[test]
    fn cancel() {
        let models: [Model; 3] = [
            ("cancelled", cancelled, None),
            ("woken and cancelled", woken_and_cancelled, Some(3)),
            ("cancelled twice", cancelled_twice, None),
        ];
        // The files of the park protocol: what it orders, the cancellation relies on.
        all_pass(&["sched/park.rs"], &models);
    }

    /// A seeded bug: who cancels and does not wake is missed.
    #[test]
    #[should_panic(expected = "asked and not heard")]
    fn without_the_wake_it_is_missed() {
        loom::model(|| {
            let task = Task::new();
            let canceller = {
                let task = task.clone();
                thread::spawn(move || _ = task.cancel.ask())
            };
            task.wait();
            canceller.join().unwrap();
            assert_eq!(task.unwound.load(Relaxed), 1, "asked and not heard");
        });
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;

    #[test]
    fn are_never_missed() {
        for _ in 0..20_000 {
            let task = Task::new();
            std::thread::scope(|scope| {
                scope.spawn(|| task.cancel());
                scope.spawn(|| task.wake());
                task.wait();
            });
            assert_eq!(task.unwound.load(Relaxed), 1);
        }
    }
}
