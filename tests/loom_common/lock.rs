//! loom's lock in the place of `src/sched/lock.rs`, which `loom_queue.rs` is about: who finds it taken is blocked, instead of trying
//! in a loop of which each round is one more way to go.

use loom::sync::Mutex;
pub use loom::sync::MutexGuard as Guard;
use std::sync::PoisonError;

pub struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    pub fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
