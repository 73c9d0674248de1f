//! The example `http` ends when it is told to: nobody new is let in, who asks nothing is sent away, who is served is served to the end.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::{GET, ok, response};
use server::Server;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Waits until nobody can connect.
fn refuses(server: &Server) -> bool {
    (0..6_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        TcpStream::connect(server.address).is_err()
    })
}

#[test]
fn idle_connections_end_at_once() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // The grace is longer than anybody here has patience.
        let mut server = Server::start("http", &["--grace", "1000", "--idle-timeout", "1000"]);
        let fresh = server.connect();
        let mut served = BufReader::new(server.connect());
        served.get_mut().write_all(GET.as_bytes()).unwrap();
        assert_eq!(response(&mut served).1, "ok\n");
        server.signal(signal);
        for mut stream in [fresh, served.into_inner()] {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
        assert_eq!(server.ended().code(), Some(0));
    }
}

/// A client that has sent the head of a request, which the server has read.
fn half(server: &Server) -> BufReader<TcpStream> {
    let mut half = BufReader::new(server.connect());
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    half.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(response(&mut half).0, "HTTP/1.1 100 Continue");
    half
}

#[test]
fn what_is_in_flight_is_finished() {
    let mut server = Server::start("http", &["--grace", "1000", "--body-timeout", "1000"]);
    let mut half = half(&server);
    let mut pages = server.connect();
    pages.write_all(b"GET /stream/400000 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    pages.read_exact(&mut [0; 1000]).unwrap();
    server.signal(libc::SIGTERM);
    assert!(refuses(&server), "it still listens");
    let mut page = Vec::new();
    pages.read_to_end(&mut page).unwrap();
    assert!(page.ends_with(b"line 400000\n\r\n0\r\n\r\n"), "{} bytes", page.len());
    half.get_mut().write_all(b"0123456789").unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(ok(&answer) == 1 && answer.contains("Connection: close\r\n") && answer.ends_with("0123456789"), "{answer}");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn who_takes_too_long_is_cut_off() {
    let mut server = Server::start("http", &["--grace", "0.2", "--body-timeout", "1000"]);
    let mut half = half(&server);
    server.signal(libc::SIGINT);
    assert_eq!(server.ended().code(), Some(0));
    // By a reset or without, as the kernel sees fit.
    assert!(matches!(half.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start("http", &["--grace", "1000", "--body-timeout", "1000"]);
    let _half = half(&server);
    server.signal(libc::SIGINT);
    assert!(refuses(&server), "it still listens");
    server.signal(libc::SIGINT);
    assert_eq!(server.ended().code(), Some(1));
}
