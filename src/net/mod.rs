//! Networking, a mirror of [`std::net`], and in [`unix`] of [`std::os::unix::net`]: a task that waits for a socket leaves its worker
//! to others.
//!
//! Names, signatures, error kinds, timeouts and the [`Read`](std::io::Read) and [`Write`](std::io::Write) impls are std's, so
//! a program moves over by changing its imports. All of it works on OS threads too, which then block as with std.
//!
//! | beyond std | why |
//! |---|---|
//! | `wait_readable` and `wait_writable` of all that transfers data, as [`TcpStream::wait_readable`] | what idles needs no buffer |
//! | [`ToSocketAddrs`] is a trait of its own, with std's impls | host names are looked up off the worker, for which std's trait gives no handle |
//!
//! A socket keeps the blocking mode that the program gave it, because transfers ask for no wait by themselves
//! (`MSG_DONTWAIT`): what else has the same open socket, in this process or another, notices nothing. `accept` has no such
//! flag, so a listener's descriptor is nonblocking as long as it is a [`TcpListener`] or a [`UnixListener`](unix::UnixListener);
//! see there.

mod addr;
mod datagram;
mod handles;
mod listening;
mod socket;
mod stream;
mod sys;
mod tcp;
mod udp;
pub mod unix;

pub use addr::ToSocketAddrs;
#[cfg(feature = "debug-page")]
pub(crate) use addr::each_addr;
pub use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;
