//! The lock of a `Mutex`, without what it protects.
//!
//! ```text
//!     LOCKED     somebody has it
//!     HELD       the same, also after LOCKED has been taken away: there may be more to do than that
//!     WAITING    somebody is in the queue, or was not long ago
//!     WOKEN      one that was in the queue has been woken, and will try again
//!     LOST       the first in the queue has tried again, and found the lock taken
//! ```
//!
//! Without one who waits, LOCKED alone comes and goes: by an exchange, and by a subtraction, which need not know what is there
//! and so costs less. LOCKED beside anything else comes with HELD, so who has subtracted and finds that there was more still has the
//! lock. WAITING, WOKEN and LOST are changed by who has the queue's lock; but WOKEN by who was woken.
//!
//! **Who comes takes what is free**, also past those who wait: a task that runs goes on, instead of all waiting for one that has
//! to be switched to. So an unlock sets the lock free and wakes the first that waits (WOKEN: one at a time, so the unlocks
//! until it runs wake nobody). If it finds the lock taken again it has LOST. It goes to the front of the queue, and the next unlock
//! leaves the lock locked and hands it over. So a waiter is overtaken for as long as it takes to run, and once more.
//!
//! **Who is given the lock may free its memory.** So what gives it away is the last that an unlock does to it.
//!
//! **Who leaves early**, by unwinding, passes on what it has: the lock, or the duty to try again.

use crate::sched::lock::Lock;
use crate::sched::on::{On, WaitsFor};
use crate::sched::queue::{Claim, Node, Queue, State, Turn};
use crate::sched::sync::{Acquire, AtomicU8, Relaxed, Release, const_fn, spin};
use crate::sched::wait;
use std::ptr;

const FREE: u8 = 0;
const LOCKED: u8 = 1;
const WAITING: u8 = 2;
const WOKEN: u8 = 4;
const LOST: u8 = 8;
const HELD: u8 = 16;

/// Whether somebody has the lock.
#[inline]
fn is_taken(state: u8) -> bool {
    state & (LOCKED | HELD) != 0
}

/// What becomes of this state, of a lock that is free, when somebody takes it.
#[inline]
fn taken(free: u8) -> u8 {
    if free == FREE { LOCKED } else { free | LOCKED | HELD }
}

/// See the module.
pub(crate) struct RawMutex {
    state: AtomicU8,
    waiters: Lock<Queue>,
}

impl RawMutex {
    const_fn! {
        /// Free.
        pub(crate) fn new() -> RawMutex {
            RawMutex { state: AtomicU8::new(FREE), waiters: Lock::new(Queue::new()) }
        }
    }

