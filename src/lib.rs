//! Green threads for programs written as plain blocking code, with std's `thread` and `net` in shape, and goroutine stacks
//! for functions in assembly.
//!
//! A server; each connection is a task, and what would block lets the others run:
//!
//! ```no_run
//! use morestack::net::TcpListener;
//! use std::io;
//!
//! #[morestack::main]
//! fn main() -> io::Result<()> {
//!     for stream in TcpListener::bind("127.0.0.1:7000")?.incoming() {
//!         let stream = stream?;
//!         morestack::go!(move || io::copy(&mut &stream, &mut &stream));
//!     }
//!     Ok(())
//! }
//! ```
//!
//! What programs use:
//!
//! - [`thread`]: the mirror of [`std::thread`]: [`spawn`](thread::spawn), [`scope`](thread::scope), [`park`](thread::park),
//!   [`sleep`](thread::sleep), [`Builder`](thread::Builder); with [`go!`] and [`task_local!`].
//! - [`net`]: the mirror of [`std::net`], TCP and UDP, and of `std::os::unix::net`, which [`os`] has under std's name.
//! - [`sync`]: the mirror of [`std::sync`]: [`Mutex`](sync::Mutex), [`RwLock`](sync::RwLock), [`Condvar`](sync::Condvar) and what
//!   else waits there, [`mpsc`](sync::mpsc) included; with [`Semaphore`](sync::Semaphore) and [`WaitGroup`](sync::WaitGroup).
//! - [`time`]: [`timeout`](time::timeout), which limits how long any code may wait; [`Ticker`](time::Ticker).
//! - [`blocking`]: for calls that block their OS thread.
//! - [`runtime`]: runtimes of one's own, and reports of workers that are stuck. Without one a default runtime starts on first
//!   use, with a worker for each core.
//! - [`alloc`]: a global allocator that needs no foreign call for most blocks, for split builds above all.
//! - [`#[morestack::main]`](macro@main) and [`#[morestack::test]`](macro@test): a program or a test as a task.
//!
//! All of it works on OS threads as well as in tasks.
//!
//! What is below:
//!
//! - [`sched`]: a scheduler for the tasks of one thread, whose closures need not be `Send`.
//! - [`mapped_asm!`], [`mapped!`], [`mapped_export!`]: functions in assembly whose frames can be moved, and the bridges between
//!   them and Rust.
//! - [`stack`]: where stacks come from and how they grow; counters, debug modes, big stacks for other coroutine libraries.
//! - [`task`]: the types of mapped functions, and what they may pass.
//! - `code` (with the feature of that name): copies of functions, and functions that a compiler adds while the program runs.
//! - [`safecopy`]: copies from and to memory that may not be there.
//! - [`sigstack`]: how signal handlers are kept off small stacks, and what remains outside.
//!
//! # Stacks
//!
//! Mapped functions start on a *go segment* of 2 KB, which doubles by moving. Rust closures run on *big stacks* that are
//! reserved at full size (256 KB of addresses) and committed when touched. Reaching the end of either ends the process with a
//! report that names the task.
//!
//! # Workers and tasks
//!
//! A task runs on whichever worker takes it first, and never changes its OS thread once it has started, so what is not `Send` may
//! live across any call. Rust code is not preempted: it gives way where it waits, and where it calls
//! [`yield_now`](thread::yield_now). So a call that blocks the OS thread blocks the other tasks of that worker too, and a std
//! `Mutex` that one of them holds while it is parked is a deadlock: [`sync`] has locks that may be held then, and [`blocking`] is
//! for calls that block. A task that runs for over
//! 100 ms without a switch, or that the kernel blocks while others are ready, is [reported](runtime::set_report_hook).
//!
//! # Thread-locals
//!
//! Tasks of a thread share its thread-locals, and std does not know of tasks. No stackful library with a safe
//! `spawn` can prevent what follows from that, so the program must see to it:
//! - Do not switch (yield, park, join, wait for a socket) in the *initialiser* of a `thread_local!`. If two tasks are in it at
//!   once, the second to finish replaces the value that the first may have lent out: undefined behaviour.
//! - Do not run tasks in the *destructor* of a thread-local. A task that was parked while it borrowed another thread-local would
//!   go on with a value that is gone: undefined behaviour.
//! - What a library keeps in a thread-local in stack discipline across a call that switches (`scoped_tls`, enter guards of other
//!   runtimes, spans that are entered) is seen, and may be undone, by other tasks.
//! - The same turned around: a coroutine of another library that is suspended inside a [`time::timeout`] or a
//!   [`thread::scope`] goes on in the task that began that, or it leaves that task's records dangling.
//!
//! What a program keeps for a task itself goes into a [`task_local!`].

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")))]
compile_error!(
    "morestack runs on x86-64 Linux with glibc only (target x86_64-unknown-linux-gnu): its stack switching is written in \
     assembly for that target, and the guard slot %fs:0x70 is glibc's"
);

include!(concat!(env!("OUT_DIR"), "/macros.rs"));

pub mod alloc;
#[doc(hidden)]
pub mod arch;
pub mod channel;
#[cfg(feature = "code")]
pub mod code;
#[cfg(feature = "debug-page")]
pub mod debug;
pub mod net;
pub mod os;
pub mod runtime;
pub mod safecopy;
pub mod sched;
pub mod signal;
pub mod sigstack;
pub mod stack;
pub mod sync;
pub mod task;
pub mod thread;
pub mod time;

#[doc(hidden)]
pub use morestack_macros::__select;
pub use morestack_macros::{main, test};
pub use sched::blocking::blocking;

/// The README's programs are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
