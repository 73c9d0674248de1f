//! What the program has installed for a fault's signal while our handler stands in front of it.
//!
//! A copy that survives a fault (`crate::safecopy`) is only as good as the handler that catches it, and a program that installs a
//! crash handler after the first copy means to catch its own faults, not ours. So for SIGSEGV and SIGBUS libc's functions for
//! installing handlers, which this crate defines (`interpose.rs`), leave our handler where it is, write down what was to be
//! installed, and report that to whoever asks. Our handler does with each fault that is not ours what the action says.
//!
//! Ours runs with all signals blocked: a handler that interrupted it would run with SIGSEGV blocked, and a copy that faults there would
//! end the process. The mask that the program's handler asked for is set before it is called (`faults.rs`).
//!
//! An action is kept as two words, its mask and the rest, so that there is nothing to lock: handlers may install handlers, and a
//! forked child must not find a lock taken. Two threads that install at the same instant may see the other's mask.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, c_int, c_void, siginfo_t};

use super::interpose::__sigaction;
use super::onstack::{added, bit};

/// The signals that a bad memory access raises.
const FAULTS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What stands behind our handler, in the order of [`FAULTS`], as [`Behind::to_word`] has it.
static BEHIND: [AtomicU64; 2] = [const { AtomicU64::new(NOTHING) }; 2];

/// The kernel has the program's own action.
const NOTHING: u64 = 0;

/// A handler of the kind that gets all that the kernel tells.
pub(super) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// The masks of the actions there, a bit for each signal.
static MASKS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// An action but for its mask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    /// A function, `SIG_DFL` or `SIG_IGN`.
    pub(super) handler: usize,
    /// Those of [`FLAGS`].
    pub(super) flags: c_int,
}

/// The flags of an action that mean something for these signals, with the bits that stand for them. `SA_ONSTACK` is only reported (every
/// handler runs there), and `SA_RESTART` is the kernel's part.
const FLAGS: [(c_int, u64); 5] = [
    (SA_SIGINFO, 1 << 58),
    (SA_RESETHAND, 1 << 59),
    (SA_NODEFER, 1 << 60),
    (SA_RESTART, 1 << 61),
    (SA_ONSTACK, 1 << 62),
];

/// Tells the default action from [`NOTHING`].
const THERE: u64 = 1 << 63;

/// Addresses of functions have 57 bits at most, the topmost of which is 0.
const HANDLER: u64 = (1 << 58) - 1;

impl Behind {
    fn of(action: &libc::sigaction) -> Behind {
        Behind { handler: action.sa_sigaction, flags: action.sa_flags & all_flags() }
    }

    fn to_word(self) -> u64 {
        let flags = FLAGS.iter().filter(|(flag, _)| self.has(*flag)).fold(0, |word, (_, bit)| word | bit);
        THERE | flags | self.handler as u64 & HANDLER
    }

    fn from_word(word: u64) -> Option<Behind> {
        let flags = FLAGS.iter().filter(|(_, bit)| word & bit != 0).fold(0, |flags, (flag, _)| flags | flag);
        (word & THERE != 0).then_some(Behind { handler: (word & HANDLER) as usize, flags })
    }

    pub(super) fn has(self, flag: c_int) -> bool {
        self.flags & flag != 0
    }
}

fn all_flags() -> c_int {
    FLAGS.iter().fold(0, |all, (flag, _)| all | flag)
}

/// The signals of a set, a bit for each, as the kernel has them.
pub(super) fn bits_of(set: &libc::sigset_t) -> u64 {
    // SAFETY: a set begins with these 64 bits; no kernel knows more signals.
    unsafe { (&raw const *set).cast::<u64>().read() }
}

/// The set of these signals.
pub(super) fn set_of(bits: u64) -> libc::sigset_t {
    // SAFETY: all zeros is the empty set, which begins with these 64 bits.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        (&raw mut set).cast::<u64>().write(bits);
        set
    }
}

/// What the kernel keeps of an action's mask: nobody can block these two.
fn mask_of(action: &libc::sigaction) -> u64 {
    bits_of(&action.sa_mask) & !(bit(libc::SIGKILL) | bit(libc::SIGSTOP))
}

/// Whether it is one of the two.
pub(super) fn is_fault(signal: c_int) -> bool {
    FAULTS.contains(&signal)
}

/// Where a signal's action and its mask are.
fn place(signal: c_int) -> Option<(&'static AtomicU64, &'static AtomicU64)> {
    FAULTS.iter().position(|&fault| fault == signal).map(|index| (&BEHIND[index], &MASKS[index]))
}

