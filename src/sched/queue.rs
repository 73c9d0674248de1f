//! Who waits for what: first-in-first-out queues whose nodes lie in the frames of those who wait, so that to wait allocates nothing.
//!
//! ```text
//!     a wait                                         a queue (under its owner's lock)
//!     | Turn: state, who waits  | <---- Node <-----> Node <-----> Node      others' frames
//!     | what the other offers   | <---- Node   one more, in another queue: a select
//! ```
//!
//! A [`Turn`] is one wait. It has one [`Node`] in each queue that can end it. Who ends it takes a node out of its queue, under
//! that queue's lock, and claims the turn; of several who do that, in several queues, one succeeds.
//!
//! # The states of a turn
//!
//! ```text
//!                            +--------------> DONE      it has what it waited for, or has to look again
//!                            |    +---------> CLOSED    there is nothing to wait for any more
//!     WAITING --- claim --> CLAIMED --------> OFFERED   see `offer`; the other waits now
//!        ^                   |
//!        +---- (again) ---- AGAIN             who claimed it has thought better of it
//! ```
//!
//! With the state goes the number of the node that was claimed, its case.
//!
//! From CLAIMED on, who waits cannot leave: the other may be about to write into its frame. So its memory is there until the
//! other says what has become of it; and after that the other must not touch it any more, which is why a [`Wake`] is made before.
//!
//! # Leaving early
//! Who gives up (a deadline, an unwinding) takes its nodes out of their queues, each under the lock. A node that is not there any
//! more was taken out by somebody who has claimed the turn, or found that another had; to see that takes no lock.

#[cfg(feature = "debug-modes")]
#[path = "linked.rs"]
pub(super) mod linked;

use super::on::On;
use super::sync::{Acquire, AtomicBool, AtomicPtr, AtomicUsize, Relaxed, Release, UnsafeCell};
use super::waker::{Wake, Who};
use std::cell::Cell;
use std::ptr;

/// What has become of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Waiting,
    /// Somebody deals with this case, and will say more.
    Claimed(usize),
    /// It is over: what was waited for is there, or may be.
    Done(usize),
    /// Somebody on the other side of this case waits with [`Turn::offer`] for the caller.
    Offered(usize),
    /// It is over without a result: to be tried again.
    Again,
    /// It is over, because nothing will come of this case.
    Closed(usize),
}

const WAITING: usize = 0;
const CLAIMED: usize = 1;
const DONE: usize = 2;
const OFFERED: usize = 3;
const AGAIN: usize = 4;
const CLOSED: usize = 5;
/// The states take so many bits, and the case is above.
const CASE_SHIFT: u32 = 3;

impl State {
    #[inline]
    fn of(word: usize) -> State {
        let case = word >> CASE_SHIFT;
        match word & ((1 << CASE_SHIFT) - 1) {
            WAITING => State::Waiting,
            CLAIMED => State::Claimed(case),
            DONE => State::Done(case),
            OFFERED => State::Offered(case),
            AGAIN => State::Again,
            _ => State::Closed(case),
        }
    }

    /// Whether who waits has to go on waiting.
    #[inline]
    pub(crate) fn is_open(self) -> bool {
        matches!(self, State::Waiting | State::Claimed(_))
    }
}

/// One wait. In the frame of who waits, until it is over.
pub(crate) struct Turn {
    state: AtomicUsize,
    who: Who,
    on: On,
    offer: AtomicPtr<()>,
}

impl Turn {
    /// A wait of the running task, or of the calling OS thread, for this.
    #[inline]
    pub(crate) fn new(on: On) -> Turn {
        Turn { state: AtomicUsize::new(WAITING), who: Who::current(), on, offer: AtomicPtr::new(ptr::null_mut()) }
    }

    /// What has become of it. What was written before that is visible.
    #[inline]
    pub(crate) fn state(&self) -> State {
        State::of(self.state.load(Acquire))
    }

    /// What it is for.
    #[inline]
    pub(crate) fn on(&self) -> On {
        self.on
    }

    /// Begins again. For who waits, with no node in a queue.
    pub(crate) fn restart(&self) {
        self.state.store(WAITING, Relaxed);
    }

    /// For who waits in several queues: claims its own turn, so that nobody else can. Whether that was possible.
    pub(crate) fn withdraw(&self) -> bool {
        self.state.compare_exchange(WAITING, AGAIN, Relaxed, Relaxed).is_ok()
    }

