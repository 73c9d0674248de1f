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
//! What remains outside, for want of a way to catch it:
//! - between an installation and the next [`rescan`]: a raw `rt_sigaction` system call; glibc's internal ones, which are the
//!   process's first `pthread_cancel` (glibc 2.36 gives the handler of `setuid` and its like the flag, but not this one) and
//!   `profil`, which gprof uses;
//! - libraries loaded with `RTLD_DEEPBIND`, or into a namespace of their own (`dlmopen`);
//! - programs in which this crate is a part of a shared library that is loaded with `dlopen`;
//! - a `sigaltstack` call by which somebody takes a worker's alternate stack away.

mod altstack;
mod interpose;
mod onstack;
mod overflow;

use std::sync::Once;

pub use altstack::AltStack;
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
        overflow::install();
    });
}
