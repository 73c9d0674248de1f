//! libc's functions that install signal handlers, defined here so that every caller's handler gets `SA_ONSTACK`.
//!
//! A definition in the executable wins over libc.so's: the static linker binds the program's own objects (std and C included)
//! to it, and exports it because libc.so defines the name too, so that the dynamic linker binds shared libraries to it as
//! well. Each of them does what glibc's does, with glibc's exported `__sigaction` as the only way down.
//!
//! The list is complete for glibc 2.36: of its exported functions that take a handler only `__sigaction` itself (for callers
//! that mean to go past everybody) and `sigvec` (not linkable since 2.21) are missing. Internally glibc calls none of them
//! through the symbol table, which is why `signal` and its like are defined here rather than left to end in our `sigaction`.
//!
//! `sigaltstack` is caught in the same way; it stands with what it protects, in `altstack.rs`.
//!
//! What `sigaction` reports as the old action has the flags that were asked for: an `SA_ONSTACK` that we added is left out
//! again. Two threads that install at the same instant may see the other's in that one flag; the rule itself does not depend
//! on it.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{EINVAL, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SIG_ERR, c_int, sighandler_t};

use super::altstack::sigaltstack;
use super::behind;
use super::faults::on_fault;
use super::onstack::{LAST_SIGNAL, added, bit, runs_in_place, set_added};

/// `sigset`'s word for "block it", from `<signal.h>`.
const SIG_HOLD: sighandler_t = 2;

/// Signals for which `siginterrupt` asked that system calls be interrupted, as a bit set by signal number - 1.
static INTERRUPTING: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    /// glibc's `sigaction`, under the name that is not ours.
    pub(super) fn __sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int;
}

/// Keeps the functions of this file, and [`sigaltstack`], in the program: the linker takes an archive's object only if
/// something refers to it, and a program that installs no handlers itself may load a library that does.
pub(super) fn link() {
    let by_name: [unsafe extern "C" fn(c_int, sighandler_t) -> sighandler_t; 6] =
        [signal, bsd_signal, ssignal, sysv_signal, __sysv_signal, sigset];
    std::hint::black_box((sigaction as *const (), siginterrupt as *const (), by_name, sigaltstack as *const ()));
}

/// Installs an action as glibc's `sigaction` does.
///
/// # Safety
/// The handler is fit to run at any moment.
pub(super) unsafe fn install(signal: c_int, action: &libc::sigaction) -> Option<libc::sigaction> {
    let mut old = MaybeUninit::uninit();
    // SAFETY: both pointers are valid; the handler is the caller's to answer for.
    let status = unsafe { sigaction(signal, action, old.as_mut_ptr()) };
    // SAFETY: the call succeeded, so it wrote the old action.
    (status == 0).then(|| unsafe { old.assume_init() })
}

/// POSIX `sigaction`, with `SA_ONSTACK` added for handlers. Our own handler for faults stays in front of what is installed (`behind.rs`).
///
/// # Safety
/// As for libc's: the pointers are null or valid, the handler is fit to run at any moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int {
    // SAFETY: passed on from the caller; `on_fault` does what is written down.
    if let Some(status) = unsafe { behind::sigaction(signal, action, old, on_fault) } {
        return status;
    }
    let was_added = (1..=LAST_SIGNAL).contains(&signal) && added(signal);
    // SAFETY: null or valid, says the caller.
    let asked = unsafe { action.as_ref() }.copied();
    let mut action = asked;
    let mut add = false;
    if let Some(action) = &mut action {
        add = runs_in_place(action.sa_sigaction, action.sa_flags as u64);
        if add {
            action.sa_flags |= SA_ONSTACK;
        }
    }
    // SAFETY: the first pointer is null or to our copy, the second is the caller's.
    let status = unsafe { __sigaction(signal, action.as_ref().map_or(ptr::null(), ptr::from_ref), old) };
    if status != 0 {
        return status;
    }
    // SAFETY: null or valid, says the caller.
    if let Some(old) = unsafe { old.as_mut() }
        && was_added
    {
        old.sa_flags &= !SA_ONSTACK;
    }
    if let Some(asked) = asked {
        set_added(signal, add);
        // If our handler has come in front at the same time, this has taken it away.
        // SAFETY: as above.
        unsafe { behind::sigaction(signal, &asked, ptr::null_mut(), on_fault) };
    }
    status
}

