//! To std and back, to descriptors and back: what was set stays set, and blocking sockets block.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use morestack::net::{TcpListener, TcpStream};
use morestack::os::linux::net::TcpStreamExt;
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

fn is_nonblocking(fd: &impl AsRawFd) -> bool {
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    flags & libc::O_NONBLOCK != 0
}

#[test]
fn streams_go_to_std_and_back() {
    everywhere(|| {
        let (client, server) = pair();
        assert!(!is_nonblocking(&client) && !is_nonblocking(&server));
        let (mut client, mut server) = (net::TcpStream::from(client), net::TcpStream::from(server));
        // It blocks as std's do.
        let reader = thread::spawn(move || {
            server.read_exact(&mut [0; 2]).unwrap();
            server
        });
        client.write_all(b"hi").unwrap();
        let (mut client, mut server) = (TcpStream::from(client), TcpStream::from(reader.join().unwrap()));
        let reader = thread::spawn(move || server.read_exact(&mut [0; 2]).unwrap());
        client.write_all(b"ho").unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn listeners_go_to_std_and_back() {
    everywhere(|| {
        let listener = net::TcpListener::from(TcpListener::bind("127.0.0.1:0").unwrap());
        assert!(!is_nonblocking(&listener));
        let addr = listener.local_addr().unwrap();
        let connect = || thread::spawn(move || drop(TcpStream::connect(addr).unwrap()));
        let client = connect();
        listener.accept().unwrap();
        client.join().unwrap();
        // Unused on the way.
        let listener = net::TcpListener::from(TcpListener::from(listener));
        assert!(!is_nonblocking(&listener));
        let listener = TcpListener::from(listener);
        let client = connect();
        let (stream, _) = listener.accept().unwrap();
        client.join().unwrap();
        assert!(is_nonblocking(&listener) && !is_nonblocking(&stream));
        assert!(!is_nonblocking(&net::TcpListener::from(listener)));
    });
}

#[test]
fn a_nonblocking_mode_is_kept() {
    everywhere(|| {
        let (client, server) = pair();
        client.set_nonblocking(true).unwrap();
        let client = net::TcpStream::from(client);
        assert!(is_nonblocking(&client));
        let mut client = TcpStream::from(client);
        assert_eq!(client.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.set_nonblocking(false).unwrap();
        assert!(!is_nonblocking(&net::TcpStream::from(client)));
        drop(server);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = net::TcpListener::from(listener);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let listener = TcpListener::from(listener);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(is_nonblocking(&net::TcpListener::from(listener)));
    });
}

#[test]
fn descriptors_go_out_and_in() {
    everywhere(|| {
        let (mut client, server) = pair();
        let fd = server.as_raw_fd();
        assert_eq!(server.as_fd().as_raw_fd(), fd);
        let owned = OwnedFd::from(server);
        assert_eq!(owned.as_raw_fd(), fd);
        let raw = TcpStream::from(owned).into_raw_fd();
        assert_eq!(raw, fd);
        // SAFETY: just given away.
        let mut server = unsafe { TcpStream::from_raw_fd(raw) };
        client.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = TcpListener::from(OwnedFd::from(listener)).into_raw_fd();
        // SAFETY: just given away.
        let listener = unsafe { TcpListener::from_raw_fd(raw) };
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.as_fd().as_raw_fd(), listener.as_raw_fd());
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn clones_have_descriptors_of_their_own() {
    everywhere(|| {
        let (mut client, server) = pair();
        let clone = server.try_clone().unwrap();
        assert_ne!(clone.as_raw_fd(), server.as_raw_fd());
        // SAFETY: given away in the same line.
        drop(unsafe { OwnedFd::from_raw_fd(server.into_raw_fd()) });
        client.write_all(b"x").unwrap();
        { &clone }.read_exact(&mut [0]).unwrap();
    });
}

/// A conversion of one clone does not make the other one block its thread beyond its own time limit.
#[test]
fn a_clone_is_not_changed_by_a_conversion_of_the_other() {
    everywhere(|| {
        let (client, mut server) = pair();
        let other = net::TcpStream::from(server.try_clone().unwrap());
        server.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop((client, other));
    });
}

#[test]
fn settings_of_the_socket_reach_it() {
    everywhere(|| {
        let (client, _server) = pair();
        client.set_nodelay(true).unwrap();
        client.set_ttl(33).unwrap();
        assert!(client.nodelay().unwrap() && client.ttl().unwrap() == 33 && client.take_error().unwrap().is_none());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_ttl(44).unwrap();
        assert!(listener.ttl().unwrap() == 44 && listener.take_error().unwrap().is_none());
        client.set_quickack(false).unwrap();
        assert!(!client.quickack().unwrap());
        client.set_quickack(true).unwrap();
        assert!(client.quickack().unwrap());
    });
}

/// They are deprecated, as they are in std, and answer as they do there.
#[test]
#[expect(deprecated, reason = "that is the point")]
fn the_option_for_ipv6_alone_is_std_s() {
    everywhere(|| {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            println!("skipped: this machine has no IPv6");
            return;
        };
        let ours = (listener.only_v6().unwrap(), listener.set_only_v6(true).unwrap_err().raw_os_error());
        let listener = net::TcpListener::from(listener);
        assert_eq!(ours, (listener.only_v6().unwrap(), listener.set_only_v6(true).unwrap_err().raw_os_error()));
    });
}

#[test]
fn debug_output_is_std_s() {
    everywhere(|| {
        let (client, _server) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = (format!("{client:?}"), format!("{listener:?}"));
        assert!(ours.0.starts_with("TcpStream { addr: 127.0.0.1:"), "{ours:?}");
        let std = (net::TcpStream::from(client), net::TcpListener::from(listener));
        assert_eq!(ours, (format!("{:?}", std.0), format!("{:?}", std.1)));
    });
}
