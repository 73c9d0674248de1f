//! The handles of a channel.

use super::buffer::Buffer;
use super::buffered::Buffered;
use super::clock::{Clock, Once, Tick};
use super::iter::{IntoIter, Iter, TryIter};
use super::list::List;
use super::operation::{Grant, Operation};
use super::rendezvous::{self, Rendezvous};
use super::ring::Ring;
use super::shared::{ReceiverOf, SenderOf};
use crossbeam_channel::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The sending side of a channel. Clones send to the same channel; when the last is dropped, the channel is disconnected, and what is
/// in it can still be received. Made by [`bounded`](super::bounded) and [`unbounded`](super::unbounded).
pub struct Sender<T>(pub(super) SenderKind<T>);

pub(super) enum SenderKind<T> {
    Bounded(SenderOf<Buffered<Ring<T>>>),
    Unbounded(SenderOf<Buffered<List<T>>>),
    Rendezvous(SenderOf<Rendezvous<T>>),
}

/// The receiving side of a channel. Clones receive from the same channel: each message goes to one of them. When the last is dropped,
/// the channel is disconnected, and what is in it is dropped.
pub struct Receiver<T>(pub(super) ReceiverKind<T>);

pub(super) enum ReceiverKind<T> {
    Bounded(ReceiverOf<Buffered<Ring<T>>>),
    Unbounded(ReceiverOf<Buffered<List<T>>>),
    Rendezvous(ReceiverOf<Rendezvous<T>>),
    /// With what makes the message of the time.
    Once(Arc<Once>, fn(Instant) -> T),
    Tick(Arc<Tick>, fn(Instant) -> T),
    Never,
}

// SAFETY: messages go through it, and nothing else of T is in it.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: as above; the channels are made for many senders at once.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as for the sender.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as for the sender.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

/// Runs the same expression on the channel of each kind.
macro_rules! of_sender {
    ($sender:expr, $channel:ident => $do:expr) => {
        match &$sender.0 {
            SenderKind::Bounded($channel) => $do,
            SenderKind::Unbounded($channel) => $do,
            SenderKind::Rendezvous($channel) => $do,
        }
    };
}

