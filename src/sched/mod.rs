//! Scheduling: workers, queues, parking, and a scheduler for the tasks of one thread.
//!
//! A task runs until it yields, parks or ends; then the next ready one runs, switched to directly. The scheduler's own code
//! runs on the system stack: below `morestack_run`'s frame on the stack of the thread that works.
//!
//! - [`Scheduler`] runs the tasks of the calling thread, whose closures need not be `Send`. Nothing about it is global: a
//!   thread may have several, one inside another's task too, and each thread its own.
//! - [`runtime`](crate::runtime) runs tasks on many threads, and [`thread`](crate::thread) spawns them.

pub(crate) mod blocking;
mod blocks;
mod cancel;
mod check;
mod close;
mod header;
mod idle;
mod inbox;
pub(crate) mod inspect;
pub(crate) mod interrupt;
pub(crate) mod io;
#[cfg(feature = "debug-modes")]
mod left;
pub(crate) mod lend;
pub(crate) mod locals;
pub(crate) mod lock;
pub(crate) mod mailbox;
pub(crate) mod monitor;
pub(crate) mod on;
pub(crate) mod panicking;
mod park;
pub(crate) mod queue;
mod ring;
pub(crate) mod runtime;
mod scheduler;
pub(crate) mod sleep;
pub(crate) mod spawn;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod timers;
mod unwind;
pub(crate) mod wait;
pub(crate) mod waker;
pub(crate) mod worker;

#[doc(hidden)]
pub use panicking::force_blocking;
pub use scheduler::{Builder, Idle, JoinHandle, Scheduler};
pub use task::Task;
pub use wait::Cancelled;

use crate::arch;
use crate::task::g::G;
use header::Header;
use on::{On, WaitsFor};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes of stack for the threads of this library: workers, whose schedulers and movers run there, and the monitor's. std's
/// default, said because else `RUST_MIN_STACK` decides, which is meant for the stacks of tasks: 16 KB are too few for a worker in
/// a debug build. The helpers of [`blocking`](blocking::blocking) run the program's code, and have what std gives a thread.
pub(crate) const OWN_THREAD_STACK: usize = 2 << 20;

/// Threads of this library that run for good and are no workers: the monitor's, and those that report and dump.
pub(crate) static OWN_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Gives way: the other ready tasks run before this one goes on.
///
/// Outside any task it yields the OS thread. Costs a switch, a few ns.
#[inline]
pub fn yield_now() {
    crate::sigstack::refuse_in_handler("yields");
    match current_task() {
        // SAFETY: this is Rust code of a task, on its big stack.
        Some(g) => unsafe { wait::yield_task(g) },
        None => std::thread::yield_now(),
    }
}

/// After how many operations that could have waited, and need not, a task gives way: a client that never pauses shall not have its
/// worker to itself. tokio's number for the same.
const BUDGET: u32 = 128;

thread_local! {
    /// How many of them are left to the tasks of this thread. They are not counted for each task: who inherits a low count gives way
    /// once too early, and nobody has to look which task runs.
    static BUDGET_LEFT: Cell<u32> = const { Cell::new(BUDGET) };
}

/// To be called before each operation that may wait but often need not: a task for which that goes on and on gives way now and
/// then.
#[inline]
pub(crate) fn pay() {
    match BUDGET_LEFT.get() {
        0 => give_way(),
        left => BUDGET_LEFT.set(left - 1),
    }
}

#[cold]
fn give_way() {
    BUDGET_LEFT.set(BUDGET);
    if let Some(g) = current_task() {
        // SAFETY: as in `yield_now`.
        unsafe { wait::yield_task(g) };
    }
}

/// Waits until somebody calls [`Task::unpark`] for this task; returns at once if that has happened since the last park.
///
/// Outside any task it parks the OS thread, as [`std::thread::park`] does.
pub fn park() {
    crate::sigstack::refuse_in_handler("parks");
    match current_task() {
        Some(g) => {
            while !take_token(g) {
                wait::wait(On::any(WaitsFor::Unpark));
            }
        }
        None => park_thread(None),
    }
}

/// As [`park`], until `deadline` at most.
pub(crate) fn park_until(deadline: Instant) {
    match current_task() {
        Some(g) => while !take_token(g) && !wait::wait_until(On::any(WaitsFor::Unpark), deadline) {},
        None => park_thread(Some(deadline)),
    }
}

/// Parks the OS thread, until `deadline` at most. If its time is up then it is interrupted, although an unpark may have come at
/// the last moment: std does not tell.
#[cold]
fn park_thread(deadline: Option<Instant>) {
    interrupt::raise();
    match interrupt::block_until(deadline) {
        None => std::thread::park(),
        Some(until) => {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
            interrupt::raise();
        }
    }
}

/// Whether the current task had been unparked; that is used up.
fn take_token(g: *mut G) -> bool {
    // SAFETY: the current task is live.
    let token = unsafe { &(*Header::of(g)).token };
    // A look first: an exchange costs more than the rest of a park.
    token.load(Ordering::Relaxed) && token.swap(false, Ordering::Acquire)
}

/// The task that runs on this thread, if any.
pub fn current() -> Option<Task> {
    // SAFETY: the current task is live.
    current_task().map(|g| unsafe { Task::new(Header::of(g)) })
}

/// The `g` of the task that runs on this thread.
#[inline]
pub(crate) fn current_task() -> Option<*mut G> {
    let g = arch::current_g();
    // SAFETY: the current g is live.
    (!g.is_null() && !unsafe { (*g).is_borrowed() }).then_some(g)
}
