//! The example `echo` sends back what real clients send, many of them at once, half-closed and vanishing.

#[path = "common/server.rs"]
mod server;

use server::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Bytes that differ from connection to connection and from place to place.
fn pattern(connection: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251 + connection * 7) as u8).collect()
}

#[test]
fn what_is_sent_comes_back() {
    let server = Server::start("echo", &[]);
    let mut stream = server.connect();
    for len in [1, 5, 4096, 16 << 10, 40_000] {
        let sent = pattern(len, len);
        stream.write_all(&sent).unwrap();
        let mut received = vec![0; len];
        stream.read_exact(&mut received).unwrap();
        assert!(received == sent, "{len} bytes came back changed");
    }
}

#[test]
fn a_half_closed_connection_gets_everything_back() {
    let server = Server::start("echo", &[]);
    let sent = pattern(1, 100_000);
    assert!(server.exchange(&sent) == sent);
    assert_eq!(server.exchange(b""), b"");
}

#[test]
fn more_than_the_sockets_hold_goes_both_ways_at_once() {
    let server = Server::start("echo", &[]);
    let sent = pattern(2, 8 << 20);
    let mut stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        received
    });
    assert!(received == sent);
}

#[test]
fn many_connections_are_served_at_once() {
    let mut server = Server::start("echo", &[]);
    let mut streams: Vec<_> = (0..200).map(|_| server.connect()).collect();
    // All are open; none is served to its end before the others.
    for round in 0..3 {
        for (i, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&pattern(i + round, 1000)).unwrap();
        }
        for (i, stream) in streams.iter_mut().enumerate().rev() {
            let mut received = [0; 1000];
            stream.read_exact(&mut received).unwrap();
            assert!(received[..] == pattern(i + round, 1000)[..], "connection {i} has got another's bytes");
        }
    }
    server.assert_alive();
}

#[test]
fn peers_that_vanish_do_no_harm() {
    let mut server = Server::start("echo", &[]);
    for i in 0..50 {
        let mut stream = server.connect();
        stream.write_all(&pattern(i, 50_000)).unwrap();
        // Closed with unread input: the server's side is reset, in the middle of a write perhaps.
        let mut some = [0; 10];
        stream.read_exact(&mut some).unwrap();
    }
    assert_eq!(server.exchange(b"still there?"), b"still there?");
    server.assert_alive();
}

#[test]
fn who_is_silent_is_disconnected() {
    let server = Server::start("echo", &["--idle-timeout", "0.3"]);
    let mut stream = server.connect();
    stream.write_all(b"once").unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"once");
}

#[test]
fn it_ends_when_it_is_told_to() {
    let mut server = Server::start("echo", &["--grace", "1000"]);
    let mut stream = server.connect();
    stream.write_all(b"once").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    server.signal(libc::SIGINT);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn datagrams_come_back() {
    let mut server = Server::start("echo", &["--udp"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut received = vec![0; 70_000];
    for len in [0, 1, 1000, 60_000] {
        let sent = pattern(len, len);
        // One may be lost, on a loopback too.
        let n = (0..30).find_map(|_| {
            socket.send(&sent).unwrap();
            std::iter::repeat_with(|| socket.recv(&mut received))
                .take_while(Result::is_ok)
                .flatten()
                .find(|&n| n == len)
        });
        assert!(n == Some(len) && received[..len] == sent[..], "{len} bytes: {n:?}");
    }
    server.signal(libc::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_unix_socket_will_do() {
    let path = std::env::temp_dir().join(format!("morestack-echo-{}.socket", std::process::id()));
    let mut child = Command::new(server::path_of("echo"))
        .args([Path::new("--unix"), &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("listening on {}\n", path.display()));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let sent = pattern(3, 100_000);
    let mut writer = stream.try_clone().unwrap();
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        stream.read_to_end(&mut received).unwrap();
    });
    assert!(received == sent);
    // One that is idle does not hold it up.
    let mut idle = UnixStream::connect(&path).unwrap();
    // SAFETY: our child, for which nobody has waited yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(matches!(idle.read(&mut [0]), Ok(0) | Err(_)));
    assert!(!path.exists(), "the socket is left over");
}
