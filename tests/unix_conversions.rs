//! Unix connections and listeners to std and back, to descriptors and back: what was set stays set, and blocking ones block.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;

use everywhere::everywhere;
use morestack::net::unix::{UnixListener, UnixStream};
use sockets::abstract_addr;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net;
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
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let client = UnixStream::connect_addr(&addr).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(!is_nonblocking(&client) && !is_nonblocking(&server));
        let (mut client, mut server) = (net::UnixStream::from(client), net::UnixStream::from(server));
        let reader = thread::spawn(move || {
            server.read_exact(&mut [0; 2]).unwrap();
            server
        });
        client.write_all(b"hi").unwrap();
        let (mut client, mut server) = (UnixStream::from(client), UnixStream::from(reader.join().unwrap()));
        let reader = thread::spawn(move || server.read_exact(&mut [0; 2]).unwrap());
        client.write_all(b"ho").unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn listeners_go_to_std_and_back() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = net::UnixListener::from(UnixListener::bind_addr(&addr).unwrap());
        assert!(!is_nonblocking(&listener));
        let listener = net::UnixListener::from(UnixListener::from(listener));
        assert!(!is_nonblocking(&listener));
        let listener = UnixListener::from(listener);
        let _client = UnixStream::connect_addr(&addr).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(is_nonblocking(&listener) && !is_nonblocking(&stream));
        listener.set_nonblocking(true).unwrap();
        let listener = net::UnixListener::from(listener);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let listener = UnixListener::from(listener);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        listener.set_nonblocking(false).unwrap();
        assert!(!is_nonblocking(&net::UnixListener::from(listener)));
    });
}

/// The kernel gives accepted connections nothing of what is set on the listener.
#[test]
fn limits_of_a_listener_are_its_own() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let limits = net::UnixStream::from(OwnedFd::from(listener));
        limits.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let listener = UnixListener::from(OwnedFd::from(limits));
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut client = UnixStream::connect_addr(&addr).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        assert_eq!(server.read_timeout().unwrap(), None);
        let reader = thread::spawn(move || server.read(&mut [0; 8]).unwrap());
        thread::sleep(Duration::from_millis(20));
        client.write_all(b"late").unwrap();
        assert_eq!(reader.join().unwrap(), 4);
    });
}

#[test]
fn what_was_set_stays_set() {
    everywhere(|| {
        let (_one, other) = net::UnixStream::pair().unwrap();
        other.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut other = UnixStream::from(other);
        assert_eq!(other.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.set_read_timeout(None).unwrap();
        other.set_nonblocking(true).unwrap();
        let other = net::UnixStream::from(other);
        assert!(is_nonblocking(&other) && other.read_timeout().unwrap().is_none());
        let mut other = UnixStream::from(other);
        assert_eq!(other.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(other.take_error().unwrap().is_none());
    });
}

#[test]
fn descriptors_go_out_and_in() {
    everywhere(|| {
        let (mut one, other) = UnixStream::pair().unwrap();
        let fd = other.as_raw_fd();
        assert_eq!(other.as_fd().as_raw_fd(), fd);
        let owned = OwnedFd::from(other);
        assert_eq!(owned.as_raw_fd(), fd);
        let raw = UnixStream::from(owned).into_raw_fd();
        assert_eq!(raw, fd);
        // SAFETY: just given away.
        let mut other = unsafe { UnixStream::from_raw_fd(raw) };
        one.write_all(b"x").unwrap();
        other.read_exact(&mut [0]).unwrap();

        let addr = abstract_addr();
        let raw = UnixListener::from(OwnedFd::from(UnixListener::bind_addr(&addr).unwrap())).into_raw_fd();
        // SAFETY: just given away.
        let listener = unsafe { UnixListener::from_raw_fd(raw) };
        let _client = UnixStream::connect_addr(&addr).unwrap();
        listener.accept().unwrap();
        assert!(listener.take_error().unwrap().is_none());
    });
}

#[test]
fn debug_output_is_std_s() {
    everywhere(|| {
        let (one, _other) = UnixStream::pair().unwrap();
        let listener = UnixListener::bind_addr(&abstract_addr()).unwrap();
        let ours = (format!("{one:?}"), format!("{listener:?}"), format!("{:?}", listener.incoming()));
        let (one, listener) = (net::UnixStream::from(one), net::UnixListener::from(listener));
        assert_eq!(ours, (format!("{one:?}"), format!("{listener:?}"), format!("{:?}", listener.incoming())));
    });
}