/// What stands behind our handler when a signal has arrived, and what it wants to be blocked while it runs. A handler that serves once
/// is taken away by it, as by the kernel. `None` if ours is not in front.
pub(super) fn take(signal: c_int) -> Option<(Behind, u64)> {
    let (place, mask) = place(signal)?;
    let word = place.load(Ordering::Acquire);
    let found = Behind::from_word(word)?;
    let itself = if found.has(SA_NODEFER) { 0 } else { bit(signal) };
    if found.has(SA_RESETHAND) && found.handler != libc::SIG_DFL && found.handler != libc::SIG_IGN {
        let default = Behind { handler: libc::SIG_DFL, ..found };
        // If somebody installs another one meanwhile, theirs stays.
        let _ = place.compare_exchange(word, default.to_word(), Ordering::AcqRel, Ordering::Relaxed);
    }
    Some((found, mask.load(Ordering::Relaxed) | itself))
}

/// Puts `handler` in front of what is installed for the two signals, for good. Any number of threads may be in it at once; it
/// allocates nothing and takes no lock. Once is enough: a second time would undo what somebody has installed past us.
///
/// # Safety
/// The handler is fit to run at any moment.
pub(super) unsafe fn stand_in_front(handler: Handler) {
    for (signal, (place, mask)) in FAULTS.into_iter().zip(BEHIND.iter().zip(&MASKS)) {
        let mut seen = installed(signal);
        let mut word = NOTHING;
        while seen.sa_sigaction != handler as usize {
            // First, because our handler must find it when it runs. Where another one is written down already, another thread does
            // the same, or has installed an action since.
            let asked = Behind::of(&seen);
            let hidden = if added(signal) { SA_ONSTACK } else { 0 };
            let next = Behind { flags: asked.flags & !hidden, ..asked }.to_word();
            let ours = place.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if ours {
                mask.store(mask_of(&seen), Ordering::Release);
            }
            // SAFETY: the caller's.
            let replaced = unsafe { replace(signal, handler, asked.flags) };
            if !ours || replaced.sa_sigaction == seen.sa_sigaction {
                break;
            }
            // Somebody was faster: their action is what stands behind us. Or it is ours by now.
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
    let (place, mask) = place(signal)?;
    let now = Behind::from_word(place.load(Ordering::Acquire))?;
    // SAFETY: null or valid, says the caller. Read before anything is written: `old` may be the same.
    let action = unsafe { action.as_ref() }.copied();
    let (before, mask, kernels) = match &action {
        None => (now, mask.load(Ordering::Relaxed), installed(signal)),
        Some(action) => {
            let mask = mask.swap(mask_of(action), Ordering::AcqRel);
            let before = place.swap(Behind::of(action).to_word(), Ordering::AcqRel);
            let before = Behind::from_word(before).expect("once there, it is there for good");
            // SAFETY: `ours` is fit to run at any moment, and does what the action says.
            (before, mask, unsafe { replace(signal, ours, action.sa_flags) })
        }
    };
    // SAFETY: null or valid, says the caller.
    if let Some(old) = unsafe { old.as_mut() } {
        let flags = kernels.sa_flags & !all_flags() | before.flags;
        *old = libc::sigaction { sa_sigaction: before.handler, sa_flags: flags, sa_mask: set_of(mask), ..kernels };
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

/// Has the kernel call our handler, and restart system calls if an action with these flags wants that; what it had before.
///
/// # Safety
/// The handler is fit to run at any moment.
unsafe fn replace(signal: c_int, ours: Handler, flags: c_int) -> libc::sigaction {
    let mut replaced = MaybeUninit::zeroed();
    // SAFETY: the handler is the caller's to answer for; the pointers are valid. It cannot fail: the signal can be caught. All
    // zeros is an action, too.
    unsafe {
        let mut front: libc::sigaction = std::mem::zeroed();
        front.sa_sigaction = ours as usize;
        front.sa_flags = flags & SA_RESTART | SA_SIGINFO | SA_ONSTACK;
        libc::sigfillset(&mut front.sa_mask);
        __sigaction(signal, &front, replaced.as_mut_ptr());
        replaced.assume_init()
    }
}

/// Gives the signal its default action, past everybody.
pub(super) fn restore_default(signal: c_int) {
    // SAFETY: all zeros is the default action with no flags and an empty mask, which has no handler that could be unfit.
    unsafe { __sigaction(signal, &std::mem::zeroed(), ptr::null_mut()) };
}
