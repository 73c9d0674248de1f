//! The sleep protocol of workers: work is never left while all who could run it sleep.
//!
//! With `--cfg loom` the shipped file is checked by loom, in the interleavings of small models. Without, threads try it.

#[path = "../src/sched/idle.rs"]
#[allow(dead_code, reason = "not all that the workers use is part of the protocol")]
mod idle;
#[cfg(loom)]
#[path = "../src/sched/inbox.rs"]
mod inbox;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/sched/sync.rs"]
#[allow(unused_imports, dead_code, reason = "other files need the rest")]
mod sync;

use idle::{Idle, Sleeper};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

#[cfg(loom)]
use crate::sync::{AtomicBool, AtomicUsize};
#[cfg(loom)]
use loom::{sync::Notify, thread};
#[cfg(not(loom))]
use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    thread,
};
#[cfg(not(loom))]
use threads::Notify;

/// A worker's part. Sources of work are written and read relaxed here: nothing but the protocol makes work visible.
struct Worker {
    sleeper: Sleeper,
    /// Blocks its worker. loom lets it return once without a reason, as I/O or a timer would.
    poller: Notify,
    /// Pinned work: how many pieces.
    pinned: AtomicUsize,
}

/// Workers who do what `src/sched/idle.rs` prescribes.
struct Runtime {
    idle: Idle,
    workers: Vec<Worker>,
    /// Stealable work: how many pieces.
    injector: AtomicUsize,
    /// If workers take all of it at once: a queue for each, where the others find what it has left. Otherwise empty.
    deques: Vec<AtomicUsize>,
    shutdown: AtomicBool,
}

#[derive(PartialEq, Eq, Debug)]
enum Work {
    Pinned,
    Stealable,
}

/// Takes a piece of work, if there is one.
fn take(source: &AtomicUsize) -> bool {
    let mut left = source.load(Relaxed);
    while left != 0 {
        match source.compare_exchange_weak(left, left - 1, Relaxed, Relaxed) {
            Ok(_) => return true,
            Err(now) => left = now,
        }
    }
    false
}

impl Runtime {
    fn new(workers: usize) -> Runtime {
        let worker = |_| Worker { sleeper: Sleeper::new(), poller: Notify::new(), pinned: AtomicUsize::new(0) };
        Runtime {
            idle: Idle::new(),
            workers: (0..workers).map(worker).collect(),
            injector: AtomicUsize::new(0),
            deques: Vec::new(),
            shutdown: AtomicBool::new(false),
        }
    }

    fn push_pinned(&self, index: usize) {
        self.workers[index].pinned.fetch_add(1, Relaxed);
        self.wake(index);
    }

    fn push_stealable(&self) {
        self.injector.fetch_add(1, Relaxed);
        self.wake_another();
    }

    fn shut_down(&self) {
        self.shutdown.store(true, Relaxed);
        (0..self.workers.len()).for_each(|index| self.wake(index));
    }

    fn wake(&self, index: usize) {
        let worker = &self.workers[index];
        if self.idle.claim(&worker.sleeper) {
            worker.poller.notify();
        }
    }

    fn wake_another(&self) {
        if let Some(index) = self.idle.claim_any(self.workers.iter().map(|worker| &worker.sleeper)) {
            self.workers[index].poller.notify();
        }
    }

    /// What a worker does until it has a piece of work, or is shut down.
    fn next(&self, index: usize) -> Option<Work> {
        let me = &self.workers[index];
        loop {
            if take(&me.pinned) {
                self.found(me);
                return Some(Work::Pinned);
            }
            self.idle.begin_search(&me.sleeper);
            if self.steal(index) {
                self.found(me);
                return Some(Work::Stealable);
            }
            self.idle.prepare(&me.sleeper);
            let shutdown = self.shutdown.load(Relaxed);
            if shutdown || me.pinned.load(Relaxed) != 0 || self.has_stealable() {
                self.idle.cancel(&me.sleeper);
            } else {
                me.poller.wait();
                self.idle.woken(&me.sleeper);
            }
            if shutdown {
                self.found(me);
                return None;
            }
        }
    }

    /// What a worker does until it has a piece of pinned work, while a task keeps it from running anything else: what it is
    /// woken for it passes on.
    #[cfg(loom)]
    fn next_pinned(&self, index: usize) {
        let me = &self.workers[index];
        while !take(&me.pinned) {
            self.idle.prepare(&me.sleeper);
            if me.pinned.load(Relaxed) == 0 {
                me.poller.wait();
                self.idle.woken(&me.sleeper);
            } else {
                self.idle.cancel(&me.sleeper);
            }
            self.found(me);
        }
    }

