//! The buffer of a bounded channel: a ring of slots that many may fill and empty at once, without a lock.
//!
//! Vyukov's bounded queue ("Bounded MPMC queue", 1024cores.net): `tail` and `head` count what was ever put in and taken out, and each
//! slot says by its sequence number whose turn it is there.
//!
//! ```text
//!     seq = p        free, for the message of position p
//!     seq = p + 1    it is there
//!     seq = p + n    taken; free for position p + n, where n is the number of slots
//! ```
//!
//! To that come three things that a channel needs:
//! - **Closed** is a bit of the tail's word, so no message gets in after it.
//! - **Promises** (see [`buffer`](super::buffer)) are counted in the words: whoever moves a position by an exchange knows that the
//!   count was right.
//! - **Any capacity.** The slots are a power of two and at least two, or a full slot would look like a free one.
//!
//! Who has moved a position fills or empties its slot at once. For these few instructions others may have to wait for it.
//!
//! # What the orderings are for
//! A message, and an empty slot, go from thread to thread by the slot's number. A position is moved with *acquire*, and who is about
//! to wait exchanges both words for themselves with *release*: so who moves a position after that sees that somebody waits
//! ([`waiters`](super::waiters)). To close releases, and to be told of it acquires: what the other side has done before it went is visible.

use super::buffer::{Buffer, Refused};
use crate::sched::sync::{Acquire, AtomicU64, Relaxed, Release, UnsafeCell, pause};
use crossbeam_utils::CachePadded;
use std::mem::MaybeUninit;

/// Positions are so many bits, and count around: a thread that is interrupted within an operation would have to miss a hundred trillion
/// others for it to matter.
const POSITION_BITS: u32 = 47;
const POSITION: u64 = (1 << POSITION_BITS) - 1;

/// One promise, in either word.
const PROMISE: u64 = 1 << POSITION_BITS;
/// The most that fit below the bit of `CLOSED`. Who wants one more is told that there is nothing to promise.
const PROMISES: u64 = (CLOSED >> POSITION_BITS) - 1;

/// In the tail's word: no message may be put in any more.
const CLOSED: u64 = 1 << 63;

struct Slot<T> {
    seq: AtomicU64,
    message: UnsafeCell<MaybeUninit<T>>,
}

/// See the module. What is left in it when it is dropped is leaked: the last receiver takes everything out, unless a message panics when
/// it is dropped then; and the next one could do the same, in the middle of that.
pub(super) struct Ring<T> {
    /// What was taken out, and how many of the messages are promised.
    head: CachePadded<AtomicU64>,
    /// What was put in, how many of the places are promised, and whether it is closed.
    tail: CachePadded<AtomicU64>,
    slots: Box<[Slot<T>]>,
    capacity: usize,
}

// SAFETY: a message goes from the thread that puts it in to the one that takes it out, and between them nobody has it.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

/// How far the position of `later` is from that of `earlier`.
#[inline]
fn distance(earlier: u64, later: u64) -> usize {
    (later.wrapping_sub(earlier) & POSITION) as usize
}

#[inline]
fn promises(word: u64) -> usize {
    ((word & !CLOSED) >> POSITION_BITS) as usize
}

/// The position after that of `word`.
#[inline]
fn next(word: u64) -> u64 {
    (word + 1) & POSITION
}

/// The word with the next position.
#[inline]
fn advanced(word: u64) -> u64 {
    word & !POSITION | next(word)
}

impl<T> Ring<T> {
    /// An empty one, for `capacity` messages, at least one.
    ///
    /// # Panics
    /// If that is more than memory can hold.
    pub(super) fn new(capacity: usize) -> Ring<T> {
        assert!(capacity > 0, "a ring has room for something");
        let count = capacity.max(2).checked_next_power_of_two().filter(|&count| count as u64 <= POSITION / 2);
        let count = count.expect("capacity overflow") as u64;
        let slot = |seq| Slot { seq: AtomicU64::new(seq), message: UnsafeCell::new(MaybeUninit::uninit()) };
        Ring {
            head: CachePadded::new(AtomicU64::new(0)),
            tail: CachePadded::new(AtomicU64::new(0)),
            slots: (0..count).map(slot).collect(),
            capacity,
        }
    }

