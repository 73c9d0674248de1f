//! Tasks with the interface of [`std::thread`]: a program moves over by changing its imports.
//!
//! ```
//! use morestack::thread; // was: use std::thread;
//!
//! let numbers = [1, 2, 3, 4];
//! let (odd, even) = thread::scope(|s| {
//!     let odd = s.spawn(|| numbers.iter().filter(|&n| n % 2 == 1).sum::<i32>());
//!     let even = s.spawn(|| numbers.iter().filter(|&n| n % 2 == 0).sum::<i32>());
//!     (odd.join().unwrap(), even.join().unwrap())
//! });
//! assert_eq!((odd, even), (4, 6));
//!
//! let handle = thread::spawn(move || odd * even);
//! assert_eq!(handle.join().unwrap(), 24);
//! ```
//!
//! What is spawned in a task goes to that task's [runtime](crate::runtime), and from elsewhere to the process-wide default one.
//! Everything here may be called from OS threads as well; there it does to the OS thread what std's does.
//!
//! # What is different from `std::thread`
//!
//! - Tasks of one worker share its **thread-locals**, with consequences that the [crate's first page](crate) lists. A
//!   [`task_local!`](crate::task_local) is a task's own.
//! - A **call that blocks** the OS thread (`std::thread::sleep`, a file, a contended `std::sync::Mutex`) blocks the worker, and
//!   with it the other tasks there. Use the functions of this crate, which switch.
//! - Tasks are **not preempted**: one that computes for long makes the others of its worker wait unless it calls
//!   [`yield_now`] now and then.
//! - A task runs on whichever worker takes it first, and then **never changes its OS thread**: what is not `Send` may live
//!   across any call.
//! - **Stacks** have 252 KB, of which only the touched pages cost memory, see [`Builder::stack_size`].
//! - When its runtime is **shut down**, a task is unwound where it waits, with [`Cancelled`](crate::sched::Cancelled), and one
//!   that has not started is dropped; joining gives an error. The default runtime is never shut down.
//! - [`park`] does not return without a reason.
//! - **Panic messages** name the OS thread, as in `thread 'worker-0' panicked`, because std writes them. Reports of this
//!   crate name the task.

mod builder;
mod handle;
mod local;
mod pause;
mod scope;

pub use builder::{Builder, MIN_STACK};
pub use handle::{JoinHandle, Thread, ThreadId, current};
pub use local::{AccessError, LocalKey};
pub use pause::{park, park_timeout, sleep, sleep_until};
pub use scope::{Scope, ScopedJoinHandle, scope};

#[doc(inline)]
pub use crate::sched::yield_now;

use crate::sched::runtime::Seat;
use crate::sched::spawn::{self, Settings, Target};
use std::io;
use std::num::NonZero;

/// Whether the current task, or OS thread outside tasks, unwinds because of a panic. It is std's own function: a panic's
/// state goes with its task.
pub use std::thread::panicking;

/// What [`JoinHandle::join`] returns: the result, or the payload of the panic that ended the task. It is std's own type.
pub use std::thread::Result;

/// Spawns a task that runs the closure. Dropping the handle detaches the task, which runs on.
///
/// ```
/// use morestack::thread;
///
/// let (left, right) = (vec![1, 2, 3], vec![4, 5, 6]);
/// let sum = thread::spawn(move || left.iter().sum::<i32>());
/// assert_eq!(right.iter().sum::<i32>() + sum.join().unwrap(), 21);
/// ```
///
/// When `main` returns, the process ends, whatever tasks there are.
///
/// # Panics
/// If there is no memory for the task. [`Builder::spawn`] returns that as an error.
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(seat) = Seat::here() else {
        return Builder::new().spawn(f).unwrap_or_else(|error| panic!("failed to spawn thread: {error}"));
    };
    // In a task: what Builder does, without its settings.
    // SAFETY: nothing is borrowed.
    match unsafe { spawn::spawn_unchecked(Target::Here(seat), Settings::default(), f) } {
        Ok(join) => JoinHandle::new(join),
        Err(error) => panic!("failed to spawn thread: {error}"),
    }
}

/// How many tasks spawned from here can run at the same time: in a task the number of workers of its runtime, and elsewhere
/// what [`std::thread::available_parallelism`] says, which is how many workers the default runtime starts with.
///
/// # Errors
/// Elsewhere, those of std's function.
pub fn available_parallelism() -> io::Result<NonZero<usize>> {
    match Seat::here().and_then(|seat| NonZero::new(seat.shared.workers())) {
        Some(workers) => Ok(workers),
        None => std::thread::available_parallelism(),
    }
}

/// Spawns a task and lets it go: `go!(closure)`, or `go!({ block })` for `go!(move || { block })`.
///
/// What it returns is dropped. A panic in it goes to the panic hook and no further. Costs what [`thread::spawn`](crate::thread::spawn)
/// does, and panics when that does.
///
/// ```
/// use morestack::go;
/// use std::sync::mpsc;
///
/// let (sender, receiver) = mpsc::channel();
/// for n in 1..=3 {
///     let sender = sender.clone();
///     go!(move || sender.send(n * n));
/// }
/// go!({
///     sender.send(100).unwrap();
///     println!("sent");
/// });
/// assert_eq!(receiver.iter().sum::<i32>(), 114);
/// ```
#[macro_export]
macro_rules! go {
    ($block:block) => {
        ::core::mem::drop($crate::thread::spawn(move || $block))
    };
    ($closure:expr $(,)?) => {
        ::core::mem::drop($crate::thread::spawn($closure))
    };
}
