//! The scheduler: one worker, the thread that calls [`Scheduler::run`] or waits in [`JoinHandle::join`].
//!
//! A task runs until it yields, parks or ends; then the next ready one runs, switched to directly. The scheduler's own code
//! runs on the system stack: below `morestack_run`'s frame on the stack of the thread that called `run`.
//!
//! Nothing here is global: a thread may have several schedulers, one inside another's task too, and each thread its own.

mod check;
mod handle;
mod queue;
mod ring;
mod scheduler;
mod spawn;
#[allow(dead_code)]
pub(crate) mod wait;
#[allow(dead_code)]
pub(crate) mod waker;

pub use handle::{JoinHandle, Task};
pub use scheduler::{Idle, Scheduler};
pub use spawn::Builder;

use crate::arch;
use crate::task::g::{G, Status};

/// Gives way: the other ready tasks run before this one goes on.
///
/// Outside any task it yields the OS thread. Costs a switch, a few ns.
pub fn yield_now() {
    crate::signal::refuse_in_handler("yields");
    match current_task() {
        // SAFETY: this is Rust code of a task, on its big stack.
        Some(g) => unsafe { queue::yield_rust(g) },
        None => std::thread::yield_now(),
    }
}

/// Waits until somebody calls [`Task::unpark`] for this task; returns at once if that has happened since the last park.
///
/// As with [`std::thread::park`], it may also return without a reason: check the condition again. Outside any task it parks
/// the OS thread.
pub fn park() {
    crate::signal::refuse_in_handler("parks");
    match current_task() {
        // SAFETY: as in yield_now.
        Some(_) => unsafe { arch::morestack_mcall(queue::morestack_park) },
        None => std::thread::park(),
    }
}

/// The task that runs on this thread, if any.
pub fn current() -> Option<Task> {
    // SAFETY: the current g of a task is alive while it runs.
    current_task().map(|g| unsafe { Task::of_current(g) })
}

/// The `g` of the task that runs on this thread.
fn current_task() -> Option<*mut G> {
    let g = arch::current_g();
    // SAFETY: the current g is live.
    (!g.is_null() && !unsafe { (*g).is_borrowed() }).then_some(g)
}

/// Whether the task has ended.
unsafe fn is_done(g: *mut G) -> bool {
    // SAFETY: the caller holds a reference to g.
    unsafe { (*g).status.get() == Status::Done }
}
