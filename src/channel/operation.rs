//! What a `select` can do with one side of a channel: the part that knows neither the messages' type nor the kind of channel.

use crate::sched::queue::{Claim, Node, State, Turn};
use std::mem::MaybeUninit;
use std::time::Instant;

/// Where a message is put that comes while a `select` waits, if it fits.
pub(super) type Slot = MaybeUninit<[u64; 4]>;

/// Whether messages of a type fit into a slot.
pub(super) const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Slot>() && align_of::<T>() <= align_of::<Slot>()
}

/// What has come of adding a node.
pub(super) enum Link {
    /// It waits.
    Waits,
    /// It waits, at most until then.
    Due(Instant),
    /// There may be something to be had by now.
    Ready,
}

/// The right to complete an operation, which a `select` has decided for. It has to be used, or given back.
pub(super) enum Grant {
    /// The channel is closed: the operation is to fail.
    Closed,
    /// A place, or a message, is promised.
    Promised,
    /// A message of the channel's type, which was handed over.
    Message(Slot),
    /// Somebody on the other side, who waits to be dealt with.
    Partner(Claim),
    /// The message of a channel that is a clock.
    Time(Instant),
}

/// Sending to a channel, or receiving from one.
pub(super) trait Operation {
    /// Decides for the operation, if it need not wait.
    fn attempt(&self) -> Option<Grant>;

    /// Begins to wait: adds a node, which a message may be put behind, into the slot.
    ///
    /// # Safety
    /// As [`Queue::push`](crate::sched::queue::Queue::push): [`unlink`](Self::unlink) comes before the node, its turn or the slot is
    /// gone.
    unsafe fn link(&self, node: &Node, turn: &Turn, slot: *mut Slot) -> Link;

    /// Takes the node out, if it is still there.
    fn unlink(&self, node: &Node);

    /// Decides for the operation if what ended the turn, in this operation's case, still holds.
    fn accept(&self, state: State, turn: &Turn, slot: &Slot) -> Option<Grant>;

    /// Gives back what was granted.
    fn give_back(&self, grant: Grant);

    /// Whether the operation need not wait. The answer may be out of date.
    fn is_ready(&self) -> bool;

    /// Adds a node that is told when the operation may have become ready.
    ///
    /// # Safety
    /// As [`link`](Self::link), with [`unwatch`](Self::unwatch).
    unsafe fn watch(&self, node: &Node) -> Link;

    /// Takes the node out, if it is still there.
    fn unwatch(&self, node: &Node);
}
