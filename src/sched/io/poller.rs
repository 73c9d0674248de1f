//! A worker's epoll instance: what wakes its tasks when their sockets are ready, and the worker itself when others need it.

use super::outside::any_ready;
use super::readiness::{CAUTION, READABLE, WRITABLE};
use super::slots::Slots;
use super::source::Source;
use super::timer::Timer;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tokens that are no slots: places do not go that far.
const NOTIFY: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// How many events one system call takes in: enough that its cost vanishes, 4 KB of memory. What is left comes with the next.
const BATCH: usize = 256;

/// How long [`Poller::poll`] may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// Not at all.
    Now,
    /// Until this time of `CLOCK_MONOTONIC`, in ns. It may return sooner, without an event.
    Until(u64),
    /// Until an event or a [`PollerHandle::notify`].
    Never,
}

/// Belongs to one worker, which alone polls.
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    timer: Timer,
    /// Scratch space of `poll`, kept for its memory; empty outside.
    ready: Vec<(Arc<Source>, u64)>,
    handle: Arc<PollerHandle>,
}

/// What others do with a poller, from any thread.
pub(crate) struct PollerHandle {
    registry: Registry,
    waker: Waker,
    slots: Mutex<Slots>,
    /// How many slots are taken, to be read without the lock.
    registered: AtomicUsize,
}

/// Sources that are asked for at a time, when somebody wants to know whether one of them has an event.
const ASKED: usize = 1000;

impl Poller {
    /// Takes four descriptors: epoll, a second one for it, an eventfd and a timerfd.
    ///
    /// # Errors
    /// There are no descriptors left, or no memory.
    pub(crate) fn new() -> io::Result<Poller> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        poll.registry().register(&mut SourceFd(&timer.raw_fd()), TIMER, Interest::READABLE)?;
        let handle = Arc::new(PollerHandle {
            registry: poll.registry().try_clone()?,
            waker: Waker::new(poll.registry(), NOTIFY)?,
            slots: Mutex::default(),
            registered: AtomicUsize::new(0),
        });
        Ok(Poller { poll, events: Events::with_capacity(BATCH), timer, ready: Vec::new(), handle })
    }

    pub(crate) fn handle(&self) -> &Arc<PollerHandle> {
        &self.handle
    }

    /// How many sources are registered now. If there are none, a poll with [`Timeout::Now`] finds nothing but notifications.
    pub(crate) fn sources(&self) -> usize {
        self.handle.registered.load(Ordering::Relaxed)
    }

    /// Takes events in, after waiting for one if there is none, and wakes who waits for them; returns how many were woken.
    ///
    /// Returns 0 as well when it was notified, when the time is up, after a signal, and seldom without reason.
    ///
    /// # Errors
    /// What the kernel says, which it does not as long as the descriptors are its own.
    pub(crate) fn poll(&mut self, timeout: Timeout) -> io::Result<usize> {
        let limit = match timeout {
            Timeout::Now => Some(Duration::ZERO),
            Timeout::Never => None,
            Timeout::Until(deadline) => {
                self.timer.goes_off_until(deadline)?;
                None
            }
        };
        match self.poll.poll(&mut self.events, limit) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            other => other?,
        }
        if self.events.is_empty() {
            return Ok(0);
        }
        let slots = self.handle.slots();
        for event in &self.events {
            match event.token() {
                NOTIFY => {}
                TIMER => self.timer.heard(),
                // One that is gone has closed since the kernel said this.
                token => self.ready.extend(slots.get(token).map(|source| (source.clone(), bits(event)))),
            }
        }
        drop(slots);
        Ok(self.ready.drain(..).map(|(source, bits)| source.deliver(bits)).sum())
    }
}

impl Drop for Poller {
    /// What is still registered belongs to sockets that outlive this runtime: who waits for them registers them elsewhere.
    fn drop(&mut self) {
        let orphans = self.handle.slots().close();
        self.handle.registered.store(0, Ordering::Relaxed);
        for source in orphans {
            source.poller_is_gone(&self.handle);
        }
    }
}

impl PollerHandle {
    /// Whether a source is registered.
    pub(crate) fn has_sources(&self) -> bool {
        self.registered.load(Ordering::Relaxed) > 0
    }

    /// Whether a task waits for what is there already, but for its worker, which has not come to take the event in. Asks for some of
    /// the sources, with one system call. From any thread.
    pub(crate) fn is_awaited(&self) -> bool {
        let sources: Vec<_> = self.slots().sources().take(ASKED).cloned().collect();
        any_ready(sources.iter().filter_map(|source| source.awaited()).collect())
    }

    /// Makes the worker return from the poll that it is in, or else from the next.
    ///
    /// # Errors
    /// What the kernel says to a write to an eventfd.
    pub(crate) fn notify(&self) -> io::Result<()> {
        self.waker.wake()
    }

    /// Registers a source by a descriptor, which must be taken out with [`Self::deregister`] before it is closed.
    ///
    /// # Errors
    /// The poller is gone; no memory; the user's limit on watches is reached; the descriptor is not of a kind that can wait.
    pub(super) fn register(&self, source: &Arc<Source>, fd: RawFd) -> io::Result<Token> {
        let token = self.slots().insert(source.clone())?;
        // Priority is urgent data, which rules out a shortcut: see the module `io`.
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        if let Err(error) = self.registry.register(&mut SourceFd(&fd), token, interest) {
            let gone = self.slots().remove(token);
            drop(gone);
            return Err(error);
        }
        self.registered.fetch_add(1, Ordering::Relaxed);
        Ok(token)
    }

    /// No event that the worker has not taken in yet will find the source.
    pub(super) fn deregister(&self, token: Token, fd: RawFd) {
        // Fails if the program closed the descriptor behind our back. Events of this token find nobody all the same.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
        let gone = self.slots().remove(token);
        if gone.is_some() {
            self.registered.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // Nothing panics under this lock.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event brings. Errors make both directions ready: the next operation, whichever, is to report them.
fn bits(event: &Event) -> u64 {
    let unusual = event.is_read_closed() || event.is_write_closed() || event.is_error() || event.is_priority();
    let readable = event.is_readable() || event.is_read_closed() || event.is_error();
    let writable = event.is_writable() || event.is_write_closed() || event.is_error();
    [(readable, READABLE), (writable, WRITABLE), (unusual, CAUTION)]
        .into_iter()
        .filter_map(|(set, bit)| set.then_some(bit))
        .sum()
}
