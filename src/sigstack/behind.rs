//! What the program has installed for a fault's signal while our handler stands in front of it.
//!
//! A copy that survives a fault (`crate::safecopy`) is only as good as the handler that catches it, and a program that installs a
//! crash handler after the first copy means to catch its own faults, not ours. So for SIGSEGV and SIGBUS libc's functions for
//! installing handlers, which this crate defines (`interpose.rs`), leave our handler where it is, write down what was to be
//! installed, and report that to whoever asks. Our handler does with each fault that is not ours what the action says.
//!
//! The kernel keeps the action's mask and those flags that it acts on while it calls us; the rest is one word, so that there is
//! nothing to lock: handlers may install handlers, and a forked child must not find a lock taken.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, c_int, c_void, siginfo_t};

use super::interpose::__sigaction;
use super::onstack::added;

/// The signals that a bad memory access raises.
const FAULTS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What stands behind our handler, in the order of [`FAULTS`], as [`Behind::to_word`] has it.
static BEHIND: [AtomicU64; 2] = [const { AtomicU64::new(NOTHING) }; 2];

/// The kernel has the program's own action.
const NOTHING: u64 = 0;

/// Flags that the kernel acts on before our handler runs, so it is installed with what the action has of them.
const OF_THE_KERNEL: c_int = SA_NODEFER | SA_RESTART;

/// A handler of the kind that gets all that the kernel tells.
pub(super) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// The part of an action that our handler acts on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    /// A function, `SIG_DFL` or `SIG_IGN`.
    pub(super) handler: usize,
    pub(super) siginfo: bool,
    pub(super) once: bool,
    /// Only reported: every handler runs on the alternate stack.
    on_stack: bool,
}

impl Behind {
    const SIGINFO: u64 = 1 << 60;
    const ONCE: u64 = 1 << 61;
    const ON_STACK: u64 = 1 << 62;
    /// Tells the default action from [`NOTHING`].
    const THERE: u64 = 1 << 63;
    /// Addresses of functions have 57 bits at most, the topmost of which are 0.
    const HANDLER: u64 = Behind::SIGINFO - 1;

    fn of(action: &libc::sigaction) -> Behind {
        let has = |flag| action.sa_flags & flag != 0;
        Behind {
            handler: action.sa_sigaction,
            siginfo: has(SA_SIGINFO),
            once: has(SA_RESETHAND),
            on_stack: has(SA_ONSTACK),
        }
    }

    fn to_word(self) -> u64 {
        let flag = |is: bool, bit| if is { bit } else { 0 };
        Behind::THERE
            | self.handler as u64 & Behind::HANDLER
            | flag(self.siginfo, Behind::SIGINFO)
            | flag(self.once, Behind::ONCE)
            | flag(self.on_stack, Behind::ON_STACK)
    }

    fn from_word(word: u64) -> Option<Behind> {
        let has = |bit| word & bit != 0;
        has(Behind::THERE).then(|| Behind {
            handler: (word & Behind::HANDLER) as usize,
            siginfo: has(Behind::SIGINFO),
            once: has(Behind::ONCE),
            on_stack: has(Behind::ON_STACK),
        })
    }

    /// The flags of it that the kernel does not have.
    fn flags(self) -> c_int {
        let flag = |is, bit| if is { bit } else { 0 };
        flag(self.siginfo, SA_SIGINFO) | flag(self.once, SA_RESETHAND) | flag(self.on_stack, SA_ONSTACK)
    }
}

/// Whether it is one of the two.
pub(super) fn is_fault(signal: c_int) -> bool {
    FAULTS.contains(&signal)
}

fn place(signal: c_int) -> Option<&'static AtomicU64> {
    FAULTS.iter().position(|&fault| fault == signal).map(|index| &BEHIND[index])
}

/// What stands behind our handler; `None` if that is not in front of the signal's.
pub(super) fn behind(signal: c_int) -> Option<Behind> {
    Behind::from_word(place(signal)?.load(Ordering::Acquire))
}

