//! What can be bound and connected to is what std takes, with its errors.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs};
use std::io::ErrorKind;

fn same(ours: impl ToSocketAddrs, std: impl std::net::ToSocketAddrs) {
    match (ours.to_socket_addrs(), std.to_socket_addrs()) {
        (Ok(ours), Ok(std)) => assert_eq!(Vec::from_iter(ours), Vec::from_iter(std)),
        (Err(ours), Err(std)) => assert_eq!((ours.kind(), ours.to_string()), (std.kind(), std.to_string())),
        (ours, std) => panic!("{:?} {:?}", ours.map(Vec::from_iter), std.map(Vec::from_iter)),
    }
}

#[test]
fn values_and_text_mean_what_they_mean_in_std() {
    everywhere(|| {
        let ip = Ipv4Addr::new(10, 1, 2, 3);
        let addr = SocketAddr::from((ip, 80));
        same(addr, addr);
        same(SocketAddrV4::new(ip, 80), addr);
        same((ip, 80), addr);
        same((IpAddr::from(ip), 80), addr);
        same(&[addr, addr][..], &[addr, addr][..]);
        for text in
            ["10.1.2.3:80", "[::1]:80", "[fe80::1%7]:80", "10.1.2.3", "10.1.2.3:port", "10.1.2.3:65536", "", ":"]
        {
            same(text, text);
            same(text.to_owned(), text.to_owned());
        }
        for host in ["10.1.2.3", "::1", "localhost"] {
            same((host, 80), (host, 80));
            same((host.to_owned(), 80), (host.to_owned(), 80));
        }
        same("localhost:80", "localhost:80");
    });
}

#[test]
fn addresses_are_tried_in_turn() {
    everywhere(|| {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        assert_eq!(TcpStream::connect(&[gone, there][..]).unwrap().peer_addr().unwrap(), there);
        let refused = TcpStream::connect(&[gone, gone][..]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        assert_ne!(TcpListener::bind(&[there, free][..]).unwrap().local_addr().unwrap(), there);
        assert_eq!(TcpListener::bind(there).unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn no_address_at_all_is_invalid_input() {
    everywhere(|| {
        for error in [TcpStream::connect(&[][..]).unwrap_err(), TcpListener::bind(&[][..]).unwrap_err()] {
            assert_eq!(error.to_string(), "could not resolve to any addresses");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    });
}

/// A server that is started again binds its port although connections of the old one linger.
#[test]
fn a_port_is_bound_again() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).unwrap();
        drop((listener.accept().unwrap(), listener));
        drop(client);
        TcpListener::bind(addr).unwrap();
    });
}