    /// Claims it for somebody who will find the claim in the caller's frame. In no queue.
    pub(crate) fn claim(&self, slot: *mut ()) -> Claim {
        self.state.store(CLAIMED, Relaxed);
        Claim { turn: self, case: 0, slot }
    }

    /// What was offered with `Offered`.
    pub(crate) fn offered(&self) -> *mut () {
        self.offer.load(Relaxed)
    }
}

/// A neighbour in a queue, or null. Used by who has the queue.
struct Link(UnsafeCell<*const Node>);

impl Link {
    fn none() -> Link {
        Link(UnsafeCell::new(ptr::null()))
    }

    #[inline]
    fn get(&self) -> *const Node {
        // SAFETY: one at a time has the queue.
        self.0.with(|link| unsafe { *link })
    }

    #[inline]
    fn set(&self, node: *const Node) {
        // SAFETY: as above.
        self.0.with_mut(|link| unsafe { *link = node });
    }
}

/// A turn's place in a queue. In the frame of who waits; out of the queue before that is left.
pub(crate) struct Node {
    turn: *const Turn,
    case: usize,
    /// Whether the turn has no other node, so that a claim has no rivals.
    alone: bool,
    /// Where who waits has, or wants, its value; null if that is not known yet, or if none changes hands.
    slot: Cell<*mut ()>,
    /// Cleared as the last thing that others do with the node.
    queued: AtomicBool,
    next: Link,
    prev: Link,
}

impl Node {
    /// The only node of a turn, with the place where a value is to be taken or put, or null.
    #[inline]
    pub(crate) fn alone(turn: &Turn, slot: *mut ()) -> Node {
        Node { alone: true, ..Node::of_case(turn, 0, slot) }
    }

    /// One of several nodes of a turn.
    #[inline]
    pub(crate) fn of_case(turn: &Turn, case: usize, slot: *mut ()) -> Node {
        Node {
            turn,
            case,
            alone: false,
            slot: Cell::new(slot),
            queued: AtomicBool::new(false),
            next: Link::none(),
            prev: Link::none(),
        }
    }

    /// Where others reach into the frame of who waits.
    #[cfg(feature = "debug-modes")]
    fn for_each_address(&self, f: fn(usize)) {
        f((&raw const *self).addr());
        f(self.turn.addr());
    }

    /// Says where a value is to be put. Before it is in a queue.
    pub(crate) fn set_slot(&self, slot: *mut ()) {
        self.slot.set(slot);
    }

    /// Whether it is in a queue, for who has put it there and whose turn is over. `false`: nobody will touch it any more. Costs no lock.
    /// (While the turn is not over, a node that is not queued has been claimed, and who did that is about to touch the turn.)
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.load(Acquire)
    }
}

/// Nodes in the order in which they came.
pub(crate) struct Queue {
    first: *const Node,
    last: *const Node,
}

// SAFETY: the nodes are reached only by who has the queue, which is behind a lock.
unsafe impl Send for Queue {}

