//! The operations of the handles, as a `select` sees them.

use super::buffer::{Buffer, Refused};
use super::buffered::Buffered;
use super::clock::Clock;
use super::handle::{Receiver, ReceiverKind, Sender, SenderKind};
use super::operation::{Grant, Link, Operation, Slot, fits};
use super::rendezvous::{self, Side};
use super::waiters::Waiters;
use crate::sched::queue::{Claim, Node, State, Turn};
use std::time::Instant;

/// What a buffer's answer means.
fn granted(answer: Result<(), Refused>) -> Option<Grant> {
    match answer {
        Ok(()) => Some(Grant::Promised),
        Err(Refused::Closed) => Some(Grant::Closed),
        Err(Refused::NotNow) => None,
    }
}

/// Adds a node, and looks once more.
unsafe fn link(waiters: &Waiters, node: &Node, is_ready: impl FnOnce() -> bool) -> Link {
    // SAFETY: the caller's promise.
    unsafe { waiters.link(node, false) };
    if is_ready() { Link::Ready } else { Link::Waits }
}

/// As [`link`], for who wants to know only.
unsafe fn watch(waiters: &Waiters, node: &Node, is_ready: impl FnOnce() -> bool) -> Link {
    // SAFETY: the caller's promise.
    unsafe { waiters.watch(node) };
    if is_ready() { Link::Ready } else { Link::Waits }
}

/// A clock wakes nobody, but it says when.
fn until(due: Option<Instant>) -> Link {
    due.map_or(Link::Waits, Link::Due)
}

/// Gives a place back.
fn give_back_place<T, B: Buffer<T>>(channel: &Buffered<B>, grant: Grant) {
    if let Grant::Promised = grant {
        channel.buffer().give_up_place();
    }
    // It may have been a turn, too.
    channel.senders().notify();
}

/// Gives a message back.
fn give_back_message<T, B: Buffer<T>>(channel: &Buffered<B>, grant: Grant) {
    if let Grant::Promised = grant {
        channel.buffer().give_up_message();
    }
    channel.receivers().notify();
}

/// Lets the partner begin again. A message that was handed over is its sender's no more: it is dropped.
fn give_back_partner<T>(grant: Grant) {
    match grant {
        Grant::Partner(claim) => Claim::again(claim).wake(),
        // SAFETY: it is a message of this channel, which fits.
        Grant::Message(slot) => drop(unsafe { slot.as_ptr().cast::<T>().read() }),
        _ => {}
    }
}

impl<T> Operation for Sender<T> {
    fn attempt(&self) -> Option<Grant> {
        match &self.0 {
            SenderKind::Bounded(channel) => granted(channel.buffer().promise_place()),
            SenderKind::Unbounded(channel) => granted(channel.buffer().promise_place()),
            SenderKind::Rendezvous(channel) => channel.attempt(Side::Senders),
        }
    }

    unsafe fn link(&self, node: &Node, turn: &Turn, _: *mut Slot) -> Link {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.0 {
                SenderKind::Bounded(channel) => link(channel.senders(), node, || channel.buffer().can_push()),
                SenderKind::Unbounded(channel) => link(channel.senders(), node, || channel.buffer().can_push()),
                SenderKind::Rendezvous(channel) => channel.link(Side::Senders, node, turn),
            }
        }
    }

    fn unlink(&self, node: &Node) {
        match &self.0 {
            SenderKind::Bounded(channel) => channel.senders().unlink(node),
            SenderKind::Unbounded(channel) => channel.senders().unlink(node),
            SenderKind::Rendezvous(channel) => channel.unlink(Side::Senders, node),
        };
    }

    fn accept(&self, state: State, turn: &Turn, slot: &Slot) -> Option<Grant> {
        match &self.0 {
            SenderKind::Rendezvous(_) => rendezvous::accept(state, turn, slot),
            _ => self.attempt(),
        }
    }

    fn give_back(&self, grant: Grant) {
        match &self.0 {
            SenderKind::Bounded(channel) => give_back_place(channel, grant),
            SenderKind::Unbounded(channel) => give_back_place(channel, grant),
            SenderKind::Rendezvous(_) => give_back_partner::<T>(grant),
        }
    }

    fn is_ready(&self) -> bool {
        match &self.0 {
            SenderKind::Bounded(channel) => channel.buffer().can_push(),
            SenderKind::Unbounded(channel) => channel.buffer().can_push(),
            SenderKind::Rendezvous(channel) => channel.is_ready(Side::Senders),
        }
    }

    unsafe fn watch(&self, node: &Node) -> Link {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.0 {
                SenderKind::Bounded(channel) => watch(channel.senders(), node, || channel.buffer().can_push()),
                SenderKind::Unbounded(channel) => watch(channel.senders(), node, || channel.buffer().can_push()),
                SenderKind::Rendezvous(channel) => channel.watch(Side::Senders, node),
            }
        }
    }

    fn unwatch(&self, node: &Node) {
        match &self.0 {
            SenderKind::Bounded(channel) => channel.senders().unwatch(node),
            SenderKind::Unbounded(channel) => channel.senders().unwatch(node),
            SenderKind::Rendezvous(channel) => channel.unwatch(Side::Senders, node),
        }
    }
}

