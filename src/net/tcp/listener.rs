//! Listeners.

use super::TcpStream;
use crate::net::addr::{ToSocketAddrs, each_addr};
use crate::net::socket::{Socket, conversions};
use crate::sched::io::{Direction, Settings, Until, kernel_nonblocking};
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

/// A socket that accepts connections, as [`std::net::TcpListener`]; a task that waits for one leaves its worker to others.
///
/// Several tasks and threads may accept on one listener. Each connection goes to one of them.
///
/// Its descriptor is nonblocking for the kernel, because `accept` knows no other way not to wait. A conversion to std makes
/// it blocking again, unless the program has set it nonblocking; that mode belongs to the open socket, so it had better be the
/// last handle: another one's `accept` would then block its worker.
pub struct TcpListener(Socket<std::net::TcpListener>);

impl TcpListener {
    /// Listens at the first address where that is possible, with std's backlog and `SO_REUSEADDR`.
    ///
    /// # Errors
    /// That of the last address tried; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        each_addr(addr, |addr| {
            let listener = std::net::TcpListener::bind(addr)?;
            listener.set_nonblocking(true)?;
            Ok(TcpListener(Socket::new(listener, Settings::fresh())))
        })
    }

    /// The address that this listens at.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io().local_addr()
    }

    /// Another handle of the same listening socket, with a descriptor of its own.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        self.0.try_clone(std::net::TcpListener::try_clone).map(TcpListener)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// What the kernel says. Without a free descriptor (`EMFILE`, `ENFILE`) the connection stays in the backlog, and the next
    /// call gets it, or the same error at once.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.prepare()?;
        let (stream, peer) = self.0.run(Direction::Read, Until::Setting, std::net::TcpListener::accept)?;
        Ok((TcpStream(Socket::new(stream, self.0.settings().of_accepted())), peer))
    }

    /// The connections, one after the other, without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Sets the time to live of the packets sent on accepted connections (`IP_TTL`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.io().set_ttl(ttl)
    }

    /// What [`Self::set_ttl`] has set.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.io().ttl()
    }

    /// Takes the socket's pending error (`SO_ERROR`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.io().take_error()
    }

    /// Whether `accept` fails with [`WouldBlock`](io::ErrorKind::WouldBlock) instead of waiting, for all handles of the
    /// listening socket. Off at first: tasks need not set it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.prepare()?;
        self.0.settings().set_nonblocking(nonblocking);
        Ok(())
    }

    /// Makes a descriptor that came from elsewhere nonblocking, once, and notes the mode that it had.
    fn prepare(&self) -> io::Result<()> {
        static PREPARING: Mutex<()> = Mutex::new(());
        if self.0.settings().known_nonblocking().is_some() {
            return Ok(());
        }
        // One at a time, lest one takes what another has just set for the program's own wish.
        let _alone = PREPARING.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.settings().known_nonblocking().is_none() {
            let nonblocking = kernel_nonblocking(self.as_fd())?;
            self.0.io().set_nonblocking(true)?;
            // Known only now: whoever sees this may accept.
            self.0.settings().set_nonblocking(nonblocking);
        }
        Ok(())
    }

    fn into_std(self) -> std::net::TcpListener {
        let untouched = self.0.settings().known_nonblocking() != Some(false);
        let listener = self.0.into_io();
        if !untouched {
            // It does not fail on an open descriptor.
            let _ = listener.set_nonblocking(false);
        }
        listener
    }
}

/// The connections of a [`TcpListener`], as [`std::net::Incoming`]; from [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

impl From<std::net::TcpListener> for TcpListener {
    /// What was set on the listener stays set, the blocking mode included: see [`TcpListener`].
    fn from(listener: std::net::TcpListener) -> TcpListener {
        TcpListener(Socket::new(listener, Settings::unknown()))
    }
}

conversions!(TcpListener, std::net::TcpListener);
