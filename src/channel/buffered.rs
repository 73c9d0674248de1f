//! Channels with a buffer: bounded ones, in a ring, and unbounded ones, in a list. As long as nobody has to wait, no lock is taken.

use super::buffer::{Buffer, Refused};
use super::list::List;
use super::ring::Ring;
use super::shared::HasSides;
use super::waiters::Waiters;
use crate::sched;
use crate::sched::on::{On, WaitsFor};
use crossbeam_channel::{RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use std::time::Instant;

/// A buffer, and who waits for it.
pub(super) struct Buffered<B> {
    buffer: B,
    senders: Waiters,
    receivers: Waiters,
}

impl<B> Buffered<B> {
    pub(super) fn new(buffer: B) -> Buffered<B> {
        Buffered { buffer, senders: Waiters::new(), receivers: Waiters::new() }
    }

    /// Those who wait for a place.
    pub(super) fn senders(&self) -> &Waiters {
        &self.senders
    }

    /// Those who wait for a message.
    pub(super) fn receivers(&self) -> &Waiters {
        &self.receivers
    }

    pub(super) fn buffer(&self) -> &B {
        &self.buffer
    }

    #[inline]
    pub(super) fn try_send<T>(&self, message: T) -> Result<(), TrySendError<T>>
    where
        B: Buffer<T>,
    {
        match self.buffer.push(message) {
            Ok(()) => {
                self.receivers.notify();
                Ok(())
            }
            Err((message, Refused::NotNow)) => Err(TrySendError::Full(message)),
            Err((message, Refused::Closed)) => Err(TrySendError::Disconnected(message)),
        }
    }

    #[inline]
    pub(super) fn send<T>(&self, message: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>>
    where
        B: Buffer<T>,
    {
        sched::pay();
        match self.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => self.send_waiting(message, deadline),
            Err(TrySendError::Disconnected(message)) => Err(SendTimeoutError::Disconnected(message)),
        }
    }

    #[cold]
    fn send_waiting<T>(&self, mut message: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>>
    where
        B: Buffer<T>,
    {
        let mut again = false;
        loop {
            let time_is_up =
                self.senders.wait(On::new(WaitsFor::Send, self), deadline, again, || self.buffer.can_push());
            match self.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(message)) => return Err(SendTimeoutError::Disconnected(message)),
                Err(TrySendError::Full(back)) if time_is_up => return Err(SendTimeoutError::Timeout(back)),
                Err(TrySendError::Full(back)) => message = back,
            }
            again = true;
        }
    }

    #[inline]
    pub(super) fn try_recv<T>(&self) -> Result<T, TryRecvError>
    where
        B: Buffer<T>,
    {
        match self.buffer.pop() {
            Ok(message) => {
                self.senders.notify();
                Ok(message)
            }
            Err(Refused::NotNow) => Err(TryRecvError::Empty),
            Err(Refused::Closed) => Err(TryRecvError::Disconnected),
        }
    }

    #[inline]
    pub(super) fn recv<T>(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError>
    where
        B: Buffer<T>,
    {
        sched::pay();
        match self.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Empty) => self.recv_waiting(deadline),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
        }
    }

    #[cold]
    fn recv_waiting<T>(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError>
    where
        B: Buffer<T>,
    {
        let mut again = false;
        loop {
            let time_is_up =
                self.receivers.wait(On::new(WaitsFor::Receive, self), deadline, again, || self.buffer.can_pop());
            match self.try_recv() {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if time_is_up => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => {}
            }
            again = true;
        }
    }

    /// Puts a message into the place that was promised.
    pub(super) fn send_promised<T>(&self, message: T) -> Result<(), SendError<T>>
    where
        B: Buffer<T>,
    {
        self.buffer.push_promised(message).map_err(SendError)?;
        self.receivers.notify();
        Ok(())
    }

    /// Takes the message that was promised.
    pub(super) fn recv_promised<T>(&self) -> T
    where
        B: Buffer<T>,
    {
        let message = self.buffer.pop_promised();
        self.senders.notify();
        message
    }

    /// The last handle of one side is gone.
    fn close<T>(&self)
    where
        B: Buffer<T>,
    {
        self.buffer.close();
        self.senders.close();
        self.receivers.close();
    }
}

impl<T> HasSides for Buffered<Ring<T>> {
    fn senders_are_gone(&self) {
        self.close();
    }

    fn receivers_are_gone(&self) {
        self.close();
        // What nobody will receive.
        while self.buffer.pop().is_ok() {}
    }
}

impl<T> HasSides for Buffered<List<T>> {
    fn senders_are_gone(&self) {
        self.close();
    }

    fn receivers_are_gone(&self) {
        self.close();
        while self.buffer.pop().is_ok() {}
    }
}
