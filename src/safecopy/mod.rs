//! Access to memory that may not be there: copies that end with an error where they would have ended the process.
//!
//! For whoever reads memory that somebody else may unmap, truncate or never had: debuggers and crash reporters of the own process,
//! language runtimes that follow pointers of their programs, users of files that are mapped.
//!
//! ```
//! use morestack::safecopy;
//! use std::ptr;
//!
//! let mut word = [0; 4];
//! safecopy::copy_in(&mut word, b"here".as_ptr())?;
//! assert_eq!(&word, b"here");
//!
//! let fault = safecopy::copy_in(&mut word, ptr::null()).unwrap_err();
//! assert_eq!((fault.address, fault.done), (0, 0));
//! # Ok::<(), safecopy::Fault>(())
//! ```
//!
//! | function | reads | writes |
//! |---|---|---|
//! | [`copy_in`] | doubtful memory | a slice |
//! | [`copy_out`] | a slice | doubtful memory |
//! | [`copy`] | doubtful memory | doubtful memory |
//! | [`zero`] | | doubtful memory |
//! | [`load_u32`], [`swap_u32`], [`swap_u64`], [`compare_and_swap_u32`] | an aligned word | the same word, but for `load_u32` |
//!
//! No system call and no allocation but in a process's first call; `errno` stays as it is. A copy takes as long as `memcpy`.
//! A fault takes two or three microseconds, those of the kernel's signal. All of it may be used in tasks, on OS threads and in handlers of
//! signals, the first call included.
//!
//! # What arrives
//!
//! [`Fault::done`] bytes, exactly: the byte at [`Fault::address`] was the first that could not be accessed, all before it have
//! been copied, and none behind it has been touched. (A page that comes back while a copy is at it counts as one that was there.)
//! If a byte can neither be read nor be written, the fault is the reader's.
//!
//! Each byte is read and written at least once, in no particular order and in pieces of any size, and possibly again. So a copy of memory
//! that another thread writes to is a mixture of old and new bytes; only the four functions on words are atomic, and
//! they are sequentially consistent (`load_u32`: an acquire). The compiler takes none of it for a plain access: it neither removes nor moves
//! them. Where `to` lies in `from`'s range, what arrives is unspecified.
//!
//! # Safe or not
//!
//! Reading is safe, wherever the address comes from: what arrives are bytes in memory of the caller's, and no reference, no
//! type and no lifetime is claimed for where they came from. Like a read of `/proc/self/mem`, it is done behind the language's back, so
//! it is no data race in the language's sense either. What it cannot be kept from is reading what has a meaning for the hardware (a device's
//! registers that a driver has mapped), and what another part of the process meant to keep to itself.
//!
//! Writing is `unsafe`: if the memory is there, it may be anybody's.
//!
//! # Faults and handlers
//!
//! The first call puts a handler in front of the ones for SIGSEGV and SIGBUS. Every fault that is none of these functions' goes to
//! the program's handler, with everything as it came; so does one that was sent (`kill`, `raise`). A handler that the program
//! installs later, by any of libc's functions, gets its faults in the same way, and stays behind ours. What is left:
//!
//! - A handler that is installed past libc (a raw system call, glibc's `__sigaction`) gets our faults, too. It calls [`recover`] first.
//! - Where SIGSEGV or SIGBUS is blocked, the kernel ends the process at the first fault, whatever handlers there are: on threads that
//!   block all signals, in handlers whose mask includes them, and in a handler of these very signals that was installed without
//!   `SA_NODEFER`. [`with_faults_unblocked`] is for those.
//! - A fault takes room on the thread's alternate stack, some 4 KB on processors with AVX-512. In a handler that runs there, too, what
//!   std gives to its threads (8 KB) is too small for both; tasks have 64 KB, and so has a thread with an
//!   [`AltStack`](crate::sigstack::AltStack).
//! - The rest of what escapes libc's functions is in [`sigstack`]'s list.

mod fault;
mod how;

pub use fault::{Cause, Fault};
#[doc(hidden)]
pub use how::{__use_strings_from, __use_width, __widths};

use crate::arch::{self, Accessed};
use crate::sigstack;
use std::mem::MaybeUninit;
use std::ptr;

