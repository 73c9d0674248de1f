//! Connections.

use super::connect::connect;
use crate::net::addr::{ToSocketAddrs, each_addr};
use crate::net::socket::{Socket, conversions};
use crate::net::sys;
use crate::sched::io::{Direction, Settings, Until};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
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

    /// The address of the other end.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.io().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io().local_addr()
    }

    /// Closes one direction or both for all handles. Who waits in a read or write of that direction returns.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.io().shutdown(how)
    }

    /// Another handle of the same connection, with a descriptor of its own. Settings and what was received are shared.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        self.0.try_clone(std::net::TcpStream::try_clone).map(TcpStream)
    }

    /// Sets how long a read may wait; none: for ever. It then fails with [`WouldBlock`](io::ErrorKind::WouldBlock), as std's
    /// does here. Holds for all handles of the connection, from the next read on.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.io().set_read_timeout(timeout)?;
        self.0.settings().set_timeout(Direction::Read, timeout);
        Ok(())
    }

    /// Sets how long a write may wait; otherwise as [`Self::set_read_timeout`].
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.io().set_write_timeout(timeout)?;
        self.0.settings().set_timeout(Direction::Write, timeout);
        Ok(())
    }

    /// How long a read may wait, as the kernel has rounded it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.io().read_timeout()
    }

    /// How long a write may wait, as the kernel has rounded it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.io().write_timeout()
    }

    /// Reads without taking anything out: the next read sees the same.
    ///
    /// # Errors
    /// As [`Read::read`].
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, Until::Setting, |stream| sys::recv(stream.as_fd(), buf, libc::MSG_PEEK))
    }

    /// Waits until there is something to read, the other side has ended or an error is to be reported, and reads nothing: a
    /// connection that idles needs no buffer. The timeout for reads applies.
    ///
    /// It may, seldom, return too early. And another reader may be faster; a read then waits again.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the time is up, or at once if the stream is nonblocking.
    pub fn wait_readable(&self) -> io::Result<()> {
        self.0.wait_ready(Direction::Read)
    }

    /// Waits until there is room to write into, or an error to report; otherwise as [`Self::wait_readable`].
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the time is up, or at once if the stream is nonblocking.
    pub fn wait_writable(&self) -> io::Result<()> {
        self.0.wait_ready(Direction::Write)
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

    /// Sets the time to live of the packets sent (`IP_TTL`).
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

    /// Whether reads and writes fail with [`WouldBlock`](io::ErrorKind::WouldBlock) instead of waiting, tasks and threads
    /// alike, for all handles of the connection. Off at first: tasks need not set it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.io().set_nonblocking(nonblocking)?;
        self.0.settings().set_nonblocking(nonblocking);
        Ok(())
    }

    fn into_std(self) -> std::net::TcpStream {
        self.0.into_io()
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let capacity = sys::capacity([buf.len()].into_iter());
        self.0.transfer(Direction::Read, capacity, |fd| sys::recv(fd, buf, 0))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let capacity = sys::capacity(bufs.iter().map(|buf| buf.len()));
        self.0.transfer(Direction::Read, capacity, |fd| sys::recv_vectored(fd, bufs))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let capacity = sys::capacity([buf.len()].into_iter());
        self.0.transfer(Direction::Write, capacity, |fd| sys::send(fd, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let capacity = sys::capacity(bufs.iter().map(|buf| buf.len()));
        self.0.transfer(Direction::Write, capacity, |fd| sys::send_vectored(fd, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<std::net::TcpStream> for TcpStream {
    /// Costs no system call. What was set on the connection stays set, the blocking mode included.
    fn from(stream: std::net::TcpStream) -> TcpStream {
        TcpStream(Socket::new(stream, Settings::unknown()))
    }
}

conversions!(TcpStream, std::net::TcpStream);
