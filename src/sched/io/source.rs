//! One open socket: what it is ready for, who waits for it, and with which poller it is registered.

use super::outside::{block, poll_now, question};
use super::readiness::{READABLE, Readiness, WRITABLE};
use super::waiters::{Ticket, Waiters};
use super::{Direction, PollerHandle, Settings, current_poller, on_worker};
use crate::sched::on::On;
use crate::sched::wait::{wait, wait_until};
use crate::sched::waker::Waker;
use mio::Token;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long who wants to write relies on events that may not come.
const DOUBT: Duration = Duration::from_secs(1);

/// Shared by all handles of an open socket, clones with a descriptor of their own included.
pub(crate) struct Source {
    readiness: Readiness,
    state: Mutex<State>,
    pub(crate) settings: Settings,
    events: Events,
}

/// What the kernel tells of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    /// Whatever ends a wait.
    All,
    /// Not that nobody will read any more, while the buffer is full: Unix sockets. So who waits to write asks again, each second.
    NotAllEnds,
}

struct State {
    /// None before a task first waits, and again when the descriptor or the poller is gone that it was made with.
    registration: Option<Registration>,
    waiters: [Waiters; 2],
    next_ticket: Ticket,
}

struct Registration {
    poller: Arc<PollerHandle>,
    token: Token,
    fd: RawFd,
}

/// How long an operation waits.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// As long as the program has set for the socket.
    Setting,
    At(Instant),
    Forever,
}

impl Source {
    pub(crate) fn new(settings: Settings, events: Events) -> Source {
        let state = State { registration: None, waiters: Default::default(), next_ticket: 1 };
        Source { readiness: Readiness::unknown(), state: Mutex::new(state), settings, events }
    }

