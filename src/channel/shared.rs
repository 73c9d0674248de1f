//! What the handles of a channel share, and how many of each side there are.

use crate::sched::sync::{AcqRel, AtomicUsize, Relaxed};
use std::ops::Deref;
use std::process;
use std::sync::Arc;

/// A channel, which is told when the last handle of a side is dropped.
pub(super) trait HasSides {
    fn senders_are_gone(&self);
    fn receivers_are_gone(&self);
}

pub(super) struct Shared<C> {
    senders: AtomicUsize,
    receivers: AtomicUsize,
    channel: C,
}

/// One of the senders.
pub(super) struct SenderOf<C: HasSides>(pub(super) Arc<Shared<C>>);

/// One of the receivers.
pub(super) struct ReceiverOf<C: HasSides>(Arc<Shared<C>>);

/// The first handle of each side.
pub(super) fn share<C: HasSides>(channel: C) -> (SenderOf<C>, ReceiverOf<C>) {
    let shared = Arc::new(Shared { senders: AtomicUsize::new(1), receivers: AtomicUsize::new(1), channel });
    (SenderOf(shared.clone()), ReceiverOf(shared))
}

/// Counts one more. Who forgets clones until the count would be around could else disconnect a channel that is in use.
fn count(handles: &AtomicUsize) {
    if handles.fetch_add(1, Relaxed) > isize::MAX as usize {
        process::abort();
    }
}

impl<C: HasSides> SenderOf<C> {
    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<C: HasSides> ReceiverOf<C> {
    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<C: HasSides> Deref for SenderOf<C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.0.channel
    }
}

impl<C: HasSides> Deref for ReceiverOf<C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.0.channel
    }
}

impl<C: HasSides> Clone for SenderOf<C> {
    fn clone(&self) -> Self {
        count(&self.0.senders);
        SenderOf(self.0.clone())
    }
}

impl<C: HasSides> Clone for ReceiverOf<C> {
    fn clone(&self) -> Self {
        count(&self.0.receivers);
        ReceiverOf(self.0.clone())
    }
}

impl<C: HasSides> Drop for SenderOf<C> {
    fn drop(&mut self) {
        // What every sender has done comes before the end of the last.
        if self.0.senders.fetch_sub(1, AcqRel) == 1 {
            self.0.channel.senders_are_gone();
        }
    }
}

impl<C: HasSides> Drop for ReceiverOf<C> {
    fn drop(&mut self) {
        if self.0.receivers.fetch_sub(1, AcqRel) == 1 {
            self.0.channel.receivers_are_gone();
        }
    }
}
