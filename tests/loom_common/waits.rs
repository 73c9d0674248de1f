//! Waiting, for the models of what is made of `src/sched/queue.rs`: in the places of `src/sched/waker.rs` and `wait.rs`, with the
//! threads of loom, or std's.

#![allow(dead_code, reason = "each model uses some of it")]

#[cfg(loom)]
use loom::thread_local;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
#[cfg(not(loom))]
use std::thread_local;

#[cfg(loom)]
mod signal {
    use loom::sync::Notify;
    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// What a thread waits with. Not loom's parking: a wake that comes late would end the thread's joins.
    pub struct Signal {
        notify: Notify,
        turns: AtomicUsize,
    }

    impl Signal {
        pub fn new() -> Signal {
            Signal { notify: Notify::new(), turns: AtomicUsize::new(0) }
        }

        pub fn wait(&self) {
            self.notify.wait();
        }

        pub fn wake(&self) {
            self.take_turn();
            self.notify.notify();
        }

        /// The wait is over. A wake orders, and so do its ends; but one may be over before it is woken, which loom tries only if the
        /// two are operations that depend on each other. These do, and order nothing.
        pub fn take_turn(&self) {
            self.turns.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(not(loom))]
mod signal {
    use std::thread::{self, Thread};

    pub struct Signal(Thread);

    impl Signal {
        pub fn new() -> Signal {
            Signal(thread::current())
        }

        pub fn wait(&self) {
            thread::park();
        }

        pub fn wake(&self) {
            self.0.unpark();
        }

        pub fn take_turn(&self) {}
    }
}

use signal::Signal;

/// What there is of each thread.
struct Here {
    signal: Arc<Signal>,
    /// How many waits are not interrupted.
    patience: Cell<u32>,
}

thread_local! {
    static HERE: Here = Here { signal: Arc::new(Signal::new()), patience: Cell::new(u32::MAX) };
}

fn signal() -> Arc<Signal> {
    HERE.with(|here| here.signal.clone())
}

pub mod waker {
    use super::{Arc, Signal, signal};

    pub struct Who(Arc<Signal>);

    impl Who {
        pub fn current() -> Who {
            Who(signal())
        }

        /// # Safety
        /// None is needed here.
        pub unsafe fn to_wake(&self) -> Wake {
            Wake(self.0.clone())
        }
    }

    #[must_use]
    pub struct Wake(Arc<Signal>);

    impl Wake {
        pub fn wake(self) {
            self.0.wake();
        }

        pub fn wake_next(self) {
            self.0.wake();
        }
    }
}

/// What a wait is ended with.
struct Interrupted;

/// Runs `f`, of whose waits all after the first so many are interrupted, whatever has happened by then. `false`: one was.
pub fn with_patience(waits: u32, f: impl FnOnce()) -> bool {
    HERE.with(|here| here.patience.set(waits));
    let ended = panic::catch_unwind(AssertUnwindSafe(f));
    HERE.with(|here| here.patience.set(u32::MAX));
    match ended {
        Ok(()) => true,
        Err(payload) if payload.is::<Interrupted>() => false,
        Err(payload) => panic::resume_unwind(payload),
    }
}

pub mod wait {
    use super::{HERE, Interrupted, signal};
    use crate::on::On;
    use crate::queue::{State, Turn};
    use std::panic;
    use std::time::Instant;

    pub fn wait_turn(turn: &Turn, deadline: Option<Instant>) -> State {
        // Time passes at once: who waits with a deadline finds that it has come.
        if deadline.is_some() {
            return turn.state();
        }
        let left = HERE.with(|here| here.patience.replace(here.patience.get().saturating_sub(1)));
        if left == 0 {
            panic::resume_unwind(Box::new(Interrupted));
        }
        wait_claimed(turn)
    }

    /// How a wait has ended that does not unwind.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Ended {
        Turn(State),
        TimeIsUp,
        Interrupted,
    }

    pub fn await_turn(turn: &Turn, deadline: Option<Instant>) -> Ended {
        if deadline.is_some() {
            return Ended::TimeIsUp;
        }
        if HERE.with(|here| here.patience.get()) == 0 {
            return Ended::Interrupted;
        }
        HERE.with(|here| here.patience.set(here.patience.get() - 1));
        Ended::Turn(wait_claimed(turn))
    }

    pub fn end_with_nothing() {}

    pub fn interrupt() {
        panic::resume_unwind(Box::new(Interrupted));
    }

    pub fn wait(_: On) {
        signal().wait();
    }

    pub fn wait_claimed(turn: &Turn) -> State {
        let signal = signal();
        loop {
            let state = turn.state();
            if !state.is_open() {
                signal.take_turn();
                return state;
            }
            signal.wait();
        }
    }
}
