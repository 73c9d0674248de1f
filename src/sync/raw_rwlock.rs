//! The lock of an `RwLock`, without what it protects.
//!
//! ```text
//!     WRITER     somebody has it for itself
//!     WAITING    somebody is in the queue, or was not long ago: who comes to read goes there too
//!     WOKEN      a writer that was in the queue has been woken, and will try again
//!     LOST       the first in the queue is a writer that has tried again, and found the lock taken
//!     READER     so often, how many read
//! ```
//!
//! A writer waits as in [`raw_mutex`](super::raw_mutex): who comes to write may take a free lock past it, until it has lost once. A
//! reader that waits is handed the lock, together with the readers next to it in the queue, by the first holder whose end leaves
//! the lock to nobody else. Readers that come while somebody waits queue up behind. So the queue moves on with each
//! holder's end, and whoever is first in it gets the lock after one more writer at most.
//!
//! The state is changed only by who has the queue's lock, but for these: a lock that is free, or read while nobody waits, is taken;
//! it is given back by who is not the last, or with nobody to care for; WOKEN goes when the woken writer says so. Where one
//! holds it alone while somebody waits and nobody is woken, and has the queue's lock, the state is its own.
//!
//! Memory and leaving early: as in `raw_mutex`.

use crate::sched::lock::{Guard, Lock};
use crate::sched::on::{On, WaitsFor};
use crate::sched::queue::{Node, Queue, State, Turn};
use crate::sched::sync::{Acquire, AtomicUsize, Relaxed, Release, const_fn, spin};
use crate::sched::wait;
use std::ptr;

const WRITER: usize = 1;
const WAITING: usize = 2;
const WOKEN: usize = 4;
const LOST: usize = 8;
const READER: usize = 16;

/// What a node's slot says.
const READS: *mut () = ptr::null_mut();
const WRITES: *mut () = ptr::without_provenance_mut(1);

/// Whether nobody has the lock.
fn is_free(state: usize) -> bool {
    state & WRITER == 0 && state < READER
}

/// Whether a holder has the lock alone, and has to care for those who wait.
fn is_last_and_asked_for(state: usize) -> bool {
    state & (WAITING | WOKEN) == WAITING && state < 2 * READER
}

/// See the module.
pub(super) struct RawRwLock {
    state: AtomicUsize,
    waiters: Lock<Queue>,
}

impl RawRwLock {
    const_fn! {
        /// Free.
        pub(super) fn new() -> RawRwLock {
            RawRwLock { state: AtomicUsize::new(0), waiters: Lock::new(Queue::new()) }
        }
    }