    /// Takes the lock, if it is free.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_ok() || self.take_if_free(0)
    }

    /// Waits until the lock is free, and takes it. Unwinds as every wait does.
    #[inline]
    pub(crate) fn lock(&self) {
        if self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_err() {
            self.lock_contended();
        }
    }

    /// Gives the lock back, which the caller has.
    #[inline]
    pub(crate) fn unlock(&self) {
        if self.state.fetch_sub(LOCKED, Release) != LOCKED {
            self.unlock_contended();
        }
    }

    /// Takes the lock if it is free, whoever waits. `mine` is WOKEN if the caller has been woken, which is settled then.
    #[cold]
    fn take_if_free(&self, mine: u8) -> bool {
        let mut state = self.state.load(Relaxed);
        while !is_taken(state) {
            match self.state.compare_exchange(state, taken(state & !mine), Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// The same, for as long as a holder that does not wait can be expected to need.
    fn take_soon(&self, mine: u8) -> bool {
        let mut tries = 0;
        loop {
            if self.take_if_free(mine) {
                return true;
            }
            // One that has lost gets it first.
            if self.state.load(Relaxed) & LOST != 0 || !spin(&mut tries) {
                return false;
            }
        }
    }

    #[cold]
    fn lock_contended(&self) {
        if self.take_soon(0) {
            return;
        }
        let turn = Turn::new(On::new(WaitsFor::Mutex, self));
        let node = Node::alone(&turn, ptr::null_mut());
        let mut waiting = Waiting { mutex: self, turn: &turn, node: &node, mine: 0 };
        while !self.take_or_queue(&node, waiting.mine) {
            if let State::Done(_) = wait::wait_turn(&turn, None) {
                break;
            }
            turn.restart();
            waiting.mine = WOKEN;
            if self.take_soon(WOKEN) {
                break;
            }
        }
        std::mem::forget(waiting);
    }

    /// Takes the lock, or puts the caller's node into the queue: at its front if the caller has been woken before. Whether it
    /// has the lock.
    fn take_or_queue(&self, node: &Node, mine: u8) -> bool {
        let mut waiters = self.waiters.lock();
        let mut state = self.state.load(Relaxed);
        loop {
            let (free, rest) = (!is_taken(state), state & !mine);
            let next = match (free, mine) {
                (true, _) => taken(rest),
                (false, WOKEN) => rest | HELD | WAITING | LOST,
                (false, _) => rest | HELD | WAITING,
            };
            match self.state.compare_exchange(state, next, Acquire, Relaxed) {
                Ok(_) if free => return true,
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        // SAFETY: in no queue; `Waiting` takes it out before its frame is left.
        unsafe {
            match mine {
                WOKEN => waiters.push_first(node),
                _ => waiters.push(node),
            }
        }
        false
    }

    /// The rest of an unlock that has taken LOCKED away, and found that HELD is there.
    #[cold]
    fn unlock_contended(&self) {
        loop {
            let state = self.state.load(Relaxed);
            // Nobody waits, or somebody is on the way: it is enough to set the lock free.
            if state & WAITING == 0 || state & WOKEN != 0 {
                if self.state.compare_exchange(state, state & !HELD, Release, Relaxed).is_ok() {
                    return;
                }
            } else if let Some((claim, lost)) = self.claim_first() {
                if lost {
                    claim.done().wake_next();
                } else {
                    self.state.fetch_sub(HELD, Release);
                    claim.again().wake();
                }
                return;
            }
        }
    }

    /// For who has the lock, by HELD, while nobody has been woken: claims the first in the queue, and says in the state what becomes
    /// of it. With the claim, whether that one has lost: then it has the lock.
    fn claim_first(&self) -> Option<(Claim, bool)> {
        let mut waiters = self.waiters.lock();
        // Held and with the queue locked, the state is the caller's alone: a store will do.
        let Some(claim) = waiters.claim() else {
            self.state.store(HELD, Relaxed);
            return None;
        };
        let lost = self.state.load(Relaxed) & LOST != 0;
        let waiting = if waiters.is_empty() { 0 } else { WAITING };
        self.state.store(if lost { taken(waiting) } else { HELD | WOKEN | waiting }, Relaxed);
        Some((claim, lost))
    }

    /// For who has been woken and will not try again: does as if it had, and had given the lock back.
    fn pass_on(&self) {
        let mut state = self.state.load(Relaxed);
        loop {
            let (free, rest) = (!is_taken(state), state & !WOKEN);
            let next = if free { taken(rest) } else { rest };
            match self.state.compare_exchange(state, next, Acquire, Relaxed) {
                Ok(_) if free => return self.unlock(),
                // The holder sees that somebody waits and nobody is on the way.
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }
}

/// Who waits. Dropped when the wait unwinds.
struct Waiting<'a> {
    mutex: &'a RawMutex,
    turn: &'a Turn,
    node: &'a Node,
    /// WOKEN if it has been woken before, so that it has lost since.
    mine: u8,
}

impl Drop for Waiting<'_> {
    #[cold]
    fn drop(&mut self) {
        {
            let mut waiters = self.mutex.waiters.lock();
            if waiters.remove(self.node) {
                if self.mine == WOKEN {
                    self.mutex.state.fetch_sub(LOST, Relaxed);
                }
                return;
            }
        }
        match wait::wait_claimed(self.turn) {
            State::Done(_) => self.mutex.unlock(),
            _ => self.mutex.pass_on(),
        }
    }
}
