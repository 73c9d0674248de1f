//! Addresses to bind and to connect to, and the look-up of host names.

use crate::sched::blocking::blocking;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as StdToSocketAddrs};
use std::{iter, option, slice, vec};

/// What can be resolved to socket addresses, as [`std::net::ToSocketAddrs`], for the same types.
///
/// It is a trait of its own because of host names: `getaddrinfo` blocks its thread, so in tasks it has to run on another one,
/// and std's trait does not tell which name it would look up. Addresses, as values or in text, are never looked up.
pub trait ToSocketAddrs {
    /// The addresses of a value.
    type Iter: Iterator<Item = SocketAddr>;

    /// The addresses that this stands for.
    ///
    /// # Errors
    /// As std's: text that is no address and has no port gives [`InvalidInput`](io::ErrorKind::InvalidInput); a failed
    /// look-up, the resolver's error.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;
}

/// Impls for what converts into a `SocketAddr`.
macro_rules! addresses {
    ($($from:ty),*) => {$(
        impl ToSocketAddrs for $from {
            type Iter = option::IntoIter<SocketAddr>;

            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                Ok(Some((*self).into()).into_iter())
            }
        }
    )*};
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = iter::Cloned<slice::Iter<'a, SocketAddr>>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().cloned())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }
}

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![SocketAddr::new(ip, port)].into_iter()),
            Err(_) => resolve((host, port)),
        }
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        ToSocketAddrs::to_socket_addrs(&(&*self.0, self.1))
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        match self.parse::<SocketAddr>() {
            Ok(addr) => Ok(vec![addr].into_iter()),
            // std takes host and port apart, and refuses what is neither.
            Err(_) => resolve(self),
        }
    }
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        ToSocketAddrs::to_socket_addrs(&**self)
    }
}

type Resolved = io::Result<vec::IntoIter<SocketAddr>>;

/// Looks a host name up. In a task, a helper thread does it while the task waits, which nothing interrupts.
fn resolve<A>(addr: A) -> Resolved
where
    A: StdToSocketAddrs<Iter = vec::IntoIter<SocketAddr>> + Send,
{
    blocking(move || addr.to_socket_addrs())
}

/// Tries `f` with each address until one works, as std does.
pub(crate) fn each_addr<T>(addr: impl ToSocketAddrs, mut f: impl FnMut(&SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut last = None;
    for addr in addr.to_socket_addrs()? {
        match f(&addr) {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")))
}
