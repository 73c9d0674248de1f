//! What a server can accept from, and what it accepts.

use morestack::net::unix::{UnixListener, UnixStream};
use morestack::net::{TcpListener, TcpStream};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;

/// A socket that accepts connections.
pub trait Listener: AsFd + Send + Sync + 'static {
    type Stream: Stream;

    /// Waits for a connection, and says whose it is if that has an address.
    fn accept(&self) -> io::Result<(Self::Stream, Option<SocketAddr>)>;
    /// Whether `accept` fails instead of waiting.
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
}

/// A connection.
pub trait Stream: Send + Sync + 'static {
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    /// Waits until there is something to read, or the end.
    fn wait_readable(&self) -> io::Result<()>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        TcpListener::accept(self).map(|(stream, peer)| (stream, Some(peer)))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        TcpListener::set_nonblocking(self, nonblocking)
    }
}

impl Stream for TcpStream {
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        TcpStream::shutdown(self, how)
    }

    fn wait_readable(&self) -> io::Result<()> {
        TcpStream::wait_readable(self)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<(UnixStream, Option<SocketAddr>)> {
        UnixListener::accept(self).map(|(stream, _)| (stream, None))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        UnixListener::set_nonblocking(self, nonblocking)
    }
}

impl Stream for UnixStream {
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        UnixStream::shutdown(self, how)
    }

    fn wait_readable(&self) -> io::Result<()> {
        UnixStream::wait_readable(self)
    }
}
