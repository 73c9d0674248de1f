//! Stands in for `src/sched/waker.rs`: a thread of the model waits by parking.

use loom::thread::{self, Thread};

/// A thread that waits.
#[derive(Clone, Copy)]
pub struct Who(&'static Thread);

impl Who {
    pub fn current() -> Who {
        // A model runs for a moment, and has a few waits.
        Who(Box::leak(Box::new(thread::current())))
    }

    /// # Safety
    /// None here.
    pub unsafe fn to_wake(self) -> Wake {
        Wake(self)
    }
}

pub struct Wake(Who);

impl Wake {
    pub fn wake(self) {
        self.0.0.unpark();
    }

    pub fn wake_next(self) {
        self.wake();
    }
}
