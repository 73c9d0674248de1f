//! Those who wait until they are told, one by one or all: what is common to everything here that is no lock.
//!
//! They have numbers in the order in which they came. So to tell all is to tell those up to a number, one at a time: the list is
//! never locked while somebody is woken, and who comes back at once is not told again and again.

use crate::sched::lock::Lock;
use crate::sched::on::On;
use crate::sched::queue::{Claim, Node, Queue, State, Turn};
use crate::sched::wait;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// See the module.
pub(super) struct Waiters {
    list: Lock<List>,
    /// Whether there are some: for who would see that they came, because of another lock.
    any: AtomicBool,
}

struct List {
    queue: Queue,
    /// How many have come so far, and the number of the next.
    came: usize,
}

/// What a wait is for. With the list locked, `begin` says whether there is something to wait for, and `left` is told that one
/// has left the list without having been told.
pub(super) trait Wait {
    /// For who comes with this number: whether it has to wait.
    fn begin(&self, number: usize) -> bool;
    /// It is in the list. The list is not locked.
    fn queued(&self) {}
    /// It has left the list without having been told.
    fn left(&self, _number: usize) {}
}

impl Waiters {
    pub(super) const fn new() -> Waiters {
        Waiters { list: Lock::new(List { queue: Queue::new(), came: 0 }), any: AtomicBool::new(false) }
    }

    /// Waits to be told, or until `deadline`. `false`: the time is up, and nobody has told the caller.
    ///
    /// Unwinds as every wait does. Who was told alone and is unwound tells the next.
    pub(super) fn wait(&self, on: On, deadline: Option<Instant>, what: &impl Wait) -> bool {
        let turn = Turn::new(on);
        let node;
        let waiting = {
            let mut list = self.list.lock();
            let number = list.came;
            if !what.begin(number) {
                return true;
            }
            list.came += 1;
            node = Node::alone(&turn, ptr::without_provenance_mut(number));
            // SAFETY: in no queue; `Waiting` takes it out before its frame is left.
            unsafe { list.queue.push(&node) };
            self.any.store(true, Relaxed);
            Waiting { list: self, turn: &turn, node: &node, number, what }
        };
        what.queued();
        let state = wait::wait_turn(&turn, deadline);
        let waiting = ManuallyDrop::new(waiting);
        !state.is_open() || !waiting.leave()
    }

    /// Tells the first, if there is one.
    pub(super) fn tell_one(&self) {
        if let Some(claim) = self.claim(usize::MAX) {
            claim.done().wake();
        }
    }

    /// Tells all that are there.
    pub(super) fn tell_all(&self) {
        let end = self.list.lock().came;
        self.tell_below(end);
    }

    /// Tells those with lower numbers.
    pub(super) fn tell_below(&self, end: usize) {
        while let Some(claim) = self.claim(end) {
            claim.again().wake();
        }
    }

    /// Whether somebody waits. Sees those whose coming happened before.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any.load(Relaxed)
    }

    /// Claims the first, if its number is below `end`.
    fn claim(&self, end: usize) -> Option<Claim> {
        let mut list = self.list.lock();
        if list.queue.first_slot()?.addr() >= end {
            return None;
        }
        let claim = list.queue.claim();
        self.any.store(!list.queue.is_empty(), Relaxed);
        claim
    }
}

/// Who waits. Dropped when the wait unwinds.
struct Waiting<'a, W: Wait> {
    list: &'a Waiters,
    turn: &'a Turn,
    node: &'a Node,
    number: usize,
    what: &'a W,
}

impl<W: Wait> Waiting<'_, W> {
    /// The wait is over. Whether nobody had told it so.
    fn leave(&self) -> bool {
        let left = {
            let mut list = self.list.list.lock();
            let left = list.queue.remove(self.node);
            if left {
                self.what.left(self.number);
                self.list.any.store(!list.queue.is_empty(), Relaxed);
            }
            left
        };
        if !left {
            // Told at the last moment.
            wait::wait_claimed(self.turn);
        }
        left
    }
}

impl<W: Wait> Drop for Waiting<'_, W> {
    #[cold]
    fn drop(&mut self) {
        // Told alone: it was for one who goes on.
        if !self.leave() && matches!(self.turn.state(), State::Done(_)) {
            self.list.tell_one();
        }
    }
}