    fn found(&self, me: &Worker) {
        if self.idle.end_search(&me.sleeper) && self.has_stealable() {
            self.wake_another();
        }
    }

    fn steal(&self, index: usize) -> bool {
        if self.deques.is_empty() {
            return take(&self.injector);
        }
        match self.injector.swap(0, Relaxed) {
            0 => self.deques.iter().any(take),
            all => {
                self.deques[index].store(all - 1, Relaxed);
                true
            }
        }
    }

    fn has_stealable(&self) -> bool {
        self.injector.load(Relaxed) != 0 || self.deques.iter().any(|deque| deque.load(Relaxed) != 0)
    }
}

/// If a worker sleeps for ever, no thread of a model can go on, which loom reports as a deadlock.
#[cfg(loom)]
mod models {
    use super::*;
    use crate::inbox::{Inbox, Linked};
    use crate::sync::{AtomicPtr, Model, all_pass};
    use std::ptr;

    /// Starts a thread for each worker.
    fn start(runtime: &Arc<Runtime>, worker: fn(&Runtime, usize)) -> Vec<thread::JoinHandle<()>> {
        let spawn = |index| {
            let runtime = runtime.clone();
            thread::spawn(move || worker(&runtime, index))
        };
        (0..runtime.workers.len()).map(spawn).collect()
    }

