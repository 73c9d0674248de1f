//! Datagrams.

use super::addr::{from_kernel, to_kernel, unnamed};
use crate::net::handles::{handle, shutdown, transfers};
use crate::net::socket::{Kind, Socket};
use crate::net::sys;
use crate::sched::io::{Direction, Settings, Until, has_ended};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// A Unix socket for datagrams, as [`std::os::unix::net::UnixDatagram`]; a task that waits for it leaves its worker to others.
///
/// None is lost on the way: who sends waits for room. All methods take `&self`, so tasks and threads can share a socket; several may
/// receive, and each datagram goes to one of them.
///
/// What is set past this type on the same socket (through the descriptor: timeouts, the blocking mode) may go unnoticed.
pub struct UnixDatagram(Socket<std::os::unix::net::UnixDatagram>);

impl UnixDatagram {
    /// Makes a socket's file at the path, where others can send to.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if there is a file, [`InvalidInput`](io::ErrorKind::InvalidInput) if the path is too
    /// long or has a zero byte; what the kernel says.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::bind(path).map(UnixDatagram::fresh)
    }

    /// Takes an address, which may be an abstract one.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::bind_addr(socket_addr).map(UnixDatagram::fresh)
    }

    /// A socket without an address, which can send but not be sent to.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn unbound() -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::unbound().map(UnixDatagram::fresh)
    }

    /// Two sockets that are connected to each other, without names.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((UnixDatagram::fresh(one), UnixDatagram::fresh(other)))
    }

    /// Sends to the socket at that path from now on with [`Self::send`], and receives from it alone.
    ///
    /// # Errors
    /// As [`UnixStream::connect`](super::UnixStream::connect).
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.io().connect(path)
    }

    /// The same with an address, which may be an abstract one.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.0.io().connect_addr(socket_addr)
    }

    /// Receives a datagram, and gives its length and its sender. What does not fit into the buffer is lost. After a
    /// [shutdown](Self::shutdown) for reading there is nothing more: 0 bytes, as of an empty datagram.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the time is up, or at once if the socket is nonblocking; what the kernel says.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.receive(|fd| sys::recv_from(fd, buf, 0))? {
            Some((n, from)) => Ok((n, from_kernel(&from)?)),
            None => Ok((0, unnamed()?)),
        }
    }

    /// The same, without the sender.
    ///
    /// # Errors
    /// As [`Self::recv_from`].
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(|fd| sys::recv(fd, buf, 0)).map(Option::unwrap_or_default)
    }

    /// Sends a datagram to the socket at that path; waits while that one has as many as it takes (see the [module](super)).
    ///
    /// # Errors
    /// As [`UnixStream::connect`](super::UnixStream::connect); [`WouldBlock`](io::ErrorKind::WouldBlock) as [`Self::recv_from`]; what
    /// the kernel says: too long, of another type.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
    }

    /// The same with an address, which may be an abstract one.
    ///
    /// # Errors
    /// As [`Self::send_to`].
    pub fn send_to_addr(&self, buf: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        let addr = to_kernel(socket_addr)?;
        self.0.run_with_pauses(Direction::Write, |socket| sys::send_to(socket.as_fd(), buf, &addr))
    }

    /// Sends a datagram to the socket that this is connected to; waits while that one has as many as it takes.
    ///
    /// # Errors
    /// It is not connected, or its peer is gone. Otherwise as [`Self::send_to`].
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    /// Receives; none if the socket is shut down for reading. The kernel tells that to who blocks in it, while who asks without
    /// waiting is told to ask again, for ever.
    fn receive<R>(&self, mut receive: impl FnMut(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<Option<R>> {
        let is_empty = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        self.0.run(Direction::Read, Until::Setting, |socket| {
            let fd = socket.as_fd();
            match receive(fd) {
                Err(error) if is_empty(&error) && !self.0.settings().nonblocking(fd)? && has_ended(fd)? => {
                    // What came before the end.
                    receive(fd).map(Some).or_else(|error| if is_empty(&error) { Ok(None) } else { Err(error) })
                }
                other => other.map(Some),
            }
        })
    }

    fn fresh(socket: std::os::unix::net::UnixDatagram) -> UnixDatagram {
        UnixDatagram(Socket::new(socket, Settings::fresh()))
    }
}

impl Kind for std::os::unix::net::UnixDatagram {
    const UNIX: bool = true;
}

handle!(UnixDatagram, std::os::unix::net::UnixDatagram, SocketAddr);
transfers!(UnixDatagram, std::os::unix::net::UnixDatagram, SocketAddr);
shutdown!(UnixDatagram);
