//! A UDP socket that is connected hears its peer alone, and of its absence.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;

use everywhere::everywhere;
use morestack::net::{SocketAddr, UdpSocket};
use std::io::ErrorKind;
use std::thread;

fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn strangers_are_not_heard() {
    everywhere(|| {
        let (client, server, stranger) = (bound(), bound(), bound());
        let addr = client.local_addr().unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        thread::scope(|scope| {
            let receiver = scope.spawn(|| client.recv_from(&mut [0; 16]).unwrap());
            for _ in 0..10 {
                assert_eq!(stranger.send_to(b"let me in", addr).unwrap(), 9);
            }
            server.send_to(b"it is me", addr).unwrap();
            assert_eq!(receiver.join().unwrap(), (8, server.local_addr().unwrap()));
        });
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    });
}

#[test]
fn another_peer_may_be_connected_to() {
    everywhere(|| {
        let (client, first, second) = (bound(), bound(), bound());
        for server in [&first, &second, &first] {
            client.connect(server.local_addr().unwrap()).unwrap();
            client.send(b"hello").unwrap();
            server.send_to(b"hi", client.local_addr().unwrap()).unwrap();
            assert_eq!(client.recv(&mut [0; 8]).unwrap(), 2);
            assert_eq!(server.recv(&mut [0; 8]).unwrap(), 5);
        }
    });
}

/// The kernel's answer to a datagram that nobody is there for.
#[test]
fn an_absent_peer_is_connection_refused_once() {
    everywhere(|| {
        let client = bound();
        let gone = bound().local_addr().unwrap();
        client.connect(gone).unwrap();
        // It comes while a receive waits,
        thread::scope(|scope| {
            let receiver = scope.spawn(|| client.recv(&mut [0; 8]).unwrap_err().kind());
            client.send(b"anybody?").unwrap();
            assert_eq!(receiver.join().unwrap(), ErrorKind::ConnectionRefused);
        });
        // before one, or before the next send.
        client.send(b"anybody?").unwrap();
        client.wait_readable().unwrap();
        assert_eq!(client.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        client.send(b"anybody?").unwrap();
        client.wait_readable().unwrap();
        assert_eq!(client.send(b"anybody?").unwrap_err().kind(), ErrorKind::ConnectionRefused);
        client.send(b"anybody?").unwrap();
        client.wait_readable().unwrap();
        assert_eq!(client.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionRefused);
        assert!(client.take_error().unwrap().is_none());
    });
}

#[test]
fn without_a_peer_there_is_nowhere_to_send() {
    everywhere(|| {
        let socket = bound();
        assert_eq!(socket.send(b"x").unwrap_err().raw_os_error(), Some(libc::EDESTADDRREQ));
        assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        let nobody: &[SocketAddr] = &[];
        let error = socket.send_to(b"x", nobody).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidInput, "no addresses to send data to")
        );
        let error = socket.connect(nobody).unwrap_err();
        assert_eq!(error.to_string(), "could not resolve to any addresses");
        let error = UdpSocket::bind(nobody).unwrap_err();
        assert_eq!(error.to_string(), "could not resolve to any addresses");
    });
}

#[test]
fn addresses_are_tried_in_turn_and_sent_to_at_the_first() {
    everywhere(|| {
        let (taken, other) = (bound(), bound());
        let addrs = [taken.local_addr().unwrap(), SocketAddr::from(([127, 0, 0, 1], 0))];
        assert_eq!(UdpSocket::bind(addrs[0]).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_ne!(UdpSocket::bind(&addrs[..]).unwrap().local_addr().unwrap(), addrs[0]);
        let both = [taken.local_addr().unwrap(), other.local_addr().unwrap()];
        let client = bound();
        client.send_to(b"x", &both[..]).unwrap();
        assert_eq!(taken.recv(&mut [0; 8]).unwrap(), 1);
        // Names, too.
        client.send_to(b"yz", ("localhost", both[0].port())).map_or_else(|_| println!("skipped: no localhost"), drop);
    });
}
