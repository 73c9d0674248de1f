//! Pairs of connected sockets, places for them, and one text of a test for several kinds.

#![allow(dead_code, unused_macros, unused_imports, reason = "each test binary uses a part")]

use morestack::net::UdpSocket;
use morestack::net::unix::{SocketAddr, UnixDatagram};
use std::os::linux::net::SocketAddrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that no other place of any process has.
fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("morestack-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An abstract address that nobody else has.
pub fn abstract_addr() -> SocketAddr {
    SocketAddr::from_abstract_name(unique()).unwrap()
}

/// A directory of its own, which is removed with all that is in it.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        let path = std::env::temp_dir().join(unique());
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The two ends of an exchange of datagrams over Unix sockets without addresses.
pub fn unnamed_pair() -> (UnixDatagram, UnixDatagram) {
    UnixDatagram::pair().unwrap()
}

/// The same with addresses.
pub fn unix_pair() -> (UnixDatagram, UnixDatagram) {
    let (first, second) = (abstract_addr(), abstract_addr());
    let (one, other) = (UnixDatagram::bind_addr(&first).unwrap(), UnixDatagram::bind_addr(&second).unwrap());
    one.connect_addr(&second).unwrap();
    other.connect_addr(&first).unwrap();
    (one, other)
}

/// The two ends of an exchange of datagrams over UDP.
pub fn udp_pair() -> (UdpSocket, UdpSocket) {
    let (one, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    (one, other)
}

/// The tests, for each kind of sockets: `pair` makes two that are connected, of type `Socket`, which is std's `StdSocket`.
macro_rules! datagrams {
    (@$kind:ident($pair:ident, $($ours:ident)::+, $($std:ident)::+) $($test:item)*) => {
        mod $kind {
            #[allow(unused_imports, reason = "each test binary uses a part")]
            use {super::*, crate::sockets::$pair as pair, morestack::$($ours)::+ as Socket, std::$($std)::+ as StdSocket};
            $($test)*
        }
    };
    ($($test:item)*) => {
        crate::sockets::datagrams! { @udp(udp_pair, net::UdpSocket, net::UdpSocket) $($test)* }
        crate::sockets::datagrams! { @unix(unix_pair, net::unix::UnixDatagram, os::unix::net::UnixDatagram) $($test)* }
        crate::sockets::datagrams! {
            @unix_without_names(unnamed_pair, net::unix::UnixDatagram, os::unix::net::UnixDatagram) $($test)*
        }
    };
}

pub(crate) use datagrams;
