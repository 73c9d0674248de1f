//! Networking, a mirror of [`std::net`]: a task that waits for a socket leaves its worker to others.
//!
//! Names, signatures, error kinds, timeouts and the [`Read`](std::io::Read) and [`Write`](std::io::Write) impls are std's, so
//! a program moves over by changing its imports. All of it works on OS threads too, which then block as with std.
//!
//! | beyond std | why |
//! |---|---|
//! | [`TcpStream::wait_readable`], [`TcpStream::wait_writable`] | a connection that idles needs no buffer |
//! | [`ToSocketAddrs`] is a trait of its own, with std's impls | host names are looked up off the worker, for which std's trait gives no handle |
//!
//! A stream keeps the blocking mode that the program gave it, because transfers ask for no wait by themselves
//! (`MSG_DONTWAIT`): what else has the same open socket, in this process or another, notices nothing. `accept` has no such
//! flag, so a listener's descriptor is nonblocking as long as it is a [`TcpListener`]; see there.

mod addr;
mod socket;
mod sys;
mod tcp;

pub use addr::ToSocketAddrs;
#[cfg(feature = "debug-page")]
pub(crate) use addr::each_addr;
pub use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
pub use tcp::{Incoming, TcpListener, TcpStream};
