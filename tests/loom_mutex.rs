//! The lock of a `Mutex`: one has it at a time, with all that was written before; nobody waits for ever; who leaves early takes
//! nothing along.
//!
//! With `--cfg loom` the shipped file is checked by loom, in all interleavings of small models. Without, threads try it.

#[cfg_attr(loom, path = "loom_common/lock.rs")]
#[cfg_attr(not(loom), path = "../src/sched/lock.rs")]
mod lock;
#[path = "../src/sched/on.rs"]
#[allow(dead_code, reason = "reports need the rest")]
mod on;
#[path = "../src/sched/queue.rs"]
#[allow(dead_code, reason = "channels need the rest")]
mod queue;
#[path = "../src/sync/raw_mutex.rs"]
mod raw_mutex;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/sched/sync.rs"]
#[allow(unused_imports, dead_code, reason = "other files need the rest")]
mod sync;
#[path = "loom_common/waits.rs"]
mod waits;

/// Where the shipped file looks for the others.
mod sched {
    pub(crate) use crate::waits::wait;
    pub(crate) use crate::{lock, on, queue, sync};
}

use raw_mutex::RawMutex;
use waits::{waker, with_patience};

#[cfg(loom)]
use loom::cell::UnsafeCell;
#[cfg(not(loom))]
use std::cell::UnsafeCell;
// Not loom's Arc: its destructor aborts when a model fails.
use std::sync::Arc;

/// A number in a lock.
struct Counter {
    mutex: RawMutex,
    /// Changed by who has the lock, without synchronization.
    count: UnsafeCell<usize>,
}

// SAFETY: that `count` has one user at a time is what the models check, and what the threads rely on.
unsafe impl Send for Counter {}
// SAFETY: as above.
unsafe impl Sync for Counter {}

impl Counter {
    fn new() -> Arc<Counter> {
        Arc::new(Counter { mutex: RawMutex::new(), count: UnsafeCell::new(0) })
    }

    /// Counts. For who has the lock.
    fn add(&self) -> usize {
        let add = |count: *mut usize| {
            // SAFETY: loom looks for others, and threads have the lock.
            unsafe {
                *count += 1;
                *count
            }
        };
        #[cfg(loom)]
        return self.count.with_mut(add);
        #[cfg(not(loom))]
        add(self.count.get())
    }

    fn lock_and_add(&self) {
        self.mutex.lock();
        self.add();
        self.mutex.unlock();
    }

    /// The same; of its waits all after the first so many are interrupted. How often it has counted.
    fn try_to_add(&self, waits: u32) -> usize {
        usize::from(with_patience(waits, || self.lock_and_add()))
    }
}

#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::{Model, all_pass};
    use loom::thread;

    fn spawn(counter: &Arc<Counter>, f: fn(&Counter) -> usize) -> thread::JoinHandle<usize> {
        let counter = counter.clone();
        thread::spawn(move || f(&counter))
    }

    fn lock(counter: &Counter) -> usize {
        counter.lock_and_add();
        1
    }

    /// The second time past those who wait.
    fn lock_twice(counter: &Counter) -> usize {
        lock(counter) + lock(counter)
    }

    fn try_lock(counter: &Counter) -> usize {
        let locked = counter.mutex.try_lock();
        if locked {
            counter.add();
            counter.mutex.unlock();
        }
        usize::from(locked)
    }

    /// Is interrupted if it has to wait.
    fn leave(counter: &Counter) -> usize {
        counter.try_to_add(0)
    }

    /// Is interrupted if it has to wait twice: it has been woken, and has lost.
    fn lose_and_leave(counter: &Counter) -> usize {
        counter.try_to_add(1)
    }

    /// These at once. Each ends, and all that was counted is there for who comes after.
    fn at_once<const N: usize>(here: fn(&Counter) -> usize, others: [fn(&Counter) -> usize; N]) {
        let counter = Counter::new();
        let others = others.map(|f| spawn(&counter, f));
        let mut counted = here(&counter);
        for other in others {
            counted += other.join().unwrap();
        }
        counter.mutex.lock();
        assert_eq!(counter.add(), counted + 1);
        counter.mutex.unlock();
        assert!(counter.mutex.try_lock(), "it is free");
    }

    #[test]
    fn mutex() {
        let models: [Model; 11] = [
            ("two", || at_once(lock, [lock]), None),
            ("one tries", || at_once(try_lock, [lock]), None),
            ("two try", || at_once(try_lock, [try_lock]), None),
            ("one leaves", || at_once(lock, [leave]), None),
            ("three", || at_once(lock, [lock, lock]), Some(2)),
            ("three, one tries", || at_once(lock, [lock, try_lock]), Some(2)),
            ("three, one leaves", || at_once(lock, [lock, leave]), Some(2)),
            ("three, one loses and leaves", || at_once(lock, [lock, lose_and_leave]), Some(2)),
            ("one twice, the other loses", || at_once(lock_twice, [lock]), Some(3)),
            ("one twice, the other loses and leaves", || at_once(lock_twice, [lose_and_leave]), Some(3)),
            ("one twice, one leaves", || at_once(lock_twice, [lock, leave]), Some(2)),
        ];
        all_pass(&["sync/raw_mutex.rs"], &models).are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Four threads count together; some waits are interrupted.
    #[test]
    fn count_together() {
        const ROUNDS: usize = 20_000;
        let (counter, counted) = (Counter::new(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        let waits = if round % 4 < 2 { round as u32 % 4 } else { u32::MAX };
                        counted.fetch_add(counter.try_to_add(waits), Relaxed);
                    }
                });
            }
        });
        assert!(counter.mutex.try_lock());
        assert_eq!(counter.add(), counted.into_inner() + 1);
    }
}