impl<T> Sender<T> {
    /// Sends the message if that need not wait: there is room, or, if the channel has no buffer, somebody waits to receive.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full), or [`Disconnected`](TrySendError::Disconnected): all receivers are gone. Both with the message.
    #[inline]
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        of_sender!(self, channel => channel.try_send(msg))
    }

    /// Waits until there is room, or somebody who receives, and sends the message.
    ///
    /// # Errors
    /// All receivers are gone, or go while this waits: the message.
    #[inline]
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        of_sender!(self, channel => channel.send(msg, None)).map_err(|error| SendError(error.into_inner()))
    }

    /// As [`send`](Self::send), for at most `timeout`. A timeout past the end of the clock is none.
    ///
    /// # Errors
    /// The time is up, or all receivers are gone. Both with the message.
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        of_sender!(self, channel => channel.send(msg, Instant::now().checked_add(timeout)))
    }

    /// As [`send`](Self::send), until `deadline` at most.
    ///
    /// # Errors
    /// The deadline has come, or all receivers are gone. Both with the message.
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        of_sender!(self, channel => channel.send(msg, Some(deadline)))
    }

    /// Whether all receivers are gone.
    pub(crate) fn is_closed(&self) -> bool {
        match self.attempt() {
            Some(Grant::Closed) => true,
            Some(grant) => {
                self.give_back(grant);
                false
            }
            None => false,
        }
    }

    /// Whether no message is in the channel. Always so without a buffer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the buffer is full. Always so without one.
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// Messages in the channel.
    pub fn len(&self) -> usize {
        match &self.0 {
            SenderKind::Bounded(channel) => channel.buffer().len(),
            SenderKind::Unbounded(channel) => channel.buffer().len(),
            SenderKind::Rendezvous(_) => 0,
        }
    }

    /// Messages for which there is room; `None` if there is always room.
    pub fn capacity(&self) -> Option<usize> {
        match &self.0 {
            SenderKind::Bounded(channel) => channel.buffer().capacity(),
            SenderKind::Unbounded(channel) => channel.buffer().capacity(),
            SenderKind::Rendezvous(_) => Some(0),
        }
    }

    /// Whether both send to the same channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        match (&self.0, &other.0) {
            (SenderKind::Bounded(a), SenderKind::Bounded(b)) => a.same_channel(b),
            (SenderKind::Unbounded(a), SenderKind::Unbounded(b)) => a.same_channel(b),
            (SenderKind::Rendezvous(a), SenderKind::Rendezvous(b)) => a.same_channel(b),
            _ => false,
        }
    }

    /// Does what a `select` has decided for.
    pub(super) fn complete(&self, grant: Grant, msg: T) -> Result<(), SendError<T>> {
        match (grant, &self.0) {
            (Grant::Promised, SenderKind::Bounded(channel)) => channel.send_promised(msg),
            (Grant::Promised, SenderKind::Unbounded(channel)) => channel.send_promised(msg),
            (Grant::Partner(claim), SenderKind::Rendezvous(_)) => match rendezvous::give(claim, msg) {
                Ok(()) => Ok(()),
                // The partner, a selection too, has given up.
                Err(msg) => self.send(msg),
            },
            _ => Err(SendError(msg)),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(match &self.0 {
            SenderKind::Bounded(channel) => SenderKind::Bounded(channel.clone()),
            SenderKind::Unbounded(channel) => SenderKind::Unbounded(channel.clone()),
            SenderKind::Rendezvous(channel) => SenderKind::Rendezvous(channel.clone()),
        })
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

impl<T> Receiver<T> {
    /// Receives a message if that need not wait: one is there, or, if the channel has no buffer, somebody waits to send.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty), or [`Disconnected`](TryRecvError::Disconnected): it is empty, and all senders are gone.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.try_recv(),
            ReceiverKind::Unbounded(channel) => channel.try_recv(),
            ReceiverKind::Rendezvous(channel) => channel.try_recv(),
            ReceiverKind::Once(clock, message) => clock.try_recv().map(message),
            ReceiverKind::Tick(clock, message) => clock.try_recv().map(message),
            ReceiverKind::Never => Err(TryRecvError::Empty),
        }
    }

    #[inline]
    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.recv(deadline),
            ReceiverKind::Unbounded(channel) => channel.recv(deadline),
            ReceiverKind::Rendezvous(channel) => channel.recv(deadline),
            ReceiverKind::Once(clock, message) => clock.recv(deadline).map(message),
            ReceiverKind::Tick(clock, message) => clock.recv(deadline).map(message),
            ReceiverKind::Never => super::clock::never(deadline),
        }
    }

    /// Waits for a message, and receives it.
    ///
    /// # Errors
    /// The channel is empty, and all senders are gone, or go while this waits.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// As [`recv`](Self::recv), for at most `timeout`. A timeout past the end of the clock is none.
    ///
    /// # Errors
    /// The time is up, or the channel is empty and all senders are gone.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// As [`recv`](Self::recv), until `deadline` at most.
    ///
    /// # Errors
    /// The deadline has come, or the channel is empty and all senders are gone.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    /// Whether no message is in the channel. Always so without a buffer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the buffer is full. Always so without one.
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// Messages in the channel. A clock has one when it is due.
    pub fn len(&self) -> usize {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.buffer().len(),
            ReceiverKind::Unbounded(channel) => channel.buffer().len(),
            ReceiverKind::Once(clock, _) => usize::from(clock.is_ready()),
            ReceiverKind::Tick(clock, _) => usize::from(clock.is_ready()),
            ReceiverKind::Rendezvous(_) | ReceiverKind::Never => 0,
        }
    }

    /// Messages for which there is room; `None` if there is always room. One for a clock.
    pub fn capacity(&self) -> Option<usize> {
        match &self.0 {
            ReceiverKind::Bounded(channel) => channel.buffer().capacity(),
            ReceiverKind::Unbounded(channel) => channel.buffer().capacity(),
            ReceiverKind::Rendezvous(_) | ReceiverKind::Never => Some(0),
            ReceiverKind::Once(..) | ReceiverKind::Tick(..) => Some(1),
        }
    }

    /// An iterator over messages, which waits for each, and ends when the channel is empty and all senders are gone.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// An iterator over the messages that are there, which ends when it would have to wait.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// Whether both receive from the same channel. [`never()`](super::never())s are all the same.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.0, &other.0) {
            (ReceiverKind::Bounded(a), ReceiverKind::Bounded(b)) => a.same_channel(b),
            (ReceiverKind::Unbounded(a), ReceiverKind::Unbounded(b)) => a.same_channel(b),
            (ReceiverKind::Rendezvous(a), ReceiverKind::Rendezvous(b)) => a.same_channel(b),
            (ReceiverKind::Once(a, _), ReceiverKind::Once(b, _)) => Arc::ptr_eq(a, b),
            (ReceiverKind::Tick(a, _), ReceiverKind::Tick(b, _)) => Arc::ptr_eq(a, b),
            (ReceiverKind::Never, ReceiverKind::Never) => true,
            _ => false,
        }
    }

    /// Does what a `select` has decided for.
    pub(super) fn complete(&self, grant: Grant) -> Result<T, RecvError> {
        match (grant, &self.0) {
            (Grant::Promised, ReceiverKind::Bounded(channel)) => Ok(channel.recv_promised()),
            (Grant::Promised, ReceiverKind::Unbounded(channel)) => Ok(channel.recv_promised()),
            (Grant::Partner(claim), ReceiverKind::Rendezvous(_)) => match rendezvous::take(claim) {
                Some(message) => Ok(message),
                // The partner, a selection too, has given up.
                None => self.recv(),
            },
            // SAFETY: it was put there for this channel, where only messages that fit are.
            (Grant::Message(slot), ReceiverKind::Rendezvous(_)) => Ok(unsafe { slot.as_ptr().cast::<T>().read() }),
            (Grant::Time(time), ReceiverKind::Once(_, message) | ReceiverKind::Tick(_, message)) => Ok(message(time)),
            _ => Err(RecvError),
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver(match &self.0 {
            ReceiverKind::Bounded(channel) => ReceiverKind::Bounded(channel.clone()),
            ReceiverKind::Unbounded(channel) => ReceiverKind::Unbounded(channel.clone()),
            ReceiverKind::Rendezvous(channel) => ReceiverKind::Rendezvous(channel.clone()),
            ReceiverKind::Once(clock, message) => ReceiverKind::Once(clock.clone(), *message),
            ReceiverKind::Tick(clock, message) => ReceiverKind::Tick(clock.clone(), *message),
            ReceiverKind::Never => ReceiverKind::Never,
        })
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter::new(self)
    }
}