/// Copies what is at `from` into `to`.
///
/// # Errors
/// The [`Fault`] at the first byte that cannot be read; then so many bytes of `to` are new.
///
/// # Examples
///
/// See the [module](self).
#[inline]
#[allow(clippy::not_unsafe_ptr_arg_deref, reason = "reading there is what may fail, and is safe: see the module")]
pub fn copy_in(to: &mut [u8], from: *const u8) -> Result<(), Fault> {
    refuse_wrapping(from, to.len())?;
    // SAFETY: `to` is the caller's to write.
    unsafe { copy_checked(to.as_mut_ptr(), from, to.len()) }
}

/// Copies `from` to what is at `to`.
///
/// # Errors
/// The [`Fault`] at the first byte that cannot be written; so many bytes have been.
///
/// # Safety
/// What there is of the memory from `to` on may be written: no Rust code relies on its bytes.
#[inline]
pub unsafe fn copy_out(to: *mut u8, from: &[u8]) -> Result<(), Fault> {
    refuse_wrapping(to, from.len())?;
    // SAFETY: the caller's.
    unsafe { copy_checked(to, from.as_ptr(), from.len()) }
}

/// Copies `len` bytes from one place to another, neither of which need be there.
///
/// # Errors
/// The [`Fault`] at the first byte that cannot be read or not be written; so many bytes have been copied. [`Cause::Wraps`] if one
/// of the ranges goes on behind the last address; then nothing has.
///
/// # Safety
/// As for [`copy_out`].
#[inline]
pub unsafe fn copy(to: *mut u8, from: *const u8, len: usize) -> Result<(), Fault> {
    refuse_wrapping(from, len)?;
    refuse_wrapping(to, len)?;
    // SAFETY: the caller's.
    unsafe { copy_checked(to, from, len) }
}

/// A copy of ranges that do not wrap, as no slice does.
///
/// # Safety
/// As for [`copy_out`].
#[inline]
unsafe fn copy_checked(to: *mut u8, from: *const u8, len: usize) -> Result<(), Fault> {
    how::prepared();
    // SAFETY: the handler is in place; what may be written is the caller's to know.
    let ended = unsafe { arch::morestack_safecopy_copy(to, from, len) };
    if ended.fault == 0 { Ok(()) } else { Err(Fault::of_copy(ended, to.addr(), from.addr())) }
}

/// Writes `len` zeros at `to`.
///
/// # Errors
/// The [`Fault`] at the first byte that cannot be written; so many bytes are zero now. [`Cause::Wraps`] if the range goes on behind
/// the last address; then none is.
///
/// # Safety
/// As for [`copy_out`].
#[inline]
pub unsafe fn zero(to: *mut u8, len: usize) -> Result<(), Fault> {
    refuse_wrapping(to, len)?;
    how::prepared();
    // SAFETY: the handler is in place; what may be written is the caller's to know.
    let ended = unsafe { arch::morestack_safecopy_zero(to, len) };
    if ended.fault == 0 { Ok(()) } else { Err(Fault::of_copy(ended, to.addr(), 0)) }
}

/// The error for a range that goes on behind the last address.
#[inline]
fn refuse_wrapping(start: *const u8, len: usize) -> Result<(), Fault> {
    // One that ends with the last address overflows as well, which the cold part tells.
    if start.addr().checked_add(len).is_none() { fault::refuse_wrapping(start.addr(), len) } else { Ok(()) }
}

/// The word at `at`, read atomically: an acquire.
///
/// # Errors
/// [`Cause::Misaligned`] if the address is no multiple of 4; the [`Fault`] if the word cannot be read.
#[inline]
pub fn load_u32(at: *const u32) -> Result<u32, Fault> {
    // SAFETY: the handler is in place, for any address.
    word(at, |at| unsafe { arch::morestack_safecopy_load32(at) }).map(|word| word as u32)
}

/// Puts `new` where `at` is, atomically and sequentially consistent; what was there.
///
/// # Errors
/// [`Cause::Misaligned`] if the address is no multiple of 4; the [`Fault`] if the word cannot be read and written. Nothing has changed.
///
/// # Safety
/// As for [`copy_out`].
#[inline]
pub unsafe fn swap_u32(at: *mut u32, new: u32) -> Result<u32, Fault> {
    // SAFETY: the handler is in place; what may be written is the caller's to know.
    word(at, |at| unsafe { arch::morestack_safecopy_swap32(at.cast_mut(), new) }).map(|word| word as u32)
}

