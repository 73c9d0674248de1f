//! Fatal reports: the last words of the process, written so that they can be said anywhere.
//!
//! On an overflowed stack, in a signal handler, with locks held by whoever was interrupted: nothing here allocates or locks,
//! and only async-signal-safe calls are made.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicPtr, Ordering};

/// Writes into the message who is running: `task 7 "parser"`. Async-signal-safe, and does not fault.
pub type Describer = fn(&mut dyn fmt::Write);

/// The [`Describer`] in use; null for [`describe_thread`].
static DESCRIBER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Sets how reports call who is running, for the layers that know of tasks. Without it they name the OS thread, as
/// [`describe_thread`] does.
///
/// # Safety
/// The describer is called from signal handlers: it must be async-signal-safe, and neither fault nor panic.
pub unsafe fn set_task_describer(describer: Describer) {
    DESCRIBER.store(describer as *mut (), Ordering::Release);
}

/// Writes the name and number of the calling OS thread: `thread "main" (4711)`. Async-signal-safe.
pub fn describe_thread(out: &mut dyn fmt::Write) {
    // The kernel's limit on a thread's name, its final zero included.
    let mut name = [0u8; 16];
    // SAFETY: PR_GET_NAME writes at most 16 bytes, which `name` has.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    // SAFETY: without preconditions.
    let tid = unsafe { libc::gettid() };
    let _ = write!(out, "thread \"{}\" ({tid})", name[..len].escape_ascii());
}

/// Who is running, as the registered [`Describer`] tells, for use in a message. Async-signal-safe.
#[derive(Clone, Copy, Debug)]
pub struct Current;

impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let describer = DESCRIBER.load(Ordering::Acquire);
        if describer.is_null() {
            describe_thread(f);
        } else {
            // SAFETY: only `set_task_describer` stores something, and that is a `Describer`.
            let describer = unsafe { std::mem::transmute::<*mut (), Describer>(describer) };
            describer(f);
        }
        Ok(())
    }
}

/// Prints `morestack: fatal: ` and the message to standard error and aborts the process. Async-signal-safe if formatting the
/// message is.
#[cold]
pub fn fatal(message: fmt::Arguments<'_>) -> ! {
    let mut out = Stderr { bytes: [0; Stderr::CAPACITY], len: 0 };
    let _ = writeln!(out, "morestack: fatal: {message}");
    out.flush();
    // SAFETY: without preconditions; ends the process even if SIGABRT is caught and the handler returns.
    unsafe { libc::abort() }
}

/// Writes a line to standard error. Allocates nothing.
#[cfg(morestack_split)]
pub(crate) fn say(message: fmt::Arguments<'_>) {
    let mut out = Stderr { bytes: [0; Stderr::CAPACITY], len: 0 };
    let _ = writeln!(out, "morestack: {message}");
    out.flush();
}

/// Standard error through a small buffer, so that a message of ordinary length is one `write` and is not torn by others.
struct Stderr {
    bytes: [u8; Stderr::CAPACITY],
    len: usize,
}

impl Stderr {
    /// Fits an alternate stack that others installed, where a few KB are all there is.
    const CAPACITY: usize = 512;

    /// Writes what is buffered. Errors end it quietly: there is nobody left to tell.
    fn flush(&mut self) {
        let mut rest = &self.bytes[..self.len];
        while !rest.is_empty() {
            // SAFETY: `rest` is readable for its length.
            let written = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(0) => break,
                Ok(written) => rest = &rest[written..],
                // SAFETY: the address of this thread's errno is always valid.
                Err(_) if unsafe { *libc::__errno_location() } == libc::EINTR => {}
                Err(_) => break,
            }
        }
        self.len = 0;
    }
}

impl fmt::Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.len] = byte;
            self.len += 1;
        }
        Ok(())
    }
}
