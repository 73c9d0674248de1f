//! Who uses the functions of a registration, so that it is not taken away from under them.
//!
//! Each use has a slot with who it is, or counts without a name where the slots are full. Entering writes the slot, then reads the state;
//! taking away writes the state, then reads the slots; all in one order (SeqCst). So one of them sees the other.

use super::error::User;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};

/// Uses that are told apart at the same time. More only count.
const SLOTS: usize = 16;

/// The parts of a slot: who, and above it which function. 0 is nobody.
const WHO_BITS: u32 = 48;
const THREAD: u64 = (1 << WHO_BITS) - 1;
const REGISTRATION: u64 = THREAD - 1;

const OPEN: u8 = 0;
/// Somebody finds out whether there are users.
const CLOSING: u8 = 1;
const CLOSED: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct Users {
    state: AtomicU8,
    slots: [AtomicU64; SLOTS],
    more: AtomicUsize,
}

/// What [`Users::enter`] has taken, to be given to [`Users::leave`].
#[derive(Debug)]
pub(super) struct Slot(Option<usize>);

/// A use that has not ended.
#[derive(Debug)]
pub(super) struct Use {
    /// How many there are in all.
    pub(super) count: usize,
    /// Who one of them is.
    pub(super) user: User,
    /// Which function that one uses, by number.
    pub(super) function: usize,
}

impl Users {
    /// Begins a use of function number `function`; `None` if the functions are gone.
    #[inline]
    pub(super) fn enter(&self, user: User, function: usize) -> Option<Slot> {
        let who = match user {
            User::Task(id) => (id + 1).min(REGISTRATION - 1),
            User::Thread => THREAD,
            User::Registration => REGISTRATION,
            User::Unknown => THREAD,
        };
        let word = who | (function.min(u16::MAX.into()) as u64) << WHO_BITS;
        loop {
            let slot = self.take(word);
            match self.state.load(SeqCst) {
                OPEN => return Some(slot),
                state => {
                    self.leave(slot);
                    if state == CLOSED {
                        return None;
                    }
                }
            }
            std::thread::yield_now();
        }
    }

    fn take(&self, word: u64) -> Slot {
        // Different threads begin at different slots, by where their stacks are.
        let here = (&raw const word).addr() >> 12;
        for at in (0..SLOTS).map(|n| (here + n) % SLOTS) {
            if self.slots[at].load(SeqCst) == 0 && self.slots[at].compare_exchange(0, word, SeqCst, SeqCst).is_ok() {
                return Slot(Some(at));
            }
        }
        self.more.fetch_add(1, SeqCst);
        Slot(None)
    }

    /// Ends a use.
    #[inline]
    pub(super) fn leave(&self, slot: Slot) {
        match slot.0 {
            Some(at) => self.slots[at].store(0, SeqCst),
            None => drop(self.more.fetch_sub(1, SeqCst)),
        }
    }

    /// Ends the time in which functions can be used, unless one is.
    pub(super) fn close(&self) -> Result<(), Use> {
        self.state.store(CLOSING, SeqCst);
        let words: Vec<_> = self.slots.iter().map(|slot| slot.load(SeqCst)).filter(|&word| word != 0).collect();
        let count = words.len() + self.more.load(SeqCst);
        if count == 0 {
            self.state.store(CLOSED, SeqCst);
            return Ok(());
        }
        self.state.store(OPEN, SeqCst);
        // Those with slots may be gone since others found them full.
        let word = words.first().copied().unwrap_or(0);
        let user = match word & THREAD {
            0 => User::Unknown,
            THREAD => User::Thread,
            REGISTRATION => User::Registration,
            id => User::Task(id - 1),
        };
        Err(Use { count, user, function: (word >> WHO_BITS) as usize })
    }
}
