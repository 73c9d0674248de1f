//! Stacks: where their memory comes from, how they grow, what is known about the frames on them.
//!
//! The lowest layer; it knows nothing of tasks and schedulers.

pub mod big;
mod blocks;
pub mod debug;
mod error;
mod fenced;
pub mod grow;
mod large;
pub mod layout;
mod os;
mod pool;
pub mod report;
mod ring;
mod section;
mod segment;
mod slab;
pub(crate) mod stackmap;
pub(crate) mod state;
mod stats;
pub mod table;
pub(crate) mod walk;

pub use error::StackError;
pub use pool::{StackCache, release_idle};
pub use segment::{SEGMENT_MAX, Segment};
pub use stackmap::StackMap;
pub use stats::{SIZES, Stats, stats};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a table of this layer. None of them runs foreign code under its lock, so a panic there is a bug's; the others
/// should not hang or panic for it while they unwind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
