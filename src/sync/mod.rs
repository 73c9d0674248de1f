//! The mirror of [`std::sync`] for tasks and OS threads: locks, conditions, barriers, and values that are made once.
//!
//! A program moves over by changing its imports: names, signatures and errors are std's, and [`Arc`], [`atomic`] and the errors of
//! poisoned locks are std's own. Besides there are [`Semaphore`] and [`WaitGroup`]. Channels are in [`mpsc`], as in std.
//!
//! Who waits lets the other tasks of its worker run, where std's types would block them all; and what one task holds
//! while it waits for something else, others may wait for. Everything works from tasks and from OS threads, in any mix. To wait
//! allocates nothing. But for `WaitGroup` and channels, all constructors are `const`, and nothing has to be freed.
//!
//! # Waits that are interrupted
//! As all waits of this library, these unwind when a [`timeout`](crate::time::timeout) around them is over, or the task's runtime
//! is shut down. What was handed over in the same moment goes to the next one. **Interruptions poison nothing**: a guard that is
//! dropped by such an unwinding leaves its lock unpoisoned, where a panic poisons it, as with std; and a [`Once`] whose initialiser
//! is interrupted is as if nobody had called it. Values that must not be left half changed are to be changed without a
//! wait in between.
//!
//! # Fairness
//! A lock that is free may be taken past those who wait for it, by who runs already. But nobody starves: one that was woken
//! and came too late is served next.

mod barrier;
mod condvar;
mod lazy_lock;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod poison;
mod raw_mutex;
mod raw_rwlock;
mod rwlock;
mod semaphore;
mod wait_group;
mod waiters;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceState};
pub use once_lock::OnceLock;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{OwnedPermit, Permit, Semaphore};
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};
pub use wait_group::WaitGroup;
