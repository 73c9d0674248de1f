//! Channels without a buffer: sender and receiver meet, and the message goes from one frame to the other.
//!
//! Who comes first waits, with a node that says where its message is, or is to be. Who comes second claims it, copies the message,
//! and wakes it; none of them takes the lock again.
//!
//! ```text
//!     first            second     what happens
//!     send, recv       any        the second copies the message out of the frame of the first, or into it
//!     select           send, recv a small message the second puts where the first says, as above. Else: the first has not decided for
//!                                 the operation, so it has no message, or no place for one. The second offers its own, and
//!                                 waits; the first, who has its operation by that, copies
//!     any              select     the second has claimed the first. When it completes the operation, it is as in the lines above
//! ```
//!
//! In each of these, one side holds a [`Claim`] on the other, who waits for what the claim says; what a `select` has decided for
//! is such a claim. If a `select` gives it back instead, the other begins again.

use super::operation::{Grant, Link, Slot};
use super::shared::HasSides;
use crate::sched;
use crate::sched::lock::{self, Lock};
use crate::sched::on::{On, WaitsFor};
use crate::sched::queue::{Claim, Node, Queue, State, Turn};
use crate::sched::sync::{AtomicBool, Relaxed};
use crate::sched::wait::{self, Ended, await_turn, wait_claimed};
use crossbeam_channel::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Instant;

/// A side of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Senders,
    Receivers,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Senders => Side::Receivers,
            Side::Receivers => Side::Senders,
        }
    }
}

/// Both sides. By [`Side`].
struct Sides {
    waiting: [Queue; 2],
    /// Who wants to know when somebody waits on this side.
    watchers: [Queue; 2],
    closed: bool,
}

/// See the module.
pub(super) struct Rendezvous<T> {
    sides: Lock<Sides>,
    /// Whether somebody waits on the side, or the channel is closed: a `select` looks here before it takes the lock, and under the
    /// lock before it waits.
    any: [AtomicBool; 2],
    messages: PhantomData<fn(T) -> T>,
}

impl<T> Rendezvous<T> {
    pub(super) fn new() -> Rendezvous<T> {
        let queues = || [Queue::new(), Queue::new()];
        Rendezvous {
            sides: Lock::new(Sides { waiting: queues(), watchers: queues(), closed: false }),
            any: [AtomicBool::new(false), AtomicBool::new(false)],
            messages: PhantomData,
        }
    }

    #[inline]
    fn show(&self, side: Side, sides: &Sides) {
        self.any[side as usize].store(sides.closed || !sides.waiting[side as usize].is_empty(), Relaxed);
    }

    /// Claims who waits longest on a side.
    #[inline]
    fn claim(&self, side: Side, sides: &mut Sides) -> Option<Claim> {
        let claim = sides.waiting[side as usize].claim();
        self.show(side, sides);
        claim
    }