/// Puts `new` where `at` is, atomically and sequentially consistent; what was there.
///
/// # Errors
/// [`Cause::Misaligned`] if the address is no multiple of 8; the [`Fault`] if the word cannot be read and written. Nothing has changed.
///
/// # Safety
/// As for [`copy_out`].
#[inline]
pub unsafe fn swap_u64(at: *mut u64, new: u64) -> Result<u64, Fault> {
    // SAFETY: the handler is in place; what may be written is the caller's to know.
    word(at, |at| unsafe { arch::morestack_safecopy_swap64(at.cast_mut(), new) })
}

/// Puts `new` where `at` is if `expected` is there, atomically and sequentially consistent; what was there, in both cases.
///
/// # Errors
/// [`Cause::Misaligned`] if the address is no multiple of 4; the [`Fault`] if the word cannot be read and written, even where it is not
/// the expected one. Nothing has changed.
///
/// # Safety
/// As for [`copy_out`].
#[inline]
pub unsafe fn compare_and_swap_u32(at: *mut u32, expected: u32, new: u32) -> Result<u32, Fault> {
    // SAFETY: the handler is in place; what may be written is the caller's to know.
    word(at, |at| unsafe { arch::morestack_safecopy_cas32(at.cast_mut(), expected, new) }).map(|word| word as u32)
}

/// An access to one word, if it is aligned.
#[inline]
fn word<T>(at: *const T, access: impl FnOnce(*const T) -> Accessed) -> Result<u64, Fault> {
    how::prepared();
    if !at.addr().is_multiple_of(size_of::<T>()) {
        return Err(Fault { address: at.addr(), cause: Cause::Misaligned { alignment: size_of::<T>() }, done: 0 });
    }
    let ended = access(at);
    if ended.fault == 0 { Ok(ended.value) } else { Err(Fault::of_word(ended, at.addr())) }
}

/// The first thing to call in a handler for SIGSEGV or SIGBUS that was installed past libc's functions, and so stands before ours: says
/// whether this was a fault of a function of this module, which goes on with its error when the handler returns. Else nothing has
/// happened. Async-signal-safe.
///
/// # Safety
/// The arguments are those with which the kernel has called the handler (`SA_SIGINFO`).
///
/// # Examples
///
/// ```
/// use libc::{c_int, c_void, siginfo_t};
///
/// extern "C" fn handler(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
///     // SAFETY: the kernel's arguments.
///     if unsafe { morestack::safecopy::recover(signal, info, context) } {
///         return;
///     }
///     // A fault of the program's own.
/// }
/// # let _ = handler;
/// ```
pub unsafe fn recover(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) -> bool {
    // SAFETY: the caller's.
    unsafe { sigstack::recover(signal, info, context) }
}

/// Runs `body` with SIGSEGV and SIGBUS unblocked on this thread, and then brings the thread's mask back: two system calls. For copies
/// where the program has blocked them, since there the kernel ends the process at a fault. Async-signal-safe if `body` is.
///
/// Other faults in `body` go to the program's handler, which may be the one that this runs in. A task must not wait in `body`: the mask
/// is its thread's.
///
/// # Examples
///
/// In a handler for SIGSEGV that looks at the memory it is told of:
///
/// ```
/// use morestack::safecopy;
///
/// fn bytes_at(address: *const u8) -> Option<[u8; 16]> {
///     let mut bytes = [0; 16];
///     safecopy::with_faults_unblocked(|| safecopy::copy_in(&mut bytes, address)).ok()?;
///     Some(bytes)
/// }
/// # assert!(bytes_at(std::ptr::null()).is_none());
/// ```
pub fn with_faults_unblocked<R>(body: impl FnOnce() -> R) -> R {
    /// Brings the mask back, also when `body` panics.
    struct Before(libc::sigset_t);
    impl Drop for Before {
        fn drop(&mut self) {
            // SAFETY: the set is initialised. It cannot fail with these arguments.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
        }
    }
    let mut faults = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: `faults` is initialised by the first call, and the last writes the mask to `before`: it cannot fail with these arguments.
    let _before = unsafe {
        libc::sigemptyset(faults.as_mut_ptr());
        libc::sigaddset(faults.as_mut_ptr(), libc::SIGSEGV);
        libc::sigaddset(faults.as_mut_ptr(), libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, faults.as_ptr(), before.as_mut_ptr());
        Before(before.assume_init())
    };
    body()
}