impl<T> Operation for Receiver<T> {
    fn attempt(&self) -> Option<Grant> {
        match &self.0 {
            ReceiverKind::Bounded(channel) => granted(channel.buffer().promise_message()),
            ReceiverKind::Unbounded(channel) => granted(channel.buffer().promise_message()),
            ReceiverKind::Rendezvous(channel) => channel.attempt(Side::Receivers),
            ReceiverKind::Once(clock, _) => clock.take(Instant::now()).map(Grant::Time),
            ReceiverKind::Tick(clock, _) => clock.take(Instant::now()).map(Grant::Time),
            ReceiverKind::Never => None,
        }
    }

    unsafe fn link(&self, node: &Node, turn: &Turn, slot: *mut Slot) -> Link {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.0 {
                ReceiverKind::Bounded(channel) => link(channel.receivers(), node, || channel.buffer().can_pop()),
                ReceiverKind::Unbounded(channel) => link(channel.receivers(), node, || channel.buffer().can_pop()),
                ReceiverKind::Rendezvous(channel) => {
                    if fits::<T>() {
                        node.set_slot(slot.cast());
                    }
                    channel.link(Side::Receivers, node, turn)
                }
                ReceiverKind::Once(clock, _) => until(clock.due()),
                ReceiverKind::Tick(clock, _) => until(clock.due()),
                ReceiverKind::Never => Link::Waits,
            }
        }
    }

    fn unlink(&self, node: &Node) {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.receivers().unlink(node),
            ReceiverKind::Unbounded(channel) => channel.receivers().unlink(node),
            ReceiverKind::Rendezvous(channel) => channel.unlink(Side::Receivers, node),
            ReceiverKind::Once(..) | ReceiverKind::Tick(..) | ReceiverKind::Never => false,
        };
    }

    fn accept(&self, state: State, turn: &Turn, slot: &Slot) -> Option<Grant> {
        match &self.0 {
            ReceiverKind::Rendezvous(_) => rendezvous::accept(state, turn, slot),
            _ => self.attempt(),
        }
    }

    fn give_back(&self, grant: Grant) {
        match &self.0 {
            ReceiverKind::Bounded(channel) => give_back_message(channel, grant),
            ReceiverKind::Unbounded(channel) => give_back_message(channel, grant),
            ReceiverKind::Rendezvous(_) => give_back_partner::<T>(grant),
            // The time has been told.
            ReceiverKind::Once(..) | ReceiverKind::Tick(..) | ReceiverKind::Never => {}
        }
    }

    fn is_ready(&self) -> bool {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.buffer().can_pop(),
            ReceiverKind::Unbounded(channel) => channel.buffer().can_pop(),
            ReceiverKind::Rendezvous(channel) => channel.is_ready(Side::Receivers),
            ReceiverKind::Once(clock, _) => clock.is_ready(),
            ReceiverKind::Tick(clock, _) => clock.is_ready(),
            ReceiverKind::Never => false,
        }
    }

    unsafe fn watch(&self, node: &Node) -> Link {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.0 {
                ReceiverKind::Bounded(channel) => watch(channel.receivers(), node, || channel.buffer().can_pop()),
                ReceiverKind::Unbounded(channel) => watch(channel.receivers(), node, || channel.buffer().can_pop()),
                ReceiverKind::Rendezvous(channel) => channel.watch(Side::Receivers, node),
                ReceiverKind::Once(clock, _) => until(clock.due()),
                ReceiverKind::Tick(clock, _) => until(clock.due()),
                ReceiverKind::Never => Link::Waits,
            }
        }
    }

    fn unwatch(&self, node: &Node) {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.receivers().unwatch(node),
            ReceiverKind::Unbounded(channel) => channel.receivers().unwatch(node),
            ReceiverKind::Rendezvous(channel) => channel.unwatch(Side::Receivers, node),
            ReceiverKind::Once(..) | ReceiverKind::Tick(..) | ReceiverKind::Never => {}
        }
    }
}
