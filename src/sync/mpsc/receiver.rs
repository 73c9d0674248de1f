//! The receiving side, and iterators over what it receives.

use super::{RecvError, RecvTimeoutError, TryRecvError};
use crate::channel;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::RefUnwindSafe;
use std::time::Duration;

/// The receiving side of a channel, of which there is one. When it is dropped, the channel is disconnected, and what is in it is
/// dropped.
///
/// It may be sent to another task or thread, but not shared:
///
/// ```compile_fail,E0277
/// fn share(_: impl Sync) {}
/// share(morestack::sync::mpsc::channel::<u8>().1);
/// ```
pub struct Receiver<T> {
    receiver: channel::Receiver<T>,
    /// As std's. The channel could be shared.
    not_sync: PhantomData<Cell<()>>,
}

// No cell is in it.
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(receiver: channel::Receiver<T>) -> Receiver<T> {
        Receiver { receiver, not_sync: PhantomData }
    }

    /// Receives a message if that need not wait: one is there, or, in a channel without room for any, somebody waits to send.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty), or [`Disconnected`](TryRecvError::Disconnected): it is empty, and all senders are gone.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv().map_err(|error| match error {
            channel::TryRecvError::Empty => TryRecvError::Empty,
            channel::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    /// Waits for a message, and receives it.
    ///
    /// # Errors
    /// The channel is empty, and all senders are gone, or go while this waits.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiver.recv().map_err(|channel::RecvError| RecvError)
    }

    /// As [`recv`](Self::recv), for at most `timeout`. A timeout past the end of the clock is none.
    ///
    /// # Errors
    /// [`Timeout`](RecvTimeoutError::Timeout), or [`Disconnected`](RecvTimeoutError::Disconnected): the channel is empty, and all
    /// senders are gone.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout).map_err(|error| match error {
            channel::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            channel::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// An iterator over messages, which waits for each, and ends when the channel is empty and all senders are gone.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// An iterator over the messages that are there, which ends when it would have to wait.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
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
        IntoIter { rx: self }
    }
}

// The fields of the iterators have std's name, which their `Debug` shows.

/// Waits for messages, until the channel is empty and all senders are gone. Made by [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T: 'a> {
    rx: &'a Receiver<T>,
}

/// Takes messages until it would have to wait. Made by [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T: 'a> {
    rx: &'a Receiver<T>,
}

/// As [`Iter`], with the receiver. Made by [`Receiver::into_iter`].
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}
