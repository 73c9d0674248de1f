//! Waiting, for the models of what is made of `src/sched/queue.rs`: in the places of `src/sched/waker.rs` and `wait.rs`, with the
//! threads of loom, or std's.

#![allow(dead_code, reason = "each model uses some of it")]

#[cfg(loom)]
use loom::{thread, thread_local};
#[cfg(not(loom))]
use std::{thread, thread_local};

pub mod waker {
    use super::thread::{self, Thread};

    pub struct Who(Thread);

    impl Who {
        pub fn current() -> Who {
            Who(thread::current())
        }

        /// # Safety
        /// None is needed here.
        pub unsafe fn to_wake(&self) -> Wake {
            Wake(self.0.clone())
        }
    }

    #[must_use]
    pub struct Wake(Thread);

    impl Wake {
        pub fn wake(self) {
            self.0.unpark();
        }

        pub fn wake_next(self) {
            self.0.unpark();
        }
    }
}

thread_local! {
    /// How many waits of this thread are not interrupted.
    static PATIENCE: std::cell::Cell<u32> = std::cell::Cell::new(u32::MAX);
}

/// What a wait is ended with.
struct Interrupted;

/// Runs `f`, of whose waits all after the first so many are interrupted, whatever has happened by then. `false`: one was.
pub fn with_patience(waits: u32, f: impl FnOnce()) -> bool {
    PATIENCE.with(|patience| patience.set(waits));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    PATIENCE.with(|patience| patience.set(u32::MAX));
    match ended {
        Ok(()) => true,
        Err(payload) if payload.is::<Interrupted>() => false,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

pub mod wait {
    use super::{Interrupted, PATIENCE, thread};
    use crate::queue::{State, Turn};
    use std::time::Instant;

    pub fn wait_turn(turn: &Turn, deadline: Option<Instant>) -> State {
        assert_eq!(deadline, None, "there is no time in a model");
        let left = PATIENCE.with(|patience| patience.replace(patience.get().saturating_sub(1)));
        if left == 0 {
            std::panic::resume_unwind(Box::new(Interrupted));
        }
        wait_claimed(turn)
    }

    pub fn wait_claimed(turn: &Turn) -> State {
        loop {
            let state = turn.state();
            if !state.is_open() {
                return state;
            }
            thread::park();
        }
    }
}
