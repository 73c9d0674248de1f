//! The sending sides.

use super::{SendError, TrySendError};
use crate::channel;
use std::fmt;

/// The sending side of a [`channel`](super::channel). Clones send to the same receiver. When the last is dropped, the channel is
/// disconnected, and what is in it can still be received.
pub struct Sender<T>(channel::Sender<T>);

/// The sending side of a [`sync_channel`](super::sync_channel). Clones send to the same receiver. When the last is dropped, the
/// channel is disconnected, and what is in it can still be received.
pub struct SyncSender<T>(channel::Sender<T>);

/// Sends, and has the message in std's error if the receiver is gone.
#[inline]
fn send<T>(sender: &channel::Sender<T>, t: T) -> Result<(), SendError<T>> {
    sender.send(t).map_err(|channel::SendError(t)| SendError(t))
}

impl<T> Sender<T> {
    pub(super) fn new(sender: channel::Sender<T>) -> Sender<T> {
        Sender(sender)
    }

    /// Puts the message into the channel. Does not wait; but of a task that sends again and again others get their turn here.
    ///
    /// `Ok` does not say that the message will be received: the receiver may be dropped before that.
    ///
    /// # Errors
    /// The receiver is gone: the message.
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        send(&self.0, t)
    }
}

impl<T> SyncSender<T> {
    pub(super) fn new(sender: channel::Sender<T>) -> SyncSender<T> {
        SyncSender(sender)
    }

    /// Waits until there is room in the channel, and puts the message there. Without room for any, waits until it is received.
    ///
    /// # Errors
    /// The receiver is gone, or goes while this waits: the message.
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        send(&self.0, t)
    }

    /// Sends the message if that need not wait: there is room, or, in a channel without room for any, the receiver waits.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full), or [`Disconnected`](TrySendError::Disconnected): the receiver is gone. Both with the message.
    #[inline]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(t).map_err(|error| match error {
            channel::TrySendError::Full(t) => TrySendError::Full(t),
            channel::TrySendError::Disconnected(t) => TrySendError::Disconnected(t),
        })
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(self.0.clone())
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}