    #[inline]
    fn slot(&self, word: u64) -> &Slot<T> {
        // SAFETY: there are a power of two of slots.
        unsafe { self.slots.get_unchecked(word as usize & (self.slots.len() - 1)) }
    }

    /// Whether a message may be put in at the tail, if that is this word: then it is returned, or what the tail is now.
    #[cold]
    fn look_for_place(&self, tail: u64) -> Result<u64, Refused> {
        let mut tries = 0;
        loop {
            // What is old here is older than the caller's knowledge of it at most: who must be sure asks `can_push`.
            let head = self.head.load(Relaxed);
            let now = self.tail.load(Acquire);
            if now & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if now != tail {
                return Ok(now);
            }
            // The tail was this when the head was that.
            if distance(head, tail) + promises(tail) >= self.capacity {
                return Err(Refused::NotNow);
            }
            if self.slot(tail).seq.load(Acquire) == tail & POSITION {
                return Ok(tail);
            }
            // Somebody has moved the head past this slot's message, and is about to take it.
            pause(&mut tries);
        }
    }

    /// Fills the slot of this position, which the caller has made its own.
    #[inline]
    unsafe fn fill(&self, tail: u64, message: T) {
        let slot = self.slot(tail);
        // SAFETY: the slot is free, and the caller's until its number says otherwise.
        slot.message.with_mut(|place| unsafe { (*place).write(message) });
        slot.seq.store(next(tail), Release);
    }

    /// Whether a message may be taken out at the head, if that is this word: then it is returned, or what the head is now.
    #[cold]
    fn look_for_message(&self, head: u64) -> Result<u64, Refused> {
        let mut tries = 0;
        loop {
            let tail = self.tail.load(Acquire);
            let now = self.head.load(Relaxed);
            if now != head {
                return Ok(now);
            }
            // The head was this when the tail was that.
            if distance(head, tail) <= promises(head) {
                return Err(if tail & CLOSED == 0 { Refused::NotNow } else { Refused::Closed });
            }
            if self.slot(head).seq.load(Acquire) == next(head) {
                return Ok(head);
            }
            // Somebody has moved the tail past this slot, and is about to fill it.
            pause(&mut tries);
        }
    }

    /// Empties the slot of this position, which the caller has made its own.
    #[inline]
    unsafe fn empty(&self, head: u64) -> T {
        let slot = self.slot(head);
        // SAFETY: the message is there, and the caller's.
        let message = slot.message.with(|place| unsafe { (*place).assume_init_read() });
        slot.seq.store((head + self.slots.len() as u64) & POSITION, Release);
        message
    }
}