/// BSD's `signal`, which is what glibc means by it: the handler stays, its own signal is blocked while it runs, system calls
/// are restarted unless [`siginterrupt`] said otherwise.
///
/// # Safety
/// The handler is fit to run at any moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    if !valid(signal, handler) {
        return refuse();
    }
    let mut action = plain_action(handler);
    // SAFETY: the mask is initialised and the signal in range.
    unsafe { libc::sigaddset(&mut action.sa_mask, signal) };
    if INTERRUPTING.load(Ordering::Relaxed) & bit(signal) == 0 {
        action.sa_flags = SA_RESTART;
    }
    // SAFETY: passed on from the caller.
    unsafe { replace(signal, &action) }
}

/// Another name of [`signal`].
///
/// # Safety
/// As for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bsd_signal(number: c_int, handler: sighandler_t) -> sighandler_t {
    // SAFETY: passed on from the caller.
    unsafe { signal(number, handler) }
}

/// Another name of [`signal`].
///
/// # Safety
/// As for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssignal(number: c_int, handler: sighandler_t) -> sighandler_t {
    // SAFETY: passed on from the caller.
    unsafe { signal(number, handler) }
}

/// System V's `signal`: the handler serves once, and its signal is not blocked while it runs.
///
/// # Safety
/// The handler is fit to run at any moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    if !valid(signal, handler) {
        return refuse();
    }
    let mut action = plain_action(handler);
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    // SAFETY: passed on from the caller.
    unsafe { replace(signal, &action) }
}

/// Another name of [`__sysv_signal`].
///
/// # Safety
/// As for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t {
    // SAFETY: passed on from the caller.
    unsafe { __sysv_signal(signal, handler) }
}

/// X/Open's `sigset`: installs and unblocks, or blocks when told `SIG_HOLD`; says `SIG_HOLD` if the signal was blocked.
///
/// # Safety
/// The handler is fit to run at any moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigset(signal: c_int, handler: sighandler_t) -> sighandler_t {
    if !valid(signal, handler) {
        return refuse();
    }
    let hold = handler == SIG_HOLD;
    let mut set = plain_action(handler).sa_mask;
    let mut before = set;
    // SAFETY: both sets are initialised, the signal in range; the handler is the caller's to answer for.
    unsafe {
        libc::sigaddset(&mut set, signal);
        let mut old = MaybeUninit::<libc::sigaction>::uninit();
        // glibc's order: install or ask first, then change the mask.
        let action = plain_action(handler);
        let action = if hold { ptr::null() } else { ptr::from_ref(&action) };
        if sigaction(signal, action, old.as_mut_ptr()) != 0 {
            return SIG_ERR;
        }
        let how = if hold { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
        if libc::sigprocmask(how, &set, &mut before) != 0 {
            return SIG_ERR;
        }
        if libc::sigismember(&before, signal) == 1 { SIG_HOLD } else { old.assume_init().sa_sigaction }
    }
}

/// `siginterrupt`: whether a handler interrupts system calls, those installed by [`signal`] later included.
///
/// # Safety
/// None beyond the signature's; libc's is declared unsafe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn siginterrupt(signal: c_int, interrupt: c_int) -> c_int {
    let mut old = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only asks; the pointer is writable.
    if unsafe { sigaction(signal, ptr::null(), old.as_mut_ptr()) } != 0 {
        return -1;
    }
    // SAFETY: the call succeeded, so it wrote the action, and found the signal in range.
    let mut action = unsafe { old.assume_init() };
    if interrupt != 0 {
        INTERRUPTING.fetch_or(bit(signal), Ordering::Relaxed);
        action.sa_flags &= !SA_RESTART;
    } else {
        INTERRUPTING.fetch_and(!bit(signal), Ordering::Relaxed);
        action.sa_flags |= SA_RESTART;
    }
    // SAFETY: the handler was installed before and is installed again.
    unsafe { sigaction(signal, &action, ptr::null_mut()) }
}

/// Whether glibc would take these arguments.
fn valid(signal: c_int, handler: sighandler_t) -> bool {
    (1..=LAST_SIGNAL).contains(&signal) && handler != SIG_ERR
}

/// How these functions say that an argument is impossible.
fn refuse() -> sighandler_t {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = EINVAL };
    SIG_ERR
}

/// An action with nothing but a handler: no flags, an empty mask.
fn plain_action(handler: sighandler_t) -> libc::sigaction {
    // SAFETY: all zeros is such an action.
    libc::sigaction { sa_sigaction: handler, ..unsafe { std::mem::zeroed() } }
}

/// Installs an action; the old handler, or `SIG_ERR`.
///
/// # Safety
/// As for [`install`].
unsafe fn replace(signal: c_int, action: &libc::sigaction) -> sighandler_t {
    // SAFETY: passed on from the caller.
    unsafe { install(signal, action) }.map_or(SIG_ERR, |old| old.sa_sigaction)
}