/// What stands behind our handler at a signal's arrival, which takes away a handler that serves once. As the kernel does.
pub(super) fn take(signal: c_int) -> Option<Behind> {
    let found = behind(signal)?;
    if found.once && found.handler != libc::SIG_DFL && found.handler != libc::SIG_IGN {
        let default = Behind { handler: libc::SIG_DFL, ..found };
        // If somebody installs another one meanwhile, theirs stays.
        let word = found.to_word();
        let _ = place(signal)?.compare_exchange(word, default.to_word(), Ordering::AcqRel, Ordering::Relaxed);
    }
    Some(found)
}

/// Puts `handler` in front of what is installed for the two signals, for good. Any number of threads may be in it at once; it
/// allocates nothing and takes no lock. Once is enough: a second time would undo what somebody has installed past us.
///
/// # Safety
/// The handler is fit to run at any moment.
pub(super) unsafe fn stand_in_front(handler: Handler) {
    for (signal, place) in FAULTS.into_iter().zip(&BEHIND) {
        let mut seen = installed(signal);
        let mut word = NOTHING;
        while seen.sa_sigaction != handler as usize {
            // First, because our handler must find it when it runs. Where another one is written down already, another thread does
            // the same, or has installed an action since.
            let asked = Behind::of(&seen);
            let next = Behind { on_stack: asked.on_stack && !added(signal), ..asked }.to_word();
            let ours = place.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            // SAFETY: the caller's.
            let replaced = unsafe { replace(signal, handler, &seen) };
            if !ours || replaced.sa_sigaction == seen.sa_sigaction {
                break;
            }
            // Somebody was faster; or it is us by now, whose mask and flags are those of the action written down last.
            (word, seen) = (next, replaced);
        }
    }
}

/// `sigaction` for a signal that our handler stands in front of. `None` if it does not.
///
/// # Safety
/// As for libc's: the pointers are null or valid, the handler is fit to run at any moment.
pub(super) unsafe fn sigaction(
    signal: c_int,
    action: *const libc::sigaction,
    old: *mut libc::sigaction,
    ours: Handler,
) -> Option<c_int> {
    behind(signal)?;
    let place = place(signal)?;
    // SAFETY: null or valid, says the caller. Read before anything is written: `old` may be the same.
    let action = unsafe { action.as_ref() }.copied();
    let (before, kernels) = match &action {
        None => (place.load(Ordering::Acquire), installed(signal)),
        Some(action) => {
            let before = place.swap(Behind::of(action).to_word(), Ordering::AcqRel);
            // SAFETY: `ours` is fit to run at any moment, and does what the action says.
            (before, unsafe { replace(signal, ours, action) })
        }
    };
    // SAFETY: null or valid, says the caller.
    if let Some(old) = unsafe { old.as_mut() } {
        let before = Behind::from_word(before).expect("once there, it is there for good");
        *old = kernels;
        old.sa_sigaction = before.handler;
        old.sa_flags = kernels.sa_flags & !(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND) | before.flags();
    }
    Some(0)
}

/// What the kernel has.
fn installed(signal: c_int) -> libc::sigaction {
    let mut found = MaybeUninit::zeroed();
    // SAFETY: only asks; the pointer is writable, and all zeros is an action, too.
    unsafe {
        __sigaction(signal, ptr::null(), found.as_mut_ptr());
        found.assume_init()
    }
}

/// Has the kernel call our handler, with the mask and the flags that the action behind it asks for; what it had before.
///
/// # Safety
/// The handler is fit to run at any moment.
unsafe fn replace(signal: c_int, ours: Handler, behind: &libc::sigaction) -> libc::sigaction {
    let flags = behind.sa_flags & OF_THE_KERNEL | SA_SIGINFO | SA_ONSTACK;
    let front = libc::sigaction { sa_sigaction: ours as usize, sa_flags: flags, ..*behind };
    let mut replaced = MaybeUninit::zeroed();
    // SAFETY: the handler is the caller's to answer for; the pointers are valid. It cannot fail: the signal can be caught. All
    // zeros is an action, too.
    unsafe {
        __sigaction(signal, &front, replaced.as_mut_ptr());
        replaced.assume_init()
    }
}

/// Gives the signal its default action, past everybody.
pub(super) fn restore_default(signal: c_int) {
    // SAFETY: all zeros is the default action with no flags and an empty mask, which has no handler that could be unfit.
    unsafe { __sigaction(signal, &std::mem::zeroed(), ptr::null_mut()) };
}
