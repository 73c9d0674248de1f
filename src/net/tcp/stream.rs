//! Connections.

use super::connect::connect;
use crate::net::addr::{ToSocketAddrs, each_addr};
use crate::net::handles::{handle, reads_and_writes, shutdown, transfers, ttl};
use crate::net::socket::{Kind, Socket};
use crate::sched::io::Until;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A TCP connection, as [`std::net::TcpStream`]; a task that waits for it leaves its worker to others.
///
/// All methods take `&self`, and `&TcpStream` reads and writes too, so that tasks and threads can share a connection; a read
/// and a write do not wait for each other. Dropping the last handle closes the connection.
///
/// A transfer costs one system call if the other side is ready. If it is not, its first wait registers the socket with the
/// worker's epoll instance, two system calls in the life of a connection.
///
/// What is set past this type on the same socket (through the descriptor: timeouts, the blocking mode) may go unnoticed.
pub struct TcpStream(pub(super) Socket<std::net::TcpStream>);

impl TcpStream {
    /// Connects to the first address that accepts.
    ///
    /// # Errors
    /// That of the last address tried; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        each_addr(addr, |addr| connect(addr, Until::Forever))
    }

    /// Connects, if it takes no longer than `timeout`.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut); [`InvalidInput`](io::ErrorKind::InvalidInput) if the timeout is zero; as
    /// [`Self::connect`].
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
        }
        let until = Instant::now().checked_add(timeout).map_or(Until::Forever, Until::At);
        connect(addr, until).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "connection timed out"),
            _ => error,
        })
    }

    /// Reads without taking anything out: the next read sees the same.
    ///
    /// # Errors
    /// As [`Read::read`](io::Read::read).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buf, libc::MSG_PEEK)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.io().set_nodelay(nodelay)
    }

    /// What [`Self::set_nodelay`] has set.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.io().nodelay()
    }

    /// The handle that this wraps, for what std has in traits.
    pub(crate) fn std(&self) -> &std::net::TcpStream {
        self.0.io()
    }
}

impl Kind for std::net::TcpStream {}

handle!(TcpStream, std::net::TcpStream, SocketAddr);
transfers!(TcpStream, std::net::TcpStream, SocketAddr);
ttl!(TcpStream);
shutdown!(TcpStream);
reads_and_writes!(TcpStream);
