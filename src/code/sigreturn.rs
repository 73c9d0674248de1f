//! A page with nothing in it but the return from a signal handler.

use super::{CopyError, copy};
use crate::task::CodeRange;
use std::sync::OnceLock;

/// A copy of the code by which a signal handler returns (`rt_sigreturn`), alone on a page of its own: what to give the kernel as
/// `sa_restorer`, with `SA_RESTORER`. One for the process, for good.
///
/// The C library has such code too, in the midst of everything else that makes system calls. Whoever decides about system calls by where
/// they come from (syscall user dispatch, a seccomp filter that looks at the instruction pointer) wants to let this one call through and
/// no other, and so needs a range that holds nothing else. It is what gVisor copies text for. The runtime itself decides nothing by
/// addresses, and so leaves handlers the restorer that they were installed with.
///
/// Unwinders and debuggers know the signal frame by the bytes of this code: traces from a handler go on in what it interrupted.
///
/// # Errors
/// If there is no executable memory; a later call tries again.
pub fn sigreturn() -> Result<CodeRange, CopyError> {
    static PAGE: OnceLock<CodeRange> = OnceLock::new();
    if let Some(&code) = PAGE.get() {
        return Ok(code);
    }
    let mine = copy(crate::arch::sigreturn())?;
    let theirs = PAGE.get_or_init(|| mine.code());
    if *theirs == mine.code() {
        mine.leak();
    }
    Ok(*theirs)
}
