//! Readiness: how a task waits for a socket without keeping its worker.
//!
//! Each worker has a [`Poller`], an epoll instance. Each socket has a [`Source`], which says what the kernel is known to be
//! ready for and who waits. A socket is registered with one poller, edge-triggered and for both directions at once, when a
//! task first has to wait for it: with the poller of the worker that this task runs on. What never waits never registers.
//! OS threads outside a runtime do not register either; they wait in `ppoll`.
//!
//! **No edge is lost.** An edge-triggered event tells of a change once. The bits of a source ([`readiness`]) say that the
//! kernel *may* be ready; only the kernel's `EAGAIN` clears one (and the shortcut below). In between an event may come:
//!
//! ```text
//!     task                                  poller
//!     seen = bits, tick
//!     recv -> EAGAIN
//!                                           event: bits |= READABLE, tick += 1; wakes who waits
//!     clear READABLE if tick is still seen's: it is not, so try again
//! ```
//!
//! An event that is delivered after `seen` was read makes the clear fail. One that the kernel raises after `EAGAIN` and that
//! is delivered after the clear sets the bit again. One that was raised before `EAGAIN` is either delivered later, which
//! costs a try in vain, or was delivered before `seen` was read, and then `EAGAIN` is the younger news. Who waits links itself
//! under the source's lock and looks at the bits under it once more; an event sets bits first and takes the linked ones out
//! under the lock afterwards. So either the waiter sees the bit or the event sees the waiter.
//!
//! **The shortcut.** A `recv` on a stream that returns less than there was room for has emptied the receive queue, so the bit
//! is cleared without a second `recv` that would only say `EAGAIN`; likewise a short `send` has filled the send buffer. What
//! comes afterwards raises a new edge. It may not be done where there is more to learn than the queue holds and its edge may
//! already have been delivered: the end of the stream (FIN or reset), a pending error, and urgent data, at whose mark a
//! `recv` stops early. Any event that tells of one of these sets a bit that never goes away, and rules the shortcut out for that
//! source. An event of that kind that is delivered after the short read sets the bits again by itself. It is for TCP alone: a
//! datagram that is shorter than the buffer says nothing of the next, and a Unix stream's `recv` ends early where descriptors were
//! sent along.
//!
//! **Not all has an event.** A Unix stream that connects to a full backlog and a Unix datagram for a full receiver get `EAGAIN`, and
//! nothing tells when it is over: who waits tries again after [`pauses`]. A Unix socket whose buffer is full says nothing when it
//! is shut down for writing, or its peer for reading ([`Events::NotAllEnds`]): who waits to write asks again each second. And one for
//! datagrams that is shut down for reading says `EAGAIN` for ever to who does not block in the kernel, so `net` [asks](has_ended)
//! after that.
//!
//! **Wakes go to all that wait for the direction**, not to one: several tasks in `accept` or `read` on one socket are seldom,
//! and handing an edge from one to the next goes wrong when one of them times out or is cancelled with it.
//!
//! **Descriptors are used again** by the kernel at once. Events name their source by place and generation in the poller's
//! [`slots`], so that an old event finds nobody, rather than the next socket. Who closes a descriptor takes it out of epoll
//! before ([`Lease`]): closing alone would not, if another descriptor of the same open file is left.
//!
//! Locks: a source's lock is taken before a poller's, never the other way round, and wakes happen under neither.

mod outside;
mod pauses;
mod poller;
mod readiness;
mod settings;
mod slots;
mod source;
#[cfg(test)]
pub(crate) mod tests;
mod timer;
mod waiters;

pub(crate) use outside::{has_ended, poll_now};
pub(crate) use poller::{Poller, PollerHandle, Timeout};
pub(crate) use settings::{Settings, kernel_nonblocking};
pub(crate) use source::{Events, Lease, Source, Until};

use super::on::WaitsFor;
use std::cell::RefCell;
use std::sync::Arc;

/// What a task may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    fn waits_for(self) -> WaitsFor {
        match self {
            Direction::Read => WaitsFor::Readable,
            Direction::Write => WaitsFor::Writable,
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<PollerHandle>>> = const { RefCell::new(None) };
}

/// The poller of the worker that runs on this thread; none on other threads, and none while thread-locals are destroyed.
pub(crate) fn current_poller() -> Option<Arc<PollerHandle>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Says which poller is this thread's: a worker's, as long as it runs tasks.
pub(crate) fn set_current_poller(poller: Option<Arc<PollerHandle>>) {
    CURRENT.set(poller);
}

/// While it lives, I/O on this thread waits as on any OS thread, whatever poller there is.
pub(crate) struct NoPoller(Option<Arc<PollerHandle>>);

impl NoPoller {
    pub(crate) fn new() -> NoPoller {
        NoPoller(CURRENT.try_with(|current| current.take()).ok().flatten())
    }
}

impl Drop for NoPoller {
    fn drop(&mut self) {
        if self.0.is_some() {
            set_current_poller(self.0.take());
        }
    }
}

/// Whether this thread is a worker, on which tasks wait by way of the poller.
fn on_worker() -> bool {
    CURRENT.try_with(|current| current.borrow().is_some()).unwrap_or(false)
}
