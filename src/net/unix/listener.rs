//! Listeners.

use super::UnixStream;
use crate::net::handles::handle;
use crate::net::listening::listens;
use crate::net::socket::{Kind, Socket};
use crate::sched::io::Settings;
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// A socket that accepts connections, as [`std::os::unix::net::UnixListener`]; a task that waits for one leaves its worker to others.
///
/// Several tasks and threads may accept on one listener. Each connection goes to one of them. Its file stays when it is
/// dropped, as with std.
///
/// Its descriptor is nonblocking for the kernel: see [`TcpListener`](crate::net::TcpListener).
pub struct UnixListener(Socket<std::os::unix::net::UnixListener>);

impl UnixListener {
    /// Makes a socket's file at the path and listens there, with std's backlog.
    ///
    /// # Errors
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if there is a file, [`InvalidInput`](io::ErrorKind::InvalidInput) if the path is too
    /// long or has a zero byte; what the kernel says.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Listens at an address, which may be an abstract one.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        Socket::listening(std::os::unix::net::UnixListener::bind_addr(socket_addr)?).map(UnixListener)
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl Kind for std::os::unix::net::UnixListener {
    const UNIX: bool = true;
}

handle!(UnixListener, std::os::unix::net::UnixListener, SocketAddr);
listens!(
    UnixListener,
    std::os::unix::net::UnixListener,
    UnixStream,
    SocketAddr,
    // The kernel gives them none of the listener's.
    |_: &Settings| Settings::fresh(),
    "The connections of a [`UnixListener`], as [`std::os::unix::net::Incoming`]; from [`UnixListener::incoming`]."
);