impl Queue {
    /// Nobody waits.
    pub(crate) const fn new() -> Queue {
        Queue { first: ptr::null(), last: ptr::null() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// The slot of the node that came first.
    pub(crate) fn first_slot(&self) -> Option<*mut ()> {
        // SAFETY: queued nodes are live.
        unsafe { self.first.as_ref() }.map(|node| node.slot.get())
    }

    /// Whether a turn other than this one waits here.
    pub(crate) fn has_others(&self, than: *const Turn) -> bool {
        let mut node = self.first;
        // SAFETY: queued nodes are live.
        while let Some(queued) = unsafe { node.as_ref() } {
            // SAFETY: so are their turns.
            if queued.turn != than && unsafe { (*queued.turn).state() } == State::Waiting {
                return true;
            }
            node = queued.next.get();
        }
        false
    }

    /// Appends a node.
    ///
    /// # Safety
    /// The node is in no queue, and leaves this one, by [`remove`](Self::remove) or because others took it out, before it or its turn
    /// is moved or gone.
    #[inline]
    pub(crate) unsafe fn push(&mut self, node: &Node) {
        debug_assert!(!node.is_queued(), "in one queue at a time");
        #[cfg(feature = "debug-modes")]
        node.for_each_address(linked::add);
        node.queued.store(true, Relaxed);
        node.next.set(ptr::null());
        node.prev.set(self.last);
        // SAFETY: queued nodes are live.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(node),
            None => self.first = node,
        }
        self.last = node;
    }

    /// Puts a node before all others.
    ///
    /// # Safety
    /// As [`push`](Self::push).
    pub(crate) unsafe fn push_first(&mut self, node: &Node) {
        debug_assert!(!node.is_queued(), "in one queue at a time");
        #[cfg(feature = "debug-modes")]
        node.for_each_address(linked::add);
        node.queued.store(true, Relaxed);
        node.prev.set(ptr::null());
        node.next.set(self.first);
        // SAFETY: queued nodes are live.
        match unsafe { self.first.as_ref() } {
            Some(first) => first.prev.set(node),
            None => self.last = node,
        }
        self.first = node;
    }

    /// Takes this node out. Whether it was there: if not, others have taken it out.
    #[inline]
    pub(crate) fn remove(&mut self, node: &Node) -> bool {
        let was_there = node.is_queued();
        if was_there {
            self.unlink(node);
            node.queued.store(false, Relaxed);
        }
        was_there
    }

    #[inline]
    fn unlink(&mut self, node: &Node) {
        #[cfg(feature = "debug-modes")]
        node.for_each_address(linked::remove);
        let (prev, next) = (node.prev.get(), node.next.get());
        // SAFETY: neighbours are queued, so they are live.
        unsafe {
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.first = next,
            }
            match next.as_ref() {
                Some(next) => next.prev.set(prev),
                None => self.last = prev,
            }
        }
    }

    /// Claims the turn that came first and still waits, and takes it out.
    #[inline]
    pub(crate) fn claim(&mut self) -> Option<Claim> {
        let mut at = self.first;
        // SAFETY: queued nodes are live, and so are their turns while the nodes are queued, or claimed by us.
        unsafe {
            while let Some(node) = at.as_ref() {
                at = node.next.get();
                self.unlink(node);
                let claimed = node.case << CASE_SHIFT | CLAIMED;
                let turn = &*node.turn;
                // Until the node is said to be out, its turn cannot end, if this fails; from then on if it succeeds.
                let ours = if node.alone {
                    turn.state.store(claimed, Relaxed);
                    true
                } else {
                    // Relaxed: what the turn has in it came with the queue's lock, and what the claim leads to comes with its end.
                    turn.state.compare_exchange(WAITING, claimed, Relaxed, Relaxed).is_ok()
                };
                let claim = Claim { turn: node.turn, case: node.case, slot: node.slot.get() };
                node.queued.store(false, Release);
                if ours {
                    return Some(claim);
                }
            }
        }
        None
    }
}

/// The right, and the duty, to say what becomes of a turn.
#[must_use = "who waits does so until it is told"]
pub(crate) struct Claim {
    turn: *const Turn,
    case: usize,
    /// Where who waits has or wants its value, if it has said so.
    slot: *mut (),
}

// SAFETY: the turn waits for the claim, wherever that is.
unsafe impl Send for Claim {}

impl Claim {
    /// Where who waits has, or wants, its value; null if it has not said so.
    #[inline]
    pub(crate) fn slot(&self) -> *mut () {
        self.slot
    }

    /// The wait is over: what it was for is there. To be woken when locks are given back.
    #[inline]
    pub(crate) fn done(self) -> Wake {
        self.end(DONE)
    }

    /// The wait is over: it was for nothing.
    pub(crate) fn closed(self) -> Wake {
        self.end(CLOSED)
    }

    /// The wait is over, and to be tried again.
    pub(crate) fn again(self) -> Wake {
        self.end(AGAIN)
    }

    /// The other side is here, and waits for who waits: what it offers is at this address.
    pub(crate) fn offer(self, address: *mut ()) -> Wake {
        // SAFETY: a claimed turn is live.
        unsafe { (*self.turn).offer.store(address, Relaxed) };
        self.end(OFFERED)
    }

    #[inline]
    fn end(self, how: usize) -> Wake {
        // SAFETY: a claimed turn is live until it is told; the wake is made before.
        unsafe {
            let wake = (*self.turn).who.to_wake();
            (*self.turn).state.store(self.case << CASE_SHIFT | how, Release);
            wake
        }
    }
}
