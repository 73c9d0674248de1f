//! Stacks: where their memory comes from, how they grow, what is known about the frames on them.
//!
//! The lowest layer; it knows nothing of tasks and schedulers.

pub mod big;
pub mod debug;
mod error;
pub(crate) mod fork;
pub mod frames;
pub mod grow;
pub mod layout;
#[cfg(morestack_split)]
mod names;
pub mod report;
mod segment;
pub mod split;
pub(crate) mod state;
mod stats;
mod tables;
pub(crate) mod unwinder;

pub use error::StackError;
pub use frames::{Lines, StackMap, table};
pub use segment::{SEGMENT_MAX, Segment, StackCache, release_idle};
pub use stats::{SIZES, Stats, stats};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a table of this layer. None of them runs foreign code under its lock, so a panic there is a bug's; the others
/// should not hang or panic for it while they unwind.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
