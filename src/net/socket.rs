//! A handle of std that waits our way.

use crate::sched::io::{Direction, Events, Lease, Settings, Source, Until};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

/// A socket type of std.
pub(super) trait Kind: AsFd {
    /// Whether it is of `std::os::unix::net`: of those, events and short transfers tell less. See the module `unix`.
    const UNIX: bool = false;
}

/// A descriptor, and its part in what all handles of its open socket share.
pub(super) struct Socket<T> {
    // Before `io`, so that it is dropped before: see `Lease`.
    lease: Lease,
    io: T,
}

impl<T: Kind> Socket<T> {
    pub(super) fn new(io: T, settings: Settings) -> Socket<T> {
        let events = if T::UNIX { Events::NotAllEnds } else { Events::All };
        Socket::sharing(io, Arc::new(Source::new(settings, events)))
    }

    /// Another handle of the same open socket: `clone` has duplicated the descriptor.
    pub(super) fn try_clone(&self, clone: impl FnOnce(&T) -> io::Result<T>) -> io::Result<Socket<T>> {
        Ok(Socket::sharing(clone(&self.io)?, self.lease.source().clone()))
    }

    fn sharing(io: T, source: Arc<Source>) -> Socket<T> {
        Socket { lease: Lease::new(io.as_fd().as_raw_fd(), source), io }
    }

    pub(super) fn io(&self) -> &T {
        &self.io
    }

    /// Gives the handle away, which nobody waits for any more.
    pub(super) fn into_io(self) -> T {
        self.io
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.lease.source().settings
    }

    /// Transfers with `operation`, waiting as long as the socket's timeout allows; less than `capacity` bytes say that there
    /// is, or fits, no more for now.
    pub(super) fn transfer(
        &self,
        direction: Direction,
        capacity: usize,
        mut operation: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let fd = self.io.as_fd();
        self.lease.source().run(fd, direction, Until::Setting, || operation(fd), |&n| n < capacity)
    }

    /// Runs `operation`, of which nothing is known but that `EAGAIN` means to wait.
    pub(super) fn run<R>(
        &self,
        direction: Direction,
        until: Until,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.lease.source().run(self.io.as_fd(), direction, until, || operation(&self.io), |_| false)
    }

    /// The same, where no event tells when `EAGAIN` is over.
    pub(super) fn run_with_pauses<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.lease.source().run_with_pauses(self.io.as_fd(), direction, || operation(&self.io))
    }

    pub(super) fn wait_ready(&self, direction: Direction) -> io::Result<()> {
        self.lease.source().wait_ready(self.io.as_fd(), direction)
    }
}