impl<T> Buffer<T> for Ring<T> {
    #[inline]
    fn push(&self, message: T) -> Result<(), (T, Refused)> {
        let mut tail = self.tail.load(Relaxed);
        loop {
            // A bare position is a word without promises that is not closed. A slot more than places, and the slot tells nothing.
            let free = self.slot(tail).seq.load(Acquire) == tail && self.slots.len() == self.capacity;
            if !free {
                match self.look_for_place(tail) {
                    Ok(now) if now == tail => {}
                    Ok(now) => {
                        tail = now;
                        continue;
                    }
                    Err(why) => return Err((message, why)),
                }
            }
            match self.tail.compare_exchange_weak(tail, advanced(tail), Acquire, Relaxed) {
                Ok(_) => {
                    // SAFETY: the position is ours, and its slot was free.
                    unsafe { self.fill(tail, message) };
                    return Ok(());
                }
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    fn pop(&self) -> Result<T, Refused> {
        let mut head = self.head.load(Relaxed);
        loop {
            let there = self.slot(head).seq.load(Acquire) == head + 1;
            if !there {
                match self.look_for_message(head) {
                    Ok(now) if now == head => {}
                    Ok(now) => {
                        head = now;
                        continue;
                    }
                    Err(why) => return Err(why),
                }
            }
            match self.head.compare_exchange_weak(head, advanced(head), Acquire, Relaxed) {
                // SAFETY: the position is ours, and its message was there.
                Ok(_) => return Ok(unsafe { self.empty(head) }),
                Err(now) => head = now,
            }
        }
    }

    fn promise_place(&self) -> Result<(), Refused> {
        let mut tail = self.tail.load(Relaxed);
        loop {
            let free = self.slot(tail).seq.load(Relaxed) == tail && self.slots.len() == self.capacity;
            if !free {
                let now = self.look_for_place(tail)?;
                if now != tail {
                    tail = now;
                    continue;
                }
                if promises(tail) as u64 == PROMISES {
                    return Err(Refused::NotNow);
                }
            }
            match self.tail.compare_exchange_weak(tail, tail + PROMISE, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => tail = now,
            }
        }
    }

    fn push_promised(&self, message: T) -> Result<(), T> {
        let mut tail = self.tail.load(Relaxed);
        let mut tries = 0;
        loop {
            if tail & CLOSED != 0 {
                self.give_up_place();
                return Err(message);
            }
            if self.slot(tail).seq.load(Acquire) != tail & POSITION {
                // There is room, so this slot is about to be emptied; or the tail is not there any more.
                pause(&mut tries);
                tail = self.tail.load(Relaxed);
                continue;
            }
            match self.tail.compare_exchange_weak(tail, advanced(tail) - PROMISE, Acquire, Relaxed) {
                Ok(_) => {
                    // SAFETY: as in `push`.
                    unsafe { self.fill(tail, message) };
                    return Ok(());
                }
                Err(now) => tail = now,
            }
        }
    }

    fn give_up_place(&self) {
        self.tail.fetch_sub(PROMISE, Acquire);
    }

    fn promise_message(&self) -> Result<(), Refused> {
        let mut head = self.head.load(Relaxed);
        loop {
            let there = self.slot(head).seq.load(Relaxed) == head + 1;
            if !there {
                let now = self.look_for_message(head)?;
                if now != head {
                    head = now;
                    continue;
                }
                if promises(head) as u64 == PROMISES {
                    return Err(Refused::NotNow);
                }
            }
            match self.head.compare_exchange_weak(head, head + PROMISE, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => head = now,
            }
        }
    }

    fn pop_promised(&self) -> T {
        let mut head = self.head.load(Relaxed);
        let mut tries = 0;
        loop {
            if self.slot(head).seq.load(Acquire) != next(head) {
                // There is a message, so this slot is about to be filled; or the head is not there any more.
                pause(&mut tries);
                head = self.head.load(Relaxed);
                continue;
            }
            match self.head.compare_exchange_weak(head, advanced(head) - PROMISE, Acquire, Relaxed) {
                // SAFETY: as in `pop`.
                Ok(_) => return unsafe { self.empty(head) },
                Err(now) => head = now,
            }
        }
    }

    fn give_up_message(&self) {
        self.head.fetch_sub(PROMISE, Acquire);
    }

    fn can_push(&self) -> bool {
        // Both are exchanges: see `waiters`.
        self.head.fetch_add(0, Release);
        let mut tail = self.tail.fetch_add(0, Release);
        loop {
            match self.look_for_place(tail) {
                Ok(now) if now == tail => return true,
                Ok(now) => tail = now,
                Err(why) => return why == Refused::Closed,
            }
        }
    }

    fn can_pop(&self) -> bool {
        self.tail.fetch_add(0, Release);
        let mut head = self.head.fetch_add(0, Release);
        loop {
            match self.look_for_message(head) {
                Ok(now) if now == head => return true,
                Ok(now) => head = now,
                Err(why) => return why == Refused::Closed,
            }
        }
    }

    fn close(&self) {
        self.tail.fetch_or(CLOSED, Release);
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.capacity)
    }

    fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Relaxed);
            let head = self.head.load(Relaxed);
            if self.tail.load(Relaxed) == tail {
                return distance(head, tail) + promises(tail) - promises(head).min(distance(head, tail));
            }
        }
    }
}