    #[inline]
    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut message = message;
        loop {
            let mut sides = self.sides.lock();
            let Some(claim) = self.claim(Side::Receivers, &mut sides) else {
                return Err(if sides.closed {
                    TrySendError::Disconnected(message)
                } else {
                    TrySendError::Full(message)
                });
            };
            drop(sides);
            match give(claim, message) {
                Ok(()) => return Ok(()),
                Err(back) => message = back,
            }
        }
    }

    #[inline]
    pub(super) fn send(&self, message: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        sched::pay();
        let mut message = message;
        loop {
            let mut sides = self.sides.lock();
            if let Some(claim) = self.claim(Side::Receivers, &mut sides) {
                drop(sides);
                match give(claim, message) {
                    Ok(()) => return Ok(()),
                    Err(back) => message = back,
                }
                continue;
            }
            if sides.closed {
                return Err(SendTimeoutError::Disconnected(message));
            }
            let mut slot = MaybeUninit::new(message);
            let ended = self.wait(sides, Side::Senders, &mut slot, deadline);
            if let Ended::Turn(State::Done(_)) = ended {
                return Ok(());
            }
            // SAFETY: nobody has taken it.
            message = unsafe { slot.assume_init() };
            match ended {
                Ended::Turn(State::Closed(_)) => {
                    wait::end_with_nothing();
                    return Err(SendTimeoutError::Disconnected(message));
                }
                Ended::TimeIsUp => return Err(SendTimeoutError::Timeout(message)),
                Ended::Interrupted => wait::interrupt(),
                Ended::Turn(_) => {}
            }
        }
    }

    #[inline]
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        loop {
            let mut sides = self.sides.lock();
            let Some(claim) = self.claim(Side::Senders, &mut sides) else {
                return Err(if sides.closed { TryRecvError::Disconnected } else { TryRecvError::Empty });
            };
            drop(sides);
            if let Some(message) = take(claim) {
                return Ok(message);
            }
        }
    }

    #[inline]
    pub(super) fn recv(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        sched::pay();
        loop {
            let mut sides = self.sides.lock();
            if let Some(claim) = self.claim(Side::Senders, &mut sides) {
                drop(sides);
                match take(claim) {
                    Some(message) => return Ok(message),
                    None => continue,
                }
            }
            if sides.closed {
                return Err(RecvTimeoutError::Disconnected);
            }
            let mut slot = MaybeUninit::uninit();
            match self.wait(sides, Side::Receivers, &mut slot, deadline) {
                // SAFETY: that is what it says.
                Ended::Turn(State::Done(_)) => return Ok(unsafe { slot.assume_init() }),
                Ended::Turn(State::Closed(_)) => {
                    wait::end_with_nothing();
                    return Err(RecvTimeoutError::Disconnected);
                }
                Ended::TimeIsUp => return Err(RecvTimeoutError::Timeout),
                Ended::Interrupted => wait::interrupt(),
                Ended::Turn(_) => {}
            }
        }
    }

    /// Waits on a side for somebody of the other. What came of it, with the node out of the queue; `Done`: the message was taken
    /// from the slot, or put there.
    #[inline]
    fn wait(
        &self,
        mut sides: lock::Guard<'_, Sides>,
        side: Side,
        slot: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Ended {
        let what = if side == Side::Senders { WaitsFor::Send } else { WaitsFor::Receive };
        let turn = Turn::new(On::new(what, self));
        let node = Node::alone(&turn, slot.as_mut_ptr().cast());
        // SAFETY: it is out before either is gone: who has ended the turn has taken it out, or this does. Nothing unwinds before.
        unsafe { sides.waiting[side as usize].push(&node) };
        self.show(side, &sides);
        let watched = !sides.watchers[side as usize].is_empty();
        drop(sides);
        if watched {
            self.wake_watchers(side);
        }
        match await_turn(&turn, deadline) {
            Ended::Turn(state) => Ended::Turn(state),
            early if self.unlink(side, &node) => early,
            // It has been claimed: what becomes of it counts.
            _ => Ended::Turn(wait_claimed(&turn)),
        }
    }

    /// Takes a node out. Whether it was there: if not, it has been claimed.
    #[inline]
    pub(super) fn unlink(&self, side: Side, node: &Node) -> bool {
        if !node.is_queued() {
            return false;
        }
        let mut sides = self.sides.lock();
        let was_there = sides.waiting[side as usize].remove(node);
        self.show(side, &sides);
        was_there
    }

    fn wake_watchers(&self, side: Side) {
        loop {
            let claim = self.sides.lock().watchers[side as usize].claim();
            let Some(claim) = claim else { return };
            claim.done().wake();
        }
    }

    /// The last handle of a side is gone.
    fn close(&self) {
        let mut sides = self.sides.lock();
        sides.closed = true;
        // At once: a selection that finds it closed looks here again.
        self.show(Side::Senders, &sides);
        self.show(Side::Receivers, &sides);
        drop(sides);
        for side in [Side::Senders, Side::Receivers] {
            loop {
                let claim = self.claim(side, &mut self.sides.lock());
                let Some(claim) = claim else { break };
                claim.closed().wake();
            }
            self.wake_watchers(side);
        }
    }

    // What a `select` asks, for `side`.

    pub(super) fn attempt(&self, side: Side) -> Option<Grant> {
        if !self.any[side.other() as usize].load(Relaxed) {
            return None;
        }
        let mut sides = self.sides.lock();
        match self.claim(side.other(), &mut sides) {
            Some(claim) => Some(Grant::Partner(claim)),
            None => sides.closed.then_some(Grant::Closed),
        }
    }

    /// # Safety
    /// As [`Operation::link`](super::operation::Operation::link).
    pub(super) unsafe fn link(&self, side: Side, node: &Node, turn: &Turn) -> Link {
        let mut sides = self.sides.lock();
        if sides.closed || sides.waiting[side.other() as usize].has_others(turn) {
            return Link::Ready;
        }
        // SAFETY: the caller's promise.
        unsafe { sides.waiting[side as usize].push(node) };
        self.show(side, &sides);
        let watched = !sides.watchers[side as usize].is_empty();
        drop(sides);
        if watched {
            self.wake_watchers(side);
        }
        Link::Waits
    }

    pub(super) fn is_ready(&self, side: Side) -> bool {
        self.any[side.other() as usize].load(Relaxed) && {
            let sides = self.sides.lock();
            sides.closed || sides.waiting[side.other() as usize].has_others(ptr::null())
        }
    }

    /// # Safety
    /// As [`Operation::watch`](super::operation::Operation::watch).
    pub(super) unsafe fn watch(&self, side: Side, node: &Node) -> Link {
        let mut sides = self.sides.lock();
        let other = side.other() as usize;
        if sides.closed || sides.waiting[other].has_others(ptr::null()) {
            return Link::Ready;
        }
        // SAFETY: the caller's promise.
        unsafe { sides.watchers[other].push(node) };
        Link::Waits
    }

    pub(super) fn unwatch(&self, side: Side, node: &Node) {
        self.sides.lock().watchers[side.other() as usize].remove(node);
    }
}

