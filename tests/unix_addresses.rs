//! Unix sockets have paths, abstract names or none; what std refuses is refused with its errors.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;

use everywhere::everywhere;
use morestack::os::linux::net::SocketAddrExt;
use morestack::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use sockets::{Directory, abstract_addr};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::net;
use std::path::Path;
use std::thread;

fn same(ours: Error, std: Error) {
    assert_eq!((ours.kind(), ours.to_string()), (std.kind(), std.to_string()));
}

/// What `Debug` shows; addresses cannot be compared.
fn shown(addr: SocketAddr) -> String {
    format!("{addr:?}")
}

#[test]
fn streams_meet_at_paths() {
    everywhere(|| {
        let dir = Directory::new();
        let path = dir.join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                let (mut stream, peer) = listener.accept().unwrap();
                assert!(peer.is_unnamed());
                stream.read_exact(&mut [0; 5]).unwrap();
                stream
            });
            let mut client = UnixStream::connect(&path).unwrap();
            assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
            assert!(client.local_addr().unwrap().is_unnamed());
            client.write_all(b"hello").unwrap();
            let server = server.join().unwrap();
            assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*path));
        });
    });
}

#[test]
fn streams_meet_at_abstract_names() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let client = UnixStream::connect_addr(&addr).unwrap();
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), addr.as_abstract_name());
        assert_eq!(shown(listener.local_addr().unwrap()), shown(addr));
        listener.accept().unwrap();
    });
}

#[test]
fn pairs_have_no_names() {
    everywhere(|| {
        let (one, other) = UnixStream::pair().unwrap();
        assert!(one.local_addr().unwrap().is_unnamed() && other.peer_addr().unwrap().is_unnamed());
        let (one, other) = UnixDatagram::pair().unwrap();
        assert!(one.local_addr().unwrap().is_unnamed() && other.peer_addr().unwrap().is_unnamed());
        one.send(b"who").unwrap();
        let (n, from) = other.recv_from(&mut [0; 8]).unwrap();
        assert!(n == 3 && from.is_unnamed());
    });
}

#[test]
fn senders_are_told() {
    everywhere(|| {
        let dir = Directory::new();
        let path = dir.join("receiver");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let named = UnixDatagram::bind(dir.join("sender")).unwrap();
        let abstract_one = UnixDatagram::bind_addr(&abstract_addr()).unwrap();
        let with_zeros =
            SocketAddr::from_abstract_name([abstract_addr().as_abstract_name().unwrap(), b"\0\0"].concat());
        let zeros = UnixDatagram::bind_addr(&with_zeros.unwrap()).unwrap();
        for sender in [&named, &abstract_one, &zeros, &UnixDatagram::unbound().unwrap()] {
            assert_eq!(sender.send_to(b"by path", &path).unwrap(), 7);
            let (n, from) = receiver.recv_from(&mut [0; 16]).unwrap();
            assert_eq!((n, shown(from.clone())), (7, shown(sender.local_addr().unwrap())));
            // And can be answered.
            if !from.is_unnamed() {
                receiver.send_to_addr(b"", &from).unwrap();
                assert_eq!(sender.recv(&mut [0; 8]).unwrap(), 0);
            }
        }
    });
}

#[test]
fn the_longest_path_has_107_bytes() {
    everywhere(|| {
        let dir = Directory::new();
        let base = dir.join("").as_os_str().len();
        let longest = dir.join("x".repeat(107 - base));
        let listener = UnixListener::bind(&longest).unwrap();
        UnixStream::connect(&longest).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*longest));
        let receiver = UnixDatagram::bind(dir.join("y".repeat(107 - base))).unwrap();
        receiver.send_to(b"myself", dir.join("y".repeat(107 - base))).unwrap();
        let (_, from) = receiver.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(from.as_pathname(), Some(&*dir.join("y".repeat(107 - base))));
    });
}

#[test]
fn what_std_refuses_is_refused() {
    everywhere(|| {
        let dir = Directory::new();
        let (taken, nobody, dead) = (dir.join("taken"), dir.join("nobody"), dir.join("dead"));
        let _taken = UnixListener::bind(&taken).unwrap();
        drop(UnixListener::bind(&dead).unwrap());
        let unbound = (UnixDatagram::unbound().unwrap(), net::UnixDatagram::unbound().unwrap());
        let long = dir.join("x".repeat(108));
        for path in [&*taken, &*nobody, &*dead, &*long, Path::new("zero\0byte"), Path::new(""), &*dir.join("no/where")]
        {
            println!("{path:?}");
            if path != taken {
                same(UnixStream::connect(path).unwrap_err(), net::UnixStream::connect(path).unwrap_err());
            }
            same(unbound.0.send_to(b"", path).unwrap_err(), unbound.1.send_to(b"", path).unwrap_err());
            same(unbound.0.connect(path).unwrap_err(), unbound.1.connect(path).unwrap_err());
            if path != nobody && !path.as_os_str().is_empty() {
                same(UnixListener::bind(path).unwrap_err(), net::UnixListener::bind(path).unwrap_err());
                same(UnixDatagram::bind(path).unwrap_err(), net::UnixDatagram::bind(path).unwrap_err());
            }
        }
        assert_eq!(UnixStream::connect(&nobody).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(UnixStream::connect(&dead).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(UnixListener::bind(&taken).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(unbound.0.send(b"x").unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(unbound.0.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}
