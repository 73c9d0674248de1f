//! Pairs of connected sockets, and one text of a test for several kinds of them.

#![allow(dead_code, unused_macros, unused_imports, reason = "each test binary uses a part")]

use morestack::net::UdpSocket;

/// The two ends of an exchange of datagrams over UDP.
pub fn udp_pair() -> (UdpSocket, UdpSocket) {
    let (one, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    (one, other)
}

/// The tests, for each kind of sockets: `pair` makes two that are connected, of type `Socket`, which is std's `StdSocket`.
macro_rules! datagrams {
    ($($test:item)*) => {
        mod udp {
            #[allow(unused_imports, reason = "each test binary uses a part")]
            use {super::*, crate::sockets::udp_pair as pair, morestack::net::UdpSocket as Socket, std::net::UdpSocket as StdSocket};
            $($test)*
        }
    };
}

pub(crate) use datagrams;
