//! The other side of a Unix connection ends, or one direction is shut: std's errors, no signal, nobody waits for ever.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::net::Shutdown;
use morestack::net::unix::UnixStream;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::thread;
use std::time::Duration;
use watchdog::Watchdog;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// Writes until there is no room.
fn fill(stream: &UnixStream) {
    stream.set_nonblocking(true).unwrap();
    while { stream }.write(&[0; 10_000]).is_ok() {}
    stream.set_nonblocking(false).unwrap();
}

#[test]
fn the_end_is_a_read_of_nothing() {
    everywhere(|| {
        let (mut one, mut other) = pair();
        one.write_all(b"last words").unwrap();
        drop(one);
        let mut got = Vec::new();
        other.read_to_end(&mut got).unwrap();
        assert_eq!(got, b"last words");
        assert_eq!(other.read(&mut [0; 8]).unwrap(), 0);
        other.wait_readable().unwrap();
    });
}

#[test]
fn the_end_comes_while_a_read_waits() {
    everywhere(|| {
        let (one, mut other) = pair();
        let reader = thread::spawn(move || other.read(&mut [0; 8]).unwrap());
        thread::sleep(Duration::from_millis(5));
        drop(one);
        assert_eq!(reader.join().unwrap(), 0);
    });
}

#[test]
fn a_half_closed_connection_works_the_other_way() {
    everywhere(|| {
        let (mut one, mut other) = pair();
        one.shutdown(Shutdown::Write).unwrap();
        assert_eq!(other.read(&mut [0; 8]).unwrap(), 0);
        other.write_all(b"answer").unwrap();
        one.read_exact(&mut [0; 6]).unwrap();
        assert_eq!(one.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn an_end_that_left_bytes_unread_is_a_reset_once() {
    everywhere(|| {
        let (mut one, mut other) = pair();
        one.write_all(b"unread").unwrap();
        other.write_all(b"read").unwrap();
        drop(other);
        let read = |one: &mut UnixStream| one.read(&mut [0; 8]).map_err(|error| error.kind());
        let ours = [read(&mut one), read(&mut one), read(&mut one)];
        let (mut one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
        one.write_all(b"unread").unwrap();
        other.write_all(b"read").unwrap();
        drop(other);
        let mut read = || one.read(&mut [0; 8]).map_err(|error| error.kind());
        assert_eq!(ours, [read(), read(), read()]);
        assert!(ours.contains(&Err(ErrorKind::ConnectionReset)));
    });
}

/// The Rust runtime ignores SIGPIPE; a program may have undone that, and a library may be called by one that did.
#[test]
fn writes_to_nobody_fail_without_a_signal() {
    // SAFETY: the default action, which no write of this process may set off.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    everywhere(|| {
        let (one, mut other) = pair();
        drop(one);
        assert_eq!(other.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(other.write_vectored(&[IoSlice::new(b"x")]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_shutdown_ends_the_reads_of_others() {
    everywhere(|| {
        let (_one, other) = pair();
        let mut clone = other.try_clone().unwrap();
        thread::scope(|scope| {
            let by_reference = scope.spawn(|| { &other }.read(&mut [0; 8]).unwrap());
            let by_clone = scope.spawn(move || clone.read(&mut [0; 8]).unwrap());
            let waits = scope.spawn(|| other.wait_readable().unwrap());
            thread::sleep(Duration::from_millis(5));
            other.shutdown(Shutdown::Read).unwrap();
            assert_eq!((by_reference.join().unwrap(), by_clone.join().unwrap()), (0, 0));
            waits.join().unwrap();
        });
    });
}

/// Of most of these no event tells.
#[test]
fn whatever_leaves_nobody_to_read_ends_a_write_that_waits() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        for by_peer in [false, true] {
            for how in [Shutdown::Write, Shutdown::Read, Shutdown::Both] {
                if !by_peer && how == Shutdown::Read || by_peer && how == Shutdown::Write {
                    continue;
                }
                println!("{how:?} by the peer: {by_peer}");
                let (one, other) = pair();
                fill(&one);
                thread::scope(|scope| {
                    let writer = scope.spawn(|| { &one }.write(b"more").unwrap_err().kind());
                    thread::sleep(Duration::from_millis(5));
                    if by_peer { &other } else { &one }.shutdown(how).unwrap();
                    assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
                });
            }
        }
        let (one, other) = pair();
        fill(&one);
        let writer = thread::spawn(move || { &one }.write(b"more").unwrap_err().kind());
        thread::sleep(Duration::from_millis(5));
        drop(other);
        let kind = writer.join().unwrap();
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind:?}");
    });
}
