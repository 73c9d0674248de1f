//! Connections.

use super::addr::to_kernel;
use crate::net::handles::{handle, reads_and_writes, shutdown, transfers};
use crate::net::socket::{Kind, Socket};
use crate::sched::io::{Direction, Settings};
use socket2::{Domain, SockRef, Type};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// A Unix connection, as [`std::os::unix::net::UnixStream`]; a task that waits for it leaves its worker to others.
///
/// All methods take `&self`, and `&UnixStream` reads and writes too, so that tasks and threads can share a connection; a read
/// and a write do not wait for each other. Dropping the last handle closes the connection.
///
/// What is set past this type on the same socket (through the descriptor: timeouts, the blocking mode) may go unnoticed.
pub struct UnixStream(pub(super) Socket<std::os::unix::net::UnixStream>);

impl UnixStream {
    /// Connects to the socket at that path.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) if there is no file, [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) if nobody
    /// listens there, [`InvalidInput`](io::ErrorKind::InvalidInput) if the path is too long or has a zero byte; what the kernel
    /// says.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to an address, which may be an abstract one.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        let addr = to_kernel(socket_addr)?;
        let fresh = OwnedFd::from(socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?);
        let socket = Socket::new(std::os::unix::net::UnixStream::from(fresh), Settings::fresh());
        // It is connected at once or not at all. What would block is a full backlog.
        socket.io().set_nonblocking(true)?;
        socket.run_with_pauses(Direction::Write, |stream| SockRef::from(stream).connect(&addr))?;
        // The mode is the program's to set: see the module `net`.
        socket.io().set_nonblocking(false)?;
        Ok(UnixStream(socket))
    }

    /// The two ends of a connection without a name.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        let ours = |stream| UnixStream(Socket::new(stream, Settings::fresh()));
        Ok((ours(one), ours(other)))
    }
}

impl Kind for std::os::unix::net::UnixStream {
    const UNIX: bool = true;
}

handle!(UnixStream, std::os::unix::net::UnixStream, SocketAddr);
transfers!(UnixStream, std::os::unix::net::UnixStream, SocketAddr);
shutdown!(UnixStream);
reads_and_writes!(UnixStream);
