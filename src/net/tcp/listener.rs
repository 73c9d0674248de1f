//! Listeners.

use super::TcpStream;
use crate::net::addr::{ToSocketAddrs, each_addr};
use crate::net::handles::{handle, ttl};
use crate::net::listening::listens;
use crate::net::socket::{Kind, Socket};
use crate::sched::io::Settings;
use std::io;
use std::net::SocketAddr;

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
        each_addr(addr, |addr| Socket::listening(std::net::TcpListener::bind(addr)?).map(TcpListener))
    }

    /// Fails always: the kernel takes this (`IPV6_V6ONLY`) before the socket is bound only, and here it is. Std has it.
    ///
    /// # Errors
    /// What the kernel says.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    #[expect(deprecated, reason = "it is std's")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.0.io().set_only_v6(only_v6)
    }

    /// Whether a listener at an IPv6 address takes connections over IPv6 alone (`IPV6_V6ONLY`).
    ///
    /// # Errors
    /// What the kernel says: the address is IPv4's.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    #[expect(deprecated, reason = "it is std's")]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.0.io().only_v6()
    }
}

impl Kind for std::net::TcpListener {}

handle!(TcpListener, std::net::TcpListener, SocketAddr);
ttl!(TcpListener);
listens!(
    TcpListener,
    std::net::TcpListener,
    TcpStream,
    SocketAddr,
    Settings::of_accepted,
    "The connections of a [`TcpListener`], as [`std::net::Incoming`]; from [`TcpListener::incoming`]."
);
