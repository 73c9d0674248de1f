//! The example `proxy` passes on what clients send, to where they say or where it is told to, and what comes back.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::{GET, LAST, curl_by, ok, until_closed};
use server::Server;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};

#[test]
fn curl_gets_pages_through_it() {
    let (site, proxy) = (Server::start("http", &[]), Server::start("proxy", &[]));
    let url = |path: &str| format!("http://{}{path}", site.address);
    let Some(page) = curl_by(proxy.address, &[&url("/hello/proxy")]) else { return };
    assert_eq!(page, "Hello, proxy!\n");
    assert_eq!(curl_by(proxy.address, &["--data", "some=thing", &url("/echo")]).unwrap(), "some=thing");
    let expected: String = (1..=100_000).map(|line| format!("line {line}\n")).collect();
    assert!(curl_by(proxy.address, &[&url("/stream/100000")]).unwrap() == expected);
    let status = ["--head", "--write-out", "%{http_code}", "--output", "/dev/null"];
    assert_eq!(curl_by(proxy.address, &[&status[..], &[&url("/nothing")]].concat()).unwrap(), "404");
    // Through a tunnel, on which the connection is kept alive.
    let text = curl_by(
        proxy.address,
        &["--proxytunnel", "--write-out", "over %{num_connects} new\n", &url("/health"), &url("/hello/you")],
    );
    assert_eq!(text.unwrap(), "ok\nover 1 new\nHello, you!\nover 0 new\n");
    let body = "x".repeat(500_000);
    let path = std::env::temp_dir().join(format!("morestack-proxy-{}", std::process::id()));
    std::fs::write(&path, &body).unwrap();
    let data = format!("@{}", path.display());
    for tunnel in [&[][..], &["--proxytunnel"]] {
        let answer = curl_by(proxy.address, &[tunnel, &["--data-binary", &data, &url("/echo")]].concat());
        assert!(answer.unwrap() == body);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_encrypted_goes_through_a_tunnel() {
    let (site, proxy) = (Server::start("https", &[]), Server::start("proxy", &[]));
    let page = curl_by(proxy.address, &["--insecure", &format!("https://{}/health", site.address)]);
    assert!(page.is_none_or(|page| page == "ok\n"));
}

#[test]
fn all_connections_go_to_one_server() {
    let site = Server::start("echo", &[]);
    let proxy = Server::start("proxy", &["--to", &site.address.to_string()]);
    let sent: Vec<u8> = (0..4_000_000_u32).map(|i| (i ^ i >> 8) as u8).collect();
    let mut stream = proxy.connect();
    let mut writer = stream.try_clone().unwrap();
    // More than the sockets hold, both ways at once, and the end of one way before that of the other.
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
    // Many at once.
    let mut streams: Vec<_> = (0..100).map(|_| proxy.connect()).collect();
    for (i, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&[i as u8; 100]).unwrap();
    }
    for (i, stream) in streams.iter_mut().enumerate().rev() {
        let mut received = [0; 100];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, [i as u8; 100]);
    }
}

#[test]
fn what_is_behind_a_request_goes_nowhere() {
    let (site, proxy) = (Server::start("http", &[]), Server::start("proxy", &[]));
    let to = site.address;
    let post = format!("POST http://{to}/echo HTTP/1.1\r\nHost: other\r\nContent-Length: 5\r\n\r\nhello");
    let answer = until_closed(proxy.connect(), (post + &GET.repeat(100)).as_bytes());
    assert!(ok(&answer) == 1 && answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[test]
fn wrong_requests_are_answered() {
    let mut proxy = Server::start("proxy", &["--head-timeout", "0.5"]);
    // Taken, but nobody listens there any more.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400 Bad Request"),
        (GET.to_owned(), "400 Bad Request"),
        ("CONNECT nowhere HTTP/1.1\r\n\r\n".into(), "400 Bad Request"),
        ("GET ftp://127.0.0.1/ HTTP/1.1\r\n\r\n".into(), "400 Bad Request"),
        (format!("POST http://{nobody}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), "411 Length Required"),
        (format!("CONNECT {nobody} HTTP/1.1\r\n\r\n"), "502 Bad Gateway"),
        (format!("GET http://{nobody}/ HTTP/1.1\r\n\r\n"), "502 Bad Gateway"),
        (format!("GET http://{nobody}/{} HTTP/1.1", "x".repeat(20_000)), "431 Request Header Fields Too Large"),
        ("GET http://127.0.0.1".into(), "408 Request Timeout"),
    ] {
        let answer = until_closed(proxy.connect(), request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
    }
    // One that sends nothing gets nothing.
    assert_eq!(until_closed(proxy.connect(), b""), "");
    proxy.assert_alive();
}

#[test]
fn when_one_end_vanishes_so_does_the_other() {
    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Server::start("proxy", &["--to", &site.local_addr().unwrap().to_string()]);
    let client = proxy.connect();
    let mut accepted = site.accept().unwrap().0;
    drop(client);
    assert_eq!(accepted.read(&mut [0]).unwrap(), 0);
    drop(accepted);
    let mut client = proxy.connect();
    let accepted = site.accept().unwrap().0;
    // With unread input: the proxy's side is reset.
    client.write_all(b"unread").unwrap();
    accepted.peek(&mut [0]).unwrap();
    drop(accepted);
    let end = client.read(&mut [0]);
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[test]
fn a_silent_tunnel_ends() {
    let site = Server::start("echo", &[]);
    let proxy = Server::start("proxy", &["--idle-timeout", "0.3"]);
    let mut stream = BufReader::new(proxy.connect());
    stream.get_mut().write_all(format!("CONNECT {} HTTP/1.1\r\n\r\n", site.address).as_bytes()).unwrap();
    let (status, _) = http::response(&mut stream);
    assert_eq!(status, "HTTP/1.1 200 Connection Established");
    let mut rest = Vec::new();
    // By its end or by a reset.
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}

#[test]
fn who_is_too_many_waits() {
    let site = Server::start("http", &[]);
    let proxy = Server::start("proxy", &["--max-connections", "1", "--to", &site.address.to_string()]);
    let mut first = BufReader::new(proxy.connect());
    first.get_mut().write_all(GET.as_bytes()).unwrap();
    assert_eq!(http::response(&mut first).1, "ok\n");
    let second = proxy.connect();
    drop(first);
    assert_eq!(ok(&until_closed(second, LAST.as_bytes())), 1);
}

#[test]
fn a_tunnel_is_cut_off_when_it_stops() {
    let site = Server::start("http", &[]);
    let mut proxy = Server::start("proxy", &["--grace", "0.2", "--to", &site.address.to_string()]);
    let mut stream = BufReader::new(proxy.connect());
    stream.get_mut().write_all(GET.as_bytes()).unwrap();
    assert_eq!(http::response(&mut stream).1, "ok\n");
    proxy.signal(libc::SIGINT);
    assert_eq!(proxy.ended().code(), Some(0));
}
