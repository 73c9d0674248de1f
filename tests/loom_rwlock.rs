//! The lock of an `RwLock`: one writes or several read, with all that was written before; nobody waits for ever; who leaves early takes
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
#[path = "../src/sync/raw_rwlock.rs"]
mod raw_rwlock;
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

use raw_rwlock::RawRwLock;
use waits::{waker, with_patience};

#[cfg(loom)]
use loom::cell::UnsafeCell;
#[cfg(not(loom))]
use std::cell::UnsafeCell;
// Not loom's Arc: its destructor aborts when a model fails.
use std::sync::Arc;

/// A number in a lock.
struct Counter {
    lock: RawRwLock,
    /// Changed by who has the lock for itself, without synchronization.
    count: UnsafeCell<usize>,
}

// SAFETY: that `count` has one writer, or readers, at a time is what the models check, and what the threads rely on.
unsafe impl Send for Counter {}
// SAFETY: as above.
unsafe impl Sync for Counter {}

impl Counter {
    fn new() -> Arc<Counter> {
        Arc::new(Counter { lock: RawRwLock::new(), count: UnsafeCell::new(0) })
    }

    /// Counts. For who has the lock for itself.
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

    /// For who has the lock.
    fn count(&self) -> usize {
        // SAFETY: as above.
        let count = |count: *const usize| unsafe { *count };
        #[cfg(loom)]
        return self.count.with(count);
        #[cfg(not(loom))]
        count(self.count.get())
    }

    /// How often it has counted: once.
    fn write(&self) -> usize {
        self.lock.write();
        self.add();
        self.lock.unlock_write();
        1
    }

    /// The count does not change while it is read.
    fn read(&self) -> usize {
        self.lock.read();
        let before = self.count();
        assert_eq!(self.count(), before);
        self.lock.unlock_read();
        0
    }

    /// Nobody writes between the two.
    fn write_and_read(&self) -> usize {
        self.lock.write();
        let count = self.add();
        self.lock.downgrade();
        assert_eq!(self.count(), count);
        self.lock.unlock_read();
        1
    }

    /// Does one of these; of its waits all after the first so many are interrupted. How often it has counted.
    fn with_patience(&self, waits: u32, f: fn(&Counter) -> usize) -> usize {
        let mut counted = 0;
        with_patience(waits, || counted = f(self));
        counted
    }
}

#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::{Model, all_pass};
    use loom::thread;

    fn write(counter: &Counter) -> usize {
        counter.write()
    }

    /// The second time past those who wait.
    fn write_twice(counter: &Counter) -> usize {
        counter.write() + counter.write()
    }

    fn read(counter: &Counter) -> usize {
        counter.read()
    }

    fn write_and_read(counter: &Counter) -> usize {
        counter.write_and_read()
    }

    fn try_write(counter: &Counter) -> usize {
        let locked = counter.lock.try_write();
        if locked {
            counter.add();
            counter.lock.unlock_write();
        }
        usize::from(locked)
    }

    fn try_read(counter: &Counter) -> usize {
        if counter.lock.try_read() {
            counter.count();
            counter.lock.unlock_read();
        }
        0
    }

    /// Is interrupted if it has to wait.
    fn leave_writing(counter: &Counter) -> usize {
        counter.with_patience(0, Counter::write)
    }

    /// Is interrupted if it has to wait twice: it has been woken, and has lost.
    fn lose_and_leave(counter: &Counter) -> usize {
        counter.with_patience(1, Counter::write)
    }

    fn leave_reading(counter: &Counter) -> usize {
        counter.with_patience(0, Counter::read)
    }

    /// These at once. Each ends, all that was counted is there for who comes after, and the lock is free.
    fn at_once<const N: usize>(here: fn(&Counter) -> usize, others: [fn(&Counter) -> usize; N]) {
        let counter = Counter::new();
        let others = others.map(|f| {
            let counter = counter.clone();
            thread::spawn(move || f(&counter))
        });
        let mut counted = here(&counter);
        for other in others {
            counted += other.join().unwrap();
        }
        assert!(counter.lock.try_write(), "it is free");
        assert_eq!(counter.add(), counted + 1);
        counter.lock.unlock_write();
        assert!(counter.lock.try_read(), "and nobody waits");
    }

    #[test]
    fn rwlock() {
        let models: [Model; 15] = [
            ("two write", || at_once(write, [write]), None),
            ("two read", || at_once(read, [read]), None),
            ("one tries to read", || at_once(write, [try_read]), Some(3)),
            ("one tries to write", || at_once(try_write, [read]), Some(3)),
            ("one writes, one reads", || at_once(write, [read]), Some(3)),
            ("one downgrades", || at_once(write_and_read, [read]), Some(3)),
            ("one leaves writing", || at_once(read, [leave_writing]), Some(3)),
            ("one leaves reading", || at_once(write, [leave_reading]), Some(3)),
            ("two write, one reads", || at_once(write, [write, read]), Some(2)),
            ("one writes twice, one loses and leaves", || at_once(write_twice, [lose_and_leave]), Some(3)),
            ("one writes, one leaves reading before a writer", || at_once(write, [leave_reading, write]), Some(2)),
            (
                "one downgrades, one leaves writing before a reader",
                || at_once(write_and_read, [leave_writing, read]),
                Some(2),
            ),
            ("one writes, two read", || at_once(write, [read, read]), Some(1)),
            ("one downgrades, one writes, one reads", || at_once(write_and_read, [write, read]), Some(2)),
            ("one loses and leaves before a reader", || at_once(write_twice, [lose_and_leave, read]), Some(1)),
        ];
        all_pass(&["sync/raw_rwlock.rs"], &models).are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Four threads count and read together; some waits are interrupted.
    #[test]
    fn count_together() {
        const ROUNDS: usize = 20_000;
        let (counter, counted) = (Counter::new(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (counter, counted) = (&counter, &counted);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let waits = if round % 4 < 2 { round as u32 % 4 } else { u32::MAX };
                        let what = [Counter::read, Counter::write, Counter::write_and_read][(round + thread) % 3];
                        counted.fetch_add(counter.with_patience(waits, what), Relaxed);
                    }
                });
            }
        });
        assert!(counter.lock.try_write());
        assert!(!counter.lock.try_read());
        assert_eq!(counter.add(), counted.into_inner() + 1);
    }
}
