//! Why an access ended, and where.

use crate::arch::Accessed;
use libc::{SIGBUS, SIGSEGV, c_int};

/// An access that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{cause} at {address:#x}, after {done} bytes")]
#[non_exhaustive]
pub struct Fault {
    /// Where the first byte is, or the word, that could not be accessed.
    pub address: usize,
    /// Why it could not.
    pub cause: Cause,
    /// How many bytes were copied, or set to zero, before it; 0 for words.
    pub done: usize,
}

/// Why memory could not be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// SIGSEGV: nothing is mapped there, or not for this kind of access; or it is no address at all (not canonical).
    #[error("SIGSEGV")]
    Segv,
    /// SIGBUS: what is mapped there has no memory behind it, as where a file has been truncated.
    #[error("SIGBUS")]
    Bus,
    /// A word's address is no multiple of its size. Found without trying.
    #[error("misaligned access (to a multiple of {alignment})")]
    Misaligned {
        /// What it must be a multiple of.
        alignment: usize,
    },
    /// The range goes on behind the last address. Found without trying.
    #[error("range of bytes behind the last address")]
    Wraps,
}

impl Cause {
    /// The signal that it was; `None` if it was found without trying.
    pub fn signal(self) -> Option<c_int> {
        match self {
            Cause::Segv => Some(SIGSEGV),
            Cause::Bus => Some(SIGBUS),
            Cause::Misaligned { .. } | Cause::Wraps => None,
        }
    }

    /// Of the routines' word.
    fn of(fault: u64) -> Cause {
        if (fault & !Accessed::AT_TO) as c_int == SIGBUS { Cause::Bus } else { Cause::Segv }
    }
}

impl Fault {
    /// How a copy ended that was to lead from one address to another.
    #[cold]
    pub(super) fn of_copy(ended: Accessed, to: usize, from: usize) -> Fault {
        let done = ended.value as usize;
        let begin = if ended.fault & Accessed::AT_TO != 0 { to } else { from };
        Fault { address: begin.wrapping_add(done), cause: Cause::of(ended.fault), done }
    }

    /// How the access to a word ended.
    #[cold]
    pub(super) fn of_word(ended: Accessed, at: usize) -> Fault {
        Fault { address: at, cause: Cause::of(ended.fault), done: 0 }
    }
}

/// The error for a range that starts at `address` and seems not to end, if it has bytes behind the last address.
#[cold]
pub(super) fn refuse_wrapping(address: usize, len: usize) -> Result<(), Fault> {
    match address.checked_add(len - 1) {
        Some(_) => Ok(()),
        None => Err(Fault { address, cause: Cause::Wraps, done: 0 }),
    }
}
