//! Signals: no handler ever runs on a task's stack.
//!
//! The kernel pushes 3.6 KB and more (`AT_MINSIGSTKSZ` tells) before a handler runs its first instruction; a task's segment
//! may have 2 KB. So each worker has an alternate stack ([`AltStack`]), and every handler, whoever installs it and whenever,
//! is made to run there (`SA_ONSTACK`). Signals are not blocked instead: a blocked mask is inherited by child processes, an
//! alternate stack and handlers are not, because `execve` resets them.
//!
//! | handlers | how they are caught |
//! |---|---|
//! | installed before [`prepare_process`] | it scans all signals, glibc's internal two included |
//! | installed later through libc | this crate defines libc's functions for it (`interpose.rs`); the linker binds the program and every shared library to them |
//! | installed later past these functions | [`rescan`], at the start of each worker |
//!
//! For SIGSEGV and SIGBUS there is a handler of our own (`faults.rs`), for overflows of big stacks and for
//! [`safecopy`](crate::safecopy). It stands in front of the program's, whenever that was installed through libc, and gives it all other
//! faults as the kernel would have. `sigaction` reports the program's.
//!
//! The alternate stack stays until the last [`AltStack`] of its thread is dropped. std would take it away earlier: at the end
//! of a thread's main function, before the destructors of thread-locals, in which mapped code may still run, it disables what
//! is installed. So `sigaltstack` is defined here too:
//!
//! | calls on a thread with our alternate stack | what becomes of them |
//! |---|---|
//! | `sigaltstack` that sets or disables | noted, with the kernel's errors; done when ours goes |
//! | `sigaltstack` that asks | told what was noted; in a handler, which runs on ours, the truth |
//! | the system call past libc, and `sigstack` | done; [`AltStack::install`] puts ours back |
//!
//! **What a handler may do.** Calling mapped functions, yielding, parking and running a scheduler are not
//! async-signal-safe. A handler that interrupts mapped code finds its task's `g` current and its guard in force, but nothing
//! says where in its go segment the task stands: a call from there would lay its frame over the live ones. Debug builds end
//! the process with a report instead; whoever installs a handler that does it breaks the contract under which `sigaction`
//! and `signal` are unsafe to call. What is async-signal-safe elsewhere is so here: atomics, `write`, `sem_post`.
//!
//! What remains outside, for want of a way to catch it:
//! - between an installation and the next [`rescan`]: a raw `rt_sigaction` system call; glibc's internal ones, which are the
//!   process's first `pthread_cancel` (glibc 2.36 gives the handler of `setuid` and its like the flag, but not this one) and
//!   `profil`, which gprof uses;
//! - libraries loaded with `RTLD_DEEPBIND`, or into a namespace of their own (`dlmopen`);
//! - programs in which this crate is a part of a shared library that is loaded with `dlopen`;
//! - a raw `sigaltstack` system call, or glibc's obsolete `sigstack`, by which somebody takes a worker's alternate stack away,
//!   until the next [`AltStack::install`] on that thread.

mod altstack;
mod behind;
mod faults;
mod interpose;
mod onstack;
mod overflow;

use crate::stack::report;
use std::sync::Once;

pub use altstack::AltStack;
pub(crate) use altstack::in_handler;
pub(crate) use faults::{recover, stand_in_front};
pub use onstack::rescan;

/// Makes the process fit for small stacks: every signal handler runs on the alternate stack from now on, and the overflow of
/// a big stack is reported as such. Does nothing the second time.
///
/// To be called before the first task runs, best with no other threads about that install handlers.
pub fn prepare_process() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        interpose::link();
        rescan();
        stand_in_front();
    });
}

/// Ends the process in debug builds if this runs in a signal handler, where `what` is not allowed.
#[inline]
pub(crate) fn refuse_in_handler(what: &str) {
    if cfg!(debug_assertions) && in_handler() {
        report::fatal(format_args!(
            "{} {what} in a signal handler, which may have interrupted mapped code: that is not async-signal-safe; leave \
             a note in the handler, and act on it outside",
            report::Current
        ));
    }
}
