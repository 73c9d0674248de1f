//! The other side ends, resets, or never was there: std's errors, no signal, nobody waits for ever.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use morestack::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::io::{Error, ErrorKind, IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// Closes with a reset instead of an orderly end.
fn reset(stream: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let len = size_of_val(&linger) as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes of a live struct.
    let status = unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), len)
    };
    assert_eq!(status, 0);
}

/// Writes until it fails, which it does not before the other side's answer has come.
fn write_until_refused(mut write: impl FnMut() -> std::io::Result<usize>) -> Error {
    (0..1000)
        .find_map(|_| {
            thread::sleep(Duration::from_millis(1));
            write().err()
        })
        .expect("the peer is gone")
}

#[test]
fn the_end_is_a_read_of_nothing() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        client.write_all(b"last words").unwrap();
        drop(client);
        let mut got = Vec::new();
        server.read_to_end(&mut got).unwrap();
        assert_eq!(got, b"last words");
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        server.wait_readable().unwrap();
    });
}

#[test]
fn the_end_comes_while_a_read_waits() {
    everywhere(|| {
        let (client, mut server) = pair();
        let reader = thread::spawn(move || server.read(&mut [0; 8]).unwrap());
        thread::sleep(Duration::from_millis(5));
        drop(client);
        assert_eq!(reader.join().unwrap(), 0);
    });
}

#[test]
fn a_half_closed_connection_works_the_other_way() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        server.write_all(b"answer").unwrap();
        client.read_exact(&mut [0; 6]).unwrap();
        assert_eq!(client.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_reset_is_connection_reset_once() {
    everywhere(|| {
        let (client, mut server) = pair();
        let mut shared = server.try_clone().unwrap();
        let reader = thread::spawn(move || shared.read(&mut [0; 8]).unwrap_err().kind());
        thread::sleep(Duration::from_millis(5));
        reset(client);
        assert_eq!(reader.join().unwrap(), ErrorKind::ConnectionReset);
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        server.wait_readable().unwrap();
        server.wait_writable().unwrap();
        assert_eq!(server.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(server.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

/// The Rust runtime ignores SIGPIPE; a program may have undone that, and a library may be called by one that did.
#[test]
fn writes_to_nobody_fail_without_a_signal() {
    // SAFETY: the default action, which no write of this process may set off.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    everywhere(|| {
        let (client, mut server) = pair();
        drop(client);
        let first = write_until_refused(|| server.write(b"anybody?"));
        assert!(matches!(first.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{first}");
        assert_eq!(server.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(server.write_vectored(&[IoSlice::new(b"x")]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_reset_ends_a_write_that_waits() {
    everywhere(|| {
        let (client, mut server) = pair();
        let writer = thread::spawn(move || {
            loop {
                if let Err(error) = server.write(&[0; 65536]) {
                    return error.kind();
                }
            }
        });
        thread::sleep(Duration::from_millis(20));
        reset(client);
        assert_eq!(writer.join().unwrap(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn nobody_there_is_connection_refused() {
    everywhere(|| {
        let gone: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(TcpStream::connect(gone).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let limited = TcpStream::connect_timeout(&gone, Duration::from_secs(60));
        assert_eq!(limited.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}
