//! The overflow of a big stack, told from every other fault.
//!
//! A handler for SIGSEGV and SIGBUS stands in front of the one that was there. A fault in a big stack's guard page ends in a
//! report that says whose stack it was and what to change; everything else goes to the previous handler as if we were not
//! there. Whoever installs a handler later stands in front of ours, and passes on what he does not want, or does not.

use std::ffi::c_void;
use std::sync::OnceLock;

use libc::{SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, c_int, siginfo_t};

use super::interpose;
use crate::stack::big::guard_at;
use crate::stack::report;

/// The signals that a bad memory access raises.
const FAULTS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What was installed before, in the order of `FAULTS`.
static PREVIOUS: [OnceLock<libc::sigaction>; 2] = [const { OnceLock::new() }; 2];

/// Puts our handler in front of the installed ones. Called once.
pub(super) fn install() {
    for (signal, place) in FAULTS.into_iter().zip(&PREVIOUS) {
        // SAFETY: all zeros is a valid action, and is overwritten.
        let mut previous: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: only asks; the pointer is writable. Kept before our handler can run, which needs it.
        unsafe { libc::sigaction(signal, std::ptr::null(), &mut previous) };
        let previous = place.get_or_init(|| previous);
        // The previous handler finds the mask and the flags that it asked for. `SA_RESETHAND` is left to `pass_on`.
        let action = libc::sigaction {
            sa_sigaction: on_fault as *const () as usize,
            sa_flags: (previous.sa_flags & (SA_NODEFER | SA_RESTART)) | SA_SIGINFO | SA_ONSTACK,
            ..*previous
        };
        // SAFETY: `on_fault` is async-signal-safe.
        unsafe { interpose::install(signal, &action) };
    }
}

/// The handler. Async-signal-safe, but that it does not return from an overflow.
extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO.
    let raised_by_kernel = unsafe { (*info).si_code } > 0;
    // SAFETY: as above; of a fault it has the address.
    let address = unsafe { (*info).si_addr() } as usize;
    if raised_by_kernel && let Some(stack) = guard_at(address) {
        report::fatal(format_args!(
            "{} overflowed its stack of {} bytes ({:#x}-{:#x}); give it more with Builder::stack_size or RUST_MIN_STACK",
            report::Current,
            stack.size(),
            stack.lo,
            stack.hi,
        ));
    }
    // SAFETY: the kernel's own arguments.
    unsafe { pass_on(signal, info, context, raised_by_kernel) };
}

/// Does with the signal what would have happened without us.
///
/// # Safety
/// The arguments are those of a running handler.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void, raised_by_kernel: bool) {
    let place = FAULTS.iter().position(|&fault| fault == signal);
    let previous = place.and_then(|place| PREVIOUS[place].get()).expect("kept before the handler was installed");
    match previous.sa_sigaction {
        libc::SIG_IGN if !raised_by_kernel => {}
        // A fault cannot be ignored, so the kernel does as for the default.
        libc::SIG_DFL | libc::SIG_IGN => {
            restore_default(signal);
            // A fault happens again when the handler returns, with the same address. A signal that was sent does not; it is
            // sent again as it came, and arrives when the handler returns.
            if !raised_by_kernel {
                // SAFETY: a siginfo of the kernel's making, sent to this very thread.
                unsafe {
                    libc::syscall(libc::SYS_rt_tgsigqueueinfo, libc::getpid(), libc::gettid(), signal, info);
                }
            }
        }
        handler => {
            if previous.sa_flags & SA_RESETHAND != 0 {
                restore_default(signal);
            }
            if previous.sa_flags & SA_SIGINFO != 0 {
                // SAFETY: with SA_SIGINFO it was installed as a function of this signature, and the arguments are the kernel's.
                unsafe {
                    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = std::mem::transmute(handler);
                    handler(signal, info, context);
                }
            } else {
                // SAFETY: without SA_SIGINFO it was installed as a function of this signature.
                let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
                handler(signal);
            }
        }
    }
}

/// Gives the signal its default action.
fn restore_default(signal: c_int) {
    // SAFETY: all zeros is the default action with no flags and an empty mask.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the default action has no handler that could be unfit.
    unsafe { interpose::install(signal, &default) };
}
