//! UDP.

use super::addr::{ToSocketAddrs, each_addr};
use super::handles::{handle, transfers, ttl};
use super::socket::{Kind, Socket};
use super::sys;
use crate::sched::io::{Direction, Settings, Until};
use socket2::SockAddr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

/// A UDP socket, as [`std::net::UdpSocket`]; a task that waits for it leaves its worker to others.
///
/// All methods take `&self`, so tasks and threads can share a socket; several may receive, and each datagram goes to one of them.
/// Nothing is taken out of the socket but by a receive that returns it: one that is cancelled, or that a time limit ends, has
/// lost nothing.
///
/// A datagram costs one system call if it is there or there is room for it, and one more where it has to be waited for.
///
/// What is set past this type on the same socket (through the descriptor: timeouts, the blocking mode) may go unnoticed.
///
/// ```
/// use morestack::net::UdpSocket;
/// use morestack::thread;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let addr = server.local_addr()?;
/// thread::spawn(move || {
///     let mut buf = [0; 1500];
///     let (n, peer) = server.recv_from(&mut buf).unwrap();
///     server.send_to(&buf[..n], peer).unwrap();
/// });
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.connect(addr)?;
/// client.send(b"there and back")?;
/// let mut buf = [0; 1500];
/// let n = client.recv(&mut buf)?;
/// assert_eq!(&buf[..n], b"there and back");
/// # std::io::Result::Ok(())
/// ```
pub struct UdpSocket(Socket<std::net::UdpSocket>);

impl UdpSocket {
    /// Binds to the first address where that is possible.
    ///
    /// # Errors
    /// That of the last address tried; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        each_addr(addr, |addr| Ok(UdpSocket(Socket::new(std::net::UdpSocket::bind(addr)?, Settings::fresh()))))
    }

    /// Receives from this address alone from now on, and sends to it with [`Self::send`]: the first of them where that is
    /// possible.
    ///
    /// # Errors
    /// That of the last address tried; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is none.
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        each_addr(addr, |addr| self.0.io().connect(addr))
    }

    /// Receives a datagram, and gives its length and its sender. What does not fit into the buffer is lost.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the time is up, or at once if the socket is nonblocking. What came back for
    /// something sent earlier, if the socket is connected: [`ConnectionRefused`](io::ErrorKind::ConnectionRefused), once.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buf, 0)
    }

    /// As [`Self::recv_from`], without taking the datagram out: the next receive gets the same.
    ///
    /// # Errors
    /// As [`Self::recv_from`].
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buf, libc::MSG_PEEK)
    }

    /// Sends a datagram to an address: the first, if there are several.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no address; [`WouldBlock`](io::ErrorKind::WouldBlock) as
    /// [`Self::recv_from`]; what the kernel says: too long, nowhere to go.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let first = addr.to_socket_addrs()?.next();
        let none = || io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to");
        let addr = SockAddr::from(first.ok_or_else(none)?);
        self.0.run(Direction::Write, Until::Setting, |socket| sys::send_to(socket.as_fd(), buf, &addr))
    }

    /// Receives a datagram, and gives its length: on a connected socket, where the sender is known. Otherwise as
    /// [`Self::recv_from`].
    ///
    /// # Errors
    /// As [`Self::recv_from`].
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buf, 0)
    }

    /// As [`Self::recv`], without taking the datagram out: the next receive gets the same.
    ///
    /// # Errors
    /// As [`Self::recv_from`].
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buf, libc::MSG_PEEK)
    }

    /// Sends a datagram to the address that this is [connected](Self::connect) to.
    ///
    /// # Errors
    /// It is not connected. Otherwise as [`Self::send_to`] and [`Self::recv_from`].
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    fn receive_from(&self, buf: &mut [u8], flags: i32) -> io::Result<(usize, SocketAddr)> {
        let (n, from) = self.0.receive_from(buf, flags)?;
        let not_ip = || io::Error::new(io::ErrorKind::InvalidInput, "the sender's address is not of IP");
        Ok((n, from.as_socket().ok_or_else(not_ip)?))
    }
}

/// Methods that pass an option of the socket on.
macro_rules! options {
    ($($(#[$doc:meta])* $set:ident, $get:ident: $value:ty;)*) => {
        impl UdpSocket {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// What the kernel says.
            pub fn $set(&self, value: $value) -> io::Result<()> {
                self.0.io().$set(value)
            }

            #[doc = concat!("What [`Self::", stringify!($set), "`] has set.")]
            ///
            /// # Errors
            /// What the kernel says.
            pub fn $get(&self) -> io::Result<$value> {
                self.0.io().$get()
            }
        )*}
    };
}

options! {
    /// Whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`). Off at first.
    set_broadcast, broadcast: bool;
    /// Whether multicast packets that are sent are received here too (`IP_MULTICAST_LOOP`). On at first.
    set_multicast_loop_v4, multicast_loop_v4: bool;
    /// Sets the time to live of multicast packets (`IP_MULTICAST_TTL`): 1 at first, which does not leave the local network.
    set_multicast_ttl_v4, multicast_ttl_v4: u32;
    /// As [`Self::set_multicast_loop_v4`], for IPv6 (`IPV6_MULTICAST_LOOP`).
    set_multicast_loop_v6, multicast_loop_v6: bool;
}

impl UdpSocket {
    /// Joins a multicast group (`IP_ADD_MEMBERSHIP`) on the interface with that address; with `UNSPECIFIED` the system chooses
    /// one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.io().join_multicast_v4(multiaddr, interface)
    }

    /// Joins a multicast group (`IPV6_ADD_MEMBERSHIP`) on the interface with that index; with 0 the system chooses one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.io().join_multicast_v6(multiaddr, interface)
    }

    /// Undoes [`Self::join_multicast_v4`].
    ///
    /// # Errors
    /// What the kernel says: it has not joined.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.io().leave_multicast_v4(multiaddr, interface)
    }

    /// Undoes [`Self::join_multicast_v6`].
    ///
    /// # Errors
    /// What the kernel says: it has not joined.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.io().leave_multicast_v6(multiaddr, interface)
    }
}

impl Kind for std::net::UdpSocket {}

handle!(UdpSocket, std::net::UdpSocket, SocketAddr);
transfers!(UdpSocket, std::net::UdpSocket, SocketAddr);
ttl!(UdpSocket);