impl<T> HasSides for Rendezvous<T> {
    fn senders_are_gone(&self) {
        self.close();
    }

    fn receivers_are_gone(&self) {
        self.close();
    }
}

/// What ended a `select`'s turn, in a case of such a channel. `slot` is where the case's node has asked for a message.
pub(super) fn accept(state: State, turn: &Turn, slot: &Slot) -> Option<Grant> {
    match state {
        State::Done(_) => Some(Grant::Message(*slot)),
        // SAFETY: who offers has its claim in its frame, and waits.
        State::Offered(_) => Some(Grant::Partner(unsafe { ptr::read(turn.offered().cast::<Claim>()) })),
        State::Closed(_) => Some(Grant::Closed),
        _ => None,
    }
}

/// Gives the message to who has been claimed, and wakes it.
///
/// # Errors
/// It has given up: the message.
#[inline]
pub(super) fn give<T>(claim: Claim, message: T) -> Result<(), T> {
    let place = claim.slot().cast::<T>();
    if place.is_null() {
        let mut slot = MaybeUninit::new(message);
        // SAFETY: if it was not taken, it is still there.
        return if offer(claim, &mut slot) { Ok(()) } else { Err(unsafe { slot.assume_init() }) };
    }
    // SAFETY: a receiver of the same channel, which waits, has its place for a message there.
    unsafe { place.write(message) };
    claim.done().wake_next();
    Ok(())
}

/// Takes the message of who has been claimed, and wakes it. `None`: it has given up.
#[inline]
pub(super) fn take<T>(claim: Claim) -> Option<T> {
    let place = claim.slot().cast::<T>();
    if place.is_null() {
        let mut slot = MaybeUninit::uninit();
        // SAFETY: it was put there.
        return offer(claim, &mut slot).then(|| unsafe { slot.assume_init() });
    }
    // SAFETY: a sender of the same channel, which waits, has its message there, and does not use it again when it is told.
    let message = unsafe { place.read() };
    claim.done().wake_next();
    Some(message)
}

/// Lets a `select`, which has been claimed, know where the caller's message is, or is to be, and waits until that has been dealt
/// with. Whether it has.
#[cold]
fn offer<T>(claim: Claim, slot: &mut MaybeUninit<T>) -> bool {
    let turn = Turn::new(On::any(WaitsFor::Select));
    // In this frame until the turn is over, and then read.
    let own = turn.claim(slot.as_mut_ptr().cast());
    claim.offer((&raw const own).cast_mut().cast()).wake_next();
    matches!(wait_claimed(&turn), State::Done(_))
}
