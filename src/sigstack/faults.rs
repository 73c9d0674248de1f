//! The handler of SIGSEGV and SIGBUS, in front of the program's.
//!
//! ```text
//!     in asm/safecopy.s, where an access may fault   -> goes on at the fault stub beside it
//!     in the guard page of a big stack               -> a report that says whose stack it was
//!     everything else, and what was merely sent      -> what the program has installed, as if we were not there
//! ```
//!
//! That stays so whatever the program installs later (`behind.rs`).

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SA_SIGINFO, c_int, siginfo_t};

use super::{behind, interpose, overflow};
use crate::arch;

/// Puts our handler in front. Does nothing the second time. As `sigaction` itself it may be called in handlers and in a forked child,
/// and leaves `errno` as it is.
pub(crate) fn stand_in_front() {
    static IN_FRONT: AtomicBool = AtomicBool::new(false);
    if IN_FRONT.load(Ordering::Acquire) {
        return;
    }
    interpose::link();
    // SAFETY: the address of this thread's errno is always valid.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: `on_fault` is async-signal-safe.
    unsafe { behind::stand_in_front(on_fault) };
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    IN_FRONT.store(true, Ordering::Release);
}

/// The handler. Async-signal-safe, but that it does not return from an overflow.
pub(super) extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's own arguments.
    if unsafe { recover(signal, info, context) } {
        return;
    }
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO.
    let raised_by_kernel = unsafe { (*info).si_code } > 0;
    if raised_by_kernel {
        // SAFETY: as above; of a fault it has the address.
        overflow::report(unsafe { (*info).si_addr() } as usize);
    }
    // SAFETY: the kernel's own arguments.
    unsafe { pass_on(signal, info, context, raised_by_kernel) };
}

/// If the signal is a fault of a copy that survives faults, has the copy end with an error when the handler returns, and says so.
///
/// # Safety
/// The arguments are those of a running handler.
pub(crate) unsafe fn recover(signal: c_int, info: *mut siginfo_t, context: *mut c_void) -> bool {
    // SAFETY: the kernel's own arguments.
    let (code, pc) = unsafe { ((*info).si_code, arch::interrupted_at(context)) };
    // Sent, it says nothing about the instruction that it happens to interrupt.
    if code <= 0 || !behind::is_fault(signal) {
        return false;
    }
    let Some(stub) = arch::fault_stub_of(pc) else { return false };
    // SAFETY: the stub is the one for where it was interrupted.
    unsafe { arch::go_on_at_stub(context, stub, signal) };
    true
}

/// Does with the signal what would have happened without us.
///
/// # Safety
/// The arguments are those of a running handler.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void, raised_by_kernel: bool) {
    let (previous, mask) = behind::take(signal).expect("written down before the handler was installed");
    let handler = previous.handler;
    if handler != libc::SIG_DFL && handler != libc::SIG_IGN {
        // SAFETY: the kernel's context. What it has interrupted gets its mask back when the handler returns.
        unsafe {
            let interrupted = behind::bits_of(&(*context.cast::<libc::ucontext_t>()).uc_sigmask);
            libc::pthread_sigmask(libc::SIG_SETMASK, &behind::set_of(interrupted | mask), ptr::null_mut());
        }
    }
    match handler {
        libc::SIG_IGN if !raised_by_kernel => {}
        // A fault cannot be ignored, so the kernel does as for the default.
        libc::SIG_DFL | libc::SIG_IGN => {
            behind::restore_default(signal);
            // A fault happens again when the handler returns, with the same address. A signal that was sent does not; it is
            // sent again as it came, and arrives when the handler returns.
            if !raised_by_kernel {
                // SAFETY: a siginfo of the kernel's making, sent to this very thread.
                unsafe {
                    libc::syscall(libc::SYS_rt_tgsigqueueinfo, libc::getpid(), libc::gettid(), signal, info);
                }
            }
        }
        handler if previous.has(SA_SIGINFO) => {
            // SAFETY: with SA_SIGINFO it was installed as a function of this signature, and the arguments are the kernel's.
            unsafe {
                let handler: behind::Handler = std::mem::transmute(handler);
                handler(signal, info, context);
            }
        }
        handler => {
            // SAFETY: without SA_SIGINFO it was installed as a function of this signature.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}