    /// Runs `operation`, which must not block in the kernel, again and again until it says something else than `EAGAIN`, and
    /// waits in between. `short` tells of a result that the kernel was not ready to give more.
    ///
    /// # Errors
    /// What `operation` says: `EAGAIN` only if the time is up or the socket is set to nonblocking. What registering says.
    pub(crate) fn run<T>(
        self: &Arc<Self>,
        fd: BorrowedFd<'_>,
        direction: Direction,
        until: Until,
        mut operation: impl FnMut() -> io::Result<T>,
        short: impl Fn(&T) -> bool,
    ) -> io::Result<T> {
        crate::sched::pay();
        let mut deadline = None;
        let (mut doubts, mut time_is_up) = (false, false);
        loop {
            let seen = self.readiness.load();
            if seen.has(direction) || doubts || self.asks_always() {
                match operation() {
                    Ok(result) => {
                        if short(&result) {
                            self.readiness.clear_after_short_transfer(direction, seen);
                        }
                        return Ok(result);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Err(error) if time_is_up || self.settings.nonblocking(fd)? => return Err(error),
                    Err(_) if !self.readiness.clear(direction, seen) => continue,
                    Err(_) => {}
                }
            }
            let deadline = match deadline {
                Some(known) => known,
                None => *deadline.insert(self.deadline(fd, direction, until)?),
            };
            let until = earlier(deadline, self.doubts_at(direction));
            doubts = !self.wait(fd, direction, until)?;
            // The operation has the last word: what came before the time was up counts, though no event has told of it.
            time_is_up = doubts && until == deadline;
        }
    }

    /// Waits until the socket is ready. Somebody else may take what there is before the caller does.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn wait_ready(self: &Arc<Self>, fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
        loop {
            let seen = self.readiness.load();
            if !seen.has(direction) && !self.asks_always() {
                break;
            }
            match poll_now(fd, direction) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.settings.nonblocking(fd)? {
                        return Err(error);
                    }
                }
                other => return other,
            }
            if self.readiness.clear(direction, seen) {
                break;
            }
        }
        let deadline = self.deadline(fd, direction, Until::Setting)?;
        if self.wait(fd, direction, deadline)? { Ok(()) } else { poll_now(fd, direction) }
    }

    /// Whether the kernel is asked even if no event has told of anything: no poller takes events in for an OS thread, and a
    /// program that does not want to wait may never let its worker poll.
    fn asks_always(&self) -> bool {
        !on_worker() || self.settings.known_nonblocking() == Some(true)
    }

    pub(super) fn deadline(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        until: Until,
    ) -> io::Result<Option<Instant>> {
        Ok(match until {
            Until::Setting => self.settings.timeout(fd, direction)?.and_then(|limit| Instant::now().checked_add(limit)),
            Until::At(deadline) => Some(deadline),
            Until::Forever => None,
        })
    }

    /// When a wait that begins now asks the kernel itself.
    fn doubts_at(&self, direction: Direction) -> Option<Instant> {
        let doubtful = self.events == Events::NotAllEnds && direction == Direction::Write;
        doubtful.then(|| Instant::now() + DOUBT)
    }

    /// Waits until the source may be ready, or the time is up: then false.
    fn wait(self: &Arc<Self>, fd: BorrowedFd<'_>, direction: Direction, deadline: Option<Instant>) -> io::Result<bool> {
        if !on_worker() {
            return block(fd, direction, deadline);
        }
        let mut linked = Linked { source: self, direction, ticket: None };
        loop {
            {
                let mut state = self.lock();
                if state.registration.is_none() {
                    state.registration = Some(self.register(fd)?);
                }
                if self.readiness.load().has(direction) {
                    let waker = linked.unlink(&mut state);
                    drop(state);
                    drop(waker);
                    return Ok(true);
                }
                linked.link(&mut state);
            }
            let on = On::numbered(direction.waits_for(), fd.as_raw_fd() as u64);
            match deadline {
                None => wait(on),
                Some(deadline) if wait_until(on, deadline) => return Ok(self.readiness.load().has(direction)),
                Some(_) => {}
            }
        }
    }

    fn register(self: &Arc<Self>, fd: BorrowedFd<'_>) -> io::Result<Registration> {
        let poller = current_poller().ok_or_else(|| io::Error::other("no poller on this thread"))?;
        let token = poller.register(self, fd.as_raw_fd())?;
        Ok(Registration { poller, token, fd: fd.as_raw_fd() })
    }

    /// An event of the poller; returns how many it woke.
    pub(super) fn deliver(&self, bits: u64) -> usize {
        self.readiness.raise(bits);
        let mut state = self.lock();
        let [readers, writers] = &mut state.waiters;
        let readers = if bits & READABLE != 0 { mem::take(readers) } else { Waiters::default() };
        let writers = if bits & WRITABLE != 0 { mem::take(writers) } else { Waiters::default() };
        drop(state);
        readers.wake() + writers.wake()
    }

    /// What to ask the kernel on behalf of those who wait for the poller to take an event in; none if nobody does.
    pub(super) fn awaited(&self) -> Option<libc::pollfd> {
        let state = self.lock();
        let fd = state.registration.as_ref()?.fd;
        let waits = |direction: &Direction| !state.waiters[*direction as usize].is_empty();
        let asked = question(fd, [Direction::Read, Direction::Write].into_iter().filter(waits));
        (asked.events != 0).then_some(asked)
    }

    /// The poller is about to go.
    pub(super) fn poller_is_gone(&self, poller: &Arc<PollerHandle>) {
        self.end_registration(|registration| Arc::ptr_eq(&registration.poller, poller));
    }

    /// Ends the registration if it is the one meant; those who wait make a new one with their own descriptor and poller.
    fn end_registration(&self, is_meant: impl Fn(&Registration) -> bool) {
        let mut state = self.lock();
        let Some(Registration { poller, token, fd }) =
            state.registration.take_if(|registration| is_meant(registration))
        else {
            return;
        };
        poller.deregister(token, fd);
        self.readiness.raise(READABLE | WRITABLE);
        let [readers, writers] = mem::take(&mut state.waiters);
        drop(state);
        readers.wake();
        writers.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// A waiter; unlinks itself when the wait ends, by unwinding too.
struct Linked<'a> {
    source: &'a Source,
    direction: Direction,
    ticket: Option<Ticket>,
}

impl Linked<'_> {
    /// Links the caller, if it is not linked.
    fn link(&mut self, state: &mut State) {
        let waiters = &mut state.waiters[self.direction as usize];
        if self.ticket.is_none_or(|ticket| !waiters.contains(ticket)) {
            let ticket = *self.ticket.get_or_insert(state.next_ticket);
            waiters.link(ticket, Waker::current());
            state.next_ticket = state.next_ticket.max(ticket + 1);
        }
    }

    fn unlink(&mut self, state: &mut State) -> Option<Waker> {
        self.ticket.take().and_then(|ticket| state.waiters[self.direction as usize].unlink(ticket))
    }
}

impl Drop for Linked<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let mut state = self.source.lock();
            let waker = self.unlink(&mut state);
            drop(state);
            drop(waker);
        }
    }
}

/// A handle's part in a source. It must be dropped before the handle's descriptor is closed or given away.
pub(crate) struct Lease {
    fd: RawFd,
    source: Arc<Source>,
}

impl Lease {
    pub(crate) fn new(fd: RawFd, source: Arc<Source>) -> Lease {
        Lease { fd, source }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }
}

impl Drop for Lease {
    /// Takes the descriptor out of epoll, if it is the one that was registered.
    fn drop(&mut self) {
        self.source.end_registration(|registration| registration.fd == self.fd);
    }
}
