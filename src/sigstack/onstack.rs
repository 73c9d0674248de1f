//! Forcing handlers that are already installed onto the alternate stack.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{mem, ptr};

/// The kernel's own view of an action (`struct kernel_sigaction` of glibc), for the system call: through libc's function
/// glibc's internal signals, 32 and 33, are out of reach.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// Signals are numbered from 1 to this, the kernel's `_NSIG`.
pub(super) const LAST_SIGNAL: libc::c_int = 64;

/// Whose action has `SA_ONSTACK` though its installer did not ask for it, as a bit set by signal number - 1. Only what
/// `sigaction` reports depends on it.
static ADDED: AtomicU64 = AtomicU64::new(0);

/// The bit of a signal between 1 and [`LAST_SIGNAL`].
pub(super) fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

/// Whether `SA_ONSTACK` was added to what the signal's action asked for.
pub(super) fn added(signal: libc::c_int) -> bool {
    ADDED.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Records whether `SA_ONSTACK` was added.
pub(super) fn set_added(signal: libc::c_int, added: bool) {
    if added {
        ADDED.fetch_or(bit(signal), Ordering::Relaxed);
    } else {
        ADDED.fetch_and(!bit(signal), Ordering::Relaxed);
    }
}

/// Whether an action with this handler and these flags is one that would run on the interrupted stack.
pub(super) fn runs_in_place(handler: usize, flags: u64) -> bool {
    handler != libc::SIG_DFL && handler != libc::SIG_IGN && flags & libc::SA_ONSTACK as u64 == 0
}

/// Forces every installed handler onto the alternate stack, those of glibc's internal signals included. About 10 us, one
/// system call per signal; each worker does it when it starts, for the handlers that glibc installs by itself.
pub fn rescan() {
    for signal in 1..=LAST_SIGNAL {
        if let Some(found) = rt_sigaction(signal, None)
            && runs_in_place(found.handler, found.flags)
        {
            force(signal, found);
        }
    }
}

/// Reinstalls the action `found` with `SA_ONSTACK`. If somebody installs another one at the same time, theirs stays.
fn force(signal: libc::c_int, found: KernelAction) {
    let (mut wanted, mut expected) = (found, found);
    loop {
        let mut action = wanted;
        if runs_in_place(action.handler, action.flags) {
            action.flags |= libc::SA_ONSTACK as u64;
            set_added(signal, true);
        }
        match rt_sigaction(signal, Some(&action)) {
            // What was replaced is not what we had seen there, but something newer, which we have just undone.
            Some(newer) if newer != expected => (wanted, expected) = (newer, action),
            _ => return,
        }
    }
}

/// The system call: the signal's action, after installing `new` if given. `None` where the kernel refuses (SIGKILL, SIGSTOP).
fn rt_sigaction(signal: libc::c_int, new: Option<&KernelAction>) -> Option<KernelAction> {
    let new = new.map_or(ptr::null(), ptr::from_ref);
    let mut old = MaybeUninit::<KernelAction>::uninit();
    // SAFETY: both pointers fit what the kernel reads and writes, an action with a mask of the size given. What is installed
    // differs from what somebody else had installed by `SA_ONSTACK` alone, and keeps their restorer.
    let status = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old.as_mut_ptr(), mem::size_of::<u64>()) };
    // SAFETY: the call succeeded, so it wrote the old action.
    (status == 0).then(|| unsafe { old.assume_init() })
}
