//! Goroutine stacks for Rust: green threads that start on 2 KB and grow by copying.
//!
//! - [`sched`]: a scheduler for the tasks of one thread: spawn, yield, park, join.
//! - [`mapped_asm!`], [`mapped!`], [`mapped_export!`]: functions in assembly whose frames can be moved, and the bridges between
//!   them and Rust.
//! - [`stack`]: where stacks come from and how they grow; counters, debug modes, big stacks for other coroutine libraries.
//! - [`task`]: the types of mapped functions, and what they may pass.
//! - [`signal`]: how signal handlers are kept off small stacks, and what remains outside.
//!
//! ```
//! use morestack::sched::{Scheduler, yield_now};
//!
//! let scheduler = Scheduler::new();
//! let answer = scheduler.spawn(|| {
//!     yield_now();
//!     42
//! });
//! assert_eq!(answer.join().unwrap(), 42);
//! ```
//!
//! Mapped functions start on a *go segment* of 2 KB, which doubles by moving. Rust closures run on *big stacks* that are
//! reserved at full size and committed when touched.
//!
//! **Thread-locals.** Tasks of a thread share its thread-locals, and std does not know of tasks. No stackful library with a safe
//! `spawn` can prevent what follows from that, so the program must:
//! - Do not switch (yield, park, join) in the *initialiser* of a `thread_local!`. If two tasks are in it at once, the second to
//!   finish replaces the value that the first may have lent out: undefined behaviour.
//! - Do not run tasks in the *destructor* of a thread-local. A task that was parked while it borrowed another thread-local would
//!   go on with a value that is gone: undefined behaviour.
//! - What a library keeps in a thread-local in stack discipline across a call that switches (`scoped_tls`, enter guards of other
//!   runtimes) is seen, and may be undone, by other tasks.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")))]
compile_error!(
    "morestack runs on x86-64 Linux with glibc only (target x86_64-unknown-linux-gnu): its stack switching is written in \
     assembly for that target, and the guard slot %fs:0x70 is glibc's"
);

include!(concat!(env!("OUT_DIR"), "/macros.rs"));

#[doc(hidden)]
pub mod arch;
pub mod net;
pub mod runtime;
pub mod sched;
pub mod signal;
pub mod stack;
pub mod task;
pub mod thread;
pub mod time;

pub use morestack_macros::{main, test};
pub use sched::blocking::blocking;

/// The README's program is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