    fn join(threads: Vec<thread::JoinHandle<()>>) {
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// A worker; one notifier that pushes pinned work, and one that shuts it down.
    fn pinned() {
        let runtime = Arc::new(Runtime::new(1));
        let worker = start(&runtime, |runtime, me| while runtime.next(me).is_some() {});
        let notifier = {
            let runtime = runtime.clone();
            thread::spawn(move || runtime.push_pinned(0))
        };
        runtime.shut_down();
        notifier.join().unwrap();
        join(worker);
    }

    /// Two workers, and two pieces of stealable work that take for ever: each worker has to get one.
    fn stealable() {
        let runtime = Arc::new(Runtime::new(2));
        let workers = start(&runtime, |runtime, me| assert_eq!(runtime.next(me), Some(Work::Stealable)));
        runtime.push_stealable();
        runtime.push_stealable();
        join(workers);
    }

    /// As `stealable`, but the work was there before, and who comes first takes all of it along.
    fn taken_along() {
        let mut runtime = Runtime::new(2);
        runtime.injector = AtomicUsize::new(2);
        runtime.deques = vec![AtomicUsize::new(0), AtomicUsize::new(0)];
        let workers = start(&Arc::new(runtime), |runtime, me| assert_eq!(runtime.next(me), Some(Work::Stealable)));
        join(workers);
    }

    /// Two workers, the first of which waits for pinned work alone. The second makes that when it has run the stealable work.
    fn kept() {
        let runtime = Arc::new(Runtime::new(2));
        let workers = start(&runtime, |runtime, me| match me {
            0 => runtime.next_pinned(me),
            _ => {
                runtime.next(me);
                runtime.push_pinned(0);
            }
        });
        runtime.push_stealable();
        join(workers);
    }

    /// Two workers; pinned work for the first, which takes for ever, and stealable work, which may be left to the second
    /// then. Who runs that shuts both down.
    fn mixed() {
        let runtime = Arc::new(Runtime::new(2));
        let workers = start(&runtime, |runtime, me| {
            while runtime.next(me).is_some_and(|work| work == Work::Stealable) {
                runtime.shut_down();
            }
        });
        runtime.push_pinned(0);
        runtime.push_stealable();
        join(workers);
    }

    /// A sleeper that wakes by itself and goes to sleep again. One notifier is about to summon it and counts as a searcher
    /// meanwhile; another relies on that.
    fn summoned_too_late() {
        let runtime = Arc::new(Runtime::new(1));
        let sleeper = &runtime.workers[0].sleeper;
        runtime.idle.prepare(sleeper);
        let notifiers = [Runtime::wake_another, Runtime::push_stealable].map(|notifier| {
            let runtime = runtime.clone();
            thread::spawn(move || notifier(&runtime))
        });
        runtime.idle.woken(sleeper);
        runtime.idle.prepare(sleeper);
        let missed = runtime.injector.load(Relaxed) == 0;
        join(notifiers.into());
        // It is asleep for ever if it has missed the work, and nobody has claimed it.
        assert!(!missed || !runtime.idle.claim(sleeper));
    }

    /// Who claims a worker sees its poller, which it has made before it sleeps.
    fn first_sleep() {
        let all = Arc::new((Idle::new(), Sleeper::new(), AtomicBool::new(false)));
        let worker = {
            let all = all.clone();
            thread::spawn(move || {
                let (idle, sleeper, has_poller) = &*all;
                has_poller.store(true, Relaxed);
                idle.prepare(sleeper);
            })
        };
        let (idle, sleeper, has_poller) = &*all;
        assert!(!idle.claim(sleeper) || has_poller.load(Relaxed));
        worker.join().unwrap();
    }

    struct Node(AtomicPtr<Node>);

    // SAFETY: each node has a link of its own, and nobody else uses it.
    unsafe impl Linked for Node {
        unsafe fn link(node: *mut Node) -> *const AtomicPtr<Node> {
            // SAFETY: the node is live.
            unsafe { &raw const (*node).0 }
        }
    }

    /// With the shipped inbox: of two who push, only who finds it empty claims the owner. Both nodes arrive.
    fn inbox() {
        let all = Arc::new((Runtime::new(1), Inbox::<Node>::new()));
        let pushers = [(); 2].map(|()| {
            let all = all.clone();
            thread::spawn(move || {
                let (runtime, inbox) = &*all;
                // SAFETY: a fresh node, which is given away.
                if unsafe { inbox.push(Box::into_raw(Box::new(Node(AtomicPtr::new(ptr::null_mut()))))) } {
                    runtime.wake(0);
                }
            })
        });
        let (Runtime { idle, workers, .. }, inbox) = &*all;
        let mut left = 2;
        loop {
            for node in inbox.take() {
                // SAFETY: from the Box above, and ours now.
                drop(unsafe { Box::from_raw(node) });
                left -= 1;
            }
            if left == 0 {
                break;
            }
            idle.prepare(&workers[0].sleeper);
            if inbox.is_empty() {
                workers[0].poller.wait();
                idle.woken(&workers[0].sleeper);
            } else {
                idle.cancel(&workers[0].sleeper);
            }
        }
        join(pushers.into());
    }

    /// The bounds keep the models in seconds; the bugs seeded here, and those made on the way, are found with 2 or 3.
    #[test]
    fn idle() {
        let models: [Model; 8] = [
            ("first sleep", first_sleep, None),
            ("pinned", pinned, Some(3)),
            ("summoned too late", summoned_too_late, Some(3)),
            ("stealable", stealable, Some(2)),
            ("taken along", taken_along, Some(3)),
            ("inbox", inbox, Some(2)),
            ("kept", kept, Some(2)),
            ("mixed", mixed, Some(2)),
        ];
        all_pass(&["sched/idle.rs"], &models).are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    /// A poller that fails instead of hanging.
    pub struct Notify(Mutex<bool>, Condvar);

    impl Notify {
        pub fn new() -> Notify {
            Notify(Mutex::new(false), Condvar::new())
        }

        pub fn notify(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }

        pub fn wait(&self) {
            let limit = Duration::from_secs(120);
            let (mut notified, timeout) =
                self.1.wait_timeout_while(self.0.lock().unwrap(), limit, |notified| !*notified).unwrap();
            assert!(!timeout.timed_out(), "a worker has slept for {limit:?}");
            *notified = false;
        }
    }

    /// Work comes in bursts of all sizes, the next when the last is done, so that workers fall asleep again and again. Each
    /// piece of stealable work makes a pinned one for the worker after the one that runs it.
    #[test]
    fn wake_each_other() {
        const WORKERS: usize = 3;
        const BURSTS: usize = 3000;
        let runtime = Arc::new(Runtime::new(WORKERS));
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            for me in 0..WORKERS {
                let (runtime, done) = (&runtime, &done);
                scope.spawn(move || {
                    while let Some(work) = runtime.next(me) {
                        match work {
                            Work::Stealable => runtime.push_pinned((me + 1) % WORKERS),
                            Work::Pinned => _ = done.fetch_add(1, Relaxed),
                        }
                    }
                });
            }
            let mut pushed = 0;
            for burst in 0..BURSTS {
                let size = burst % (2 * WORKERS);
                (0..size).for_each(|_| runtime.push_stealable());
                pushed += size;
                while done.load(Relaxed) != pushed {
                    // A worker that sleeps for ever fails and leaves its work, so look for that as well.
                    assert!(!runtime.workers.iter().any(|worker| worker.poller.0.is_poisoned()), "work is left");
                    thread::yield_now();
                }
            }
            runtime.shut_down();
        });
    }
}