    /// Takes the lock for reading, if nobody writes or waits.
    #[inline]
    fn read_fast(&self) -> bool {
        let mut state = self.state.load(Relaxed);
        // As many readers as would overflow the state there cannot be: each takes memory, or time to be forgotten.
        while state & (WRITER | WAITING) == 0 {
            match self.state.compare_exchange_weak(state, state + READER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    pub(super) fn try_read(&self) -> bool {
        self.read_fast() || self.try_read_contended()
    }

    /// Waits until nobody writes, and takes the lock for reading. Unwinds as every wait does.
    #[inline]
    pub(super) fn read(&self) {
        if !self.read_fast() {
            self.read_contended();
        }
    }

    #[inline]
    pub(super) fn try_write(&self) -> bool {
        self.state.compare_exchange(0, WRITER, Acquire, Relaxed).is_ok() || self.write_if_free(0)
    }

    /// Waits until nobody else has the lock, and takes it. Unwinds as every wait does.
    #[inline]
    pub(super) fn write(&self) {
        if self.state.compare_exchange(0, WRITER, Acquire, Relaxed).is_err() {
            self.write_contended();
        }
    }

    /// Gives back what [`read`](Self::read) took.
    #[inline]
    pub(super) fn unlock_read(&self) {
        self.give_back(READER);
    }

    /// Gives back what [`write`](Self::write) took.
    #[inline]
    pub(super) fn unlock_write(&self) {
        if self.state.compare_exchange(WRITER, 0, Release, Relaxed).is_err() {
            self.give_back(WRITER);
        }
    }

    /// Makes a reader of the writer, and lets in the readers that wait first.
    pub(super) fn downgrade(&self) {
        self.state.fetch_add(READER - WRITER, Release);
        if self.state.load(Relaxed) & WAITING != 0 {
            self.let_readers_in();
        }
    }

    /// Gives back what the caller has: WRITER or READER.
    #[inline]
    fn give_back(&self, mut held: usize) {
        let mut state = self.state.load(Relaxed);
        loop {
            if !is_last_and_asked_for(state) {
                match self.state.compare_exchange_weak(state, state - held, Release, Relaxed) {
                    Ok(_) => return,
                    Err(now) => state = now,
                }
            } else {
                match self.hand_on(held) {
                    None => return,
                    Some(now_held) => held = now_held,
                }
                state = self.state.load(Relaxed);
            }
        }
    }

    /// For who has the lock alone, while nobody has been woken: serves the first in the queue. `None`: the lock is given back.
    /// Otherwise what the caller has now.
    #[cold]
    fn hand_on(&self, held: usize) -> Option<usize> {
        let mut waiters = self.waiters.lock();
        // An acquire: who is handed the lock comes after all who read before, also those of whom the caller knows nothing.
        let state = self.state.load(Acquire);
        if !is_last_and_asked_for(state) {
            return Some(held);
        }
        // With the queue locked too, the state is the caller's: stores will do. But what they store a reader may find, who has to
        // see what was written before the caller came to read.
        let Some(first) = waiters.first_slot() else {
            self.state.store(held, Release);
            return Some(held);
        };
        if first == READS {
            drop(waiters);
            if held == WRITER {
                self.downgrade();
            } else {
                self.let_readers_in();
            }
            return Some(READER);
        }
        let claim = waiters.claim().expect("a first one waits");
        let waiting = if waiters.is_empty() { 0 } else { WAITING };
        if state & LOST != 0 {
            self.state.store(WRITER | waiting, Relaxed);
            drop(waiters);
            claim.done().wake_next();
        } else {
            self.state.store(held | waiting | WOKEN, Release);
            drop(waiters);
            // Goes on with what the store began.
            self.state.fetch_sub(held, Relaxed);
            claim.again().wake();
        }
        None
    }

    /// For who reads: lets in the readers at the front of the queue.
    #[cold]
    fn let_readers_in(&self) {
        loop {
            let mut waiters = self.waiters.lock();
            let claim = if waiters.first_slot() == Some(READS) { waiters.claim() } else { None };
            let Some(claim) = claim else { return };
            self.state.fetch_add(READER, Relaxed);
            if waiters.is_empty() {
                self.state.fetch_and(!WAITING, Relaxed);
            }
            drop(waiters);
            claim.done().wake();
        }
    }

    /// Takes the lock for reading, with the queue locked, if nobody writes or waits; else notes that somebody waits, if so asked.
    fn read_or_note(&self, waiters: &Guard<'_, Queue>, note: usize) -> bool {
        let mut state = self.state.load(Relaxed);
        loop {
            let free = state & WRITER == 0 && waiters.is_empty();
            let next = if free { (state + READER) & !WAITING } else { state | note };
            match self.state.compare_exchange(state, next, Acquire, Relaxed) {
                Ok(_) => return free,
                Err(now) => state = now,
            }
        }
    }

    #[cold]
    fn try_read_contended(&self) -> bool {
        self.read_or_note(&self.waiters.lock(), 0)
    }

    #[cold]
    fn read_contended(&self) {
        let mut tries = 0;
        while self.state.load(Relaxed) & WAITING == 0 && spin(&mut tries) {
            if self.read_fast() {
                return;
            }
        }
        let turn = Turn::new(On::new(WaitsFor::Read, self));
        let node = Node::alone(&turn, READS);
        let waiting = {
            let mut waiters = self.waiters.lock();
            if self.read_or_note(&waiters, WAITING) {
                return;
            }
            // SAFETY: in no queue; `Waiting` takes it out before its frame is left.
            unsafe { waiters.push(&node) };
            Waiting { lock: self, turn: &turn, node: &node, mine: 0 }
        };
        wait::wait_turn(&turn, None);
        std::mem::forget(waiting);
    }

    /// Takes the lock for writing if it is free, whoever waits. `mine` is WOKEN if the caller has been woken, which is settled
    /// then.
    #[cold]
    fn write_if_free(&self, mine: usize) -> bool {
        let mut state = self.state.load(Relaxed);
        while is_free(state) {
            match self.state.compare_exchange(state, (state | WRITER) & !mine, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// The same, for as long as a holder that does not wait can be expected to need.
    fn write_soon(&self, mine: usize) -> bool {
        let mut tries = 0;
        loop {
            if self.write_if_free(mine) {
                return true;
            }
            if self.state.load(Relaxed) & LOST != 0 || !spin(&mut tries) {
                return false;
            }
        }
    }

    #[cold]
    fn write_contended(&self) {
        if self.write_soon(0) {
            return;
        }
        let turn = Turn::new(On::new(WaitsFor::Write, self));
        let node = Node::alone(&turn, WRITES);
        let mut waiting = Waiting { lock: self, turn: &turn, node: &node, mine: 0 };
        while !self.write_or_queue(&node, waiting.mine) {
            if let State::Done(_) = wait::wait_turn(&turn, None) {
                break;
            }
            turn.restart();
            waiting.mine = WOKEN;
            if self.write_soon(WOKEN) {
                break;
            }
        }
        std::mem::forget(waiting);
    }

    /// Takes the lock for writing, or puts the caller's node into the queue: at its front if the caller has been woken before.
    /// Whether it has the lock.
    fn write_or_queue(&self, node: &Node, mine: usize) -> bool {
        let mut waiters = self.waiters.lock();
        let mut state = self.state.load(Relaxed);
        loop {
            let free = is_free(state);
            let next = match (free, mine) {
                (true, _) => state | WRITER,
                (false, WOKEN) => state | WAITING | LOST,
                (false, _) => state | WAITING,
            };
            match self.state.compare_exchange(state, next & !mine, Acquire, Relaxed) {
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

    /// For a writer that has been woken and will not try again: does as if it had, and had given the lock back.
    fn pass_on(&self) {
        let mut state = self.state.load(Relaxed);
        loop {
            let free = is_free(state);
            let next = if free { state | WRITER } else { state };
            // Nothing is read in between, and who comes next finds what was released before.
            match self.state.compare_exchange(state, next & !WOKEN, Relaxed, Relaxed) {
                Ok(_) if free => return self.unlock_write(),
                // The last holder sees that somebody waits and nobody is on the way. But readers need not wait for it.
                Ok(_) => return self.first_has_left(),
                Err(now) => state = now,
            }
        }
    }

    /// Somebody has left the queue, maybe a writer from its front: if the lock is read, readers behind need not wait.
    fn first_has_left(&self) {
        let joined = {
            let _waiters = self.waiters.lock();
            let mut state = self.state.load(Relaxed);
            loop {
                if state & WRITER != 0 || is_free(state) {
                    break false;
                }
                match self.state.compare_exchange(state, state + READER, Acquire, Relaxed) {
                    Ok(_) => break true,
                    Err(now) => state = now,
                }
            }
        };
        if joined {
            self.let_readers_in();
            self.unlock_read();
        }
    }
}

/// Who waits. Dropped when the wait unwinds.
struct Waiting<'a> {
    lock: &'a RawRwLock,
    turn: &'a Turn,
    node: &'a Node,
    /// WOKEN if it has been woken before, so that it has lost since.
    mine: usize,
}

impl Drop for Waiting<'_> {
    #[cold]
    fn drop(&mut self) {
        let lock = self.lock;
        let was_there = {
            let mut waiters = lock.waiters.lock();
            let was_there = waiters.remove(self.node);
            if was_there && self.mine == WOKEN {
                lock.state.fetch_sub(LOST, Relaxed);
            }
            was_there
        };
        if was_there {
            return lock.first_has_left();
        }
        match wait::wait_claimed(self.turn) {
            // Handed over: nobody else writes, so the state says which it was.
            State::Done(_) if lock.state.load(Relaxed) & WRITER != 0 => lock.unlock_write(),
            State::Done(_) => lock.unlock_read(),
            _ => lock.pass_on(),
        }
    }
}
