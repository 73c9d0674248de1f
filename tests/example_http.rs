//! The example `http` serves real clients: curl, if it is there, and sockets that pipeline, dawdle, close half, and vanish.
//! What it makes of which bytes is in `example_http_protocol.rs`; files, limits and its end have tests of their own.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::{GET, LAST, curl, ok, response, until_closed};
use server::Server;
use std::io::{BufReader, Read, Write};
use std::time::Duration;

#[test]
fn curl_gets_pages_over_one_connection() {
    let server = Server::start("http", &[]);
    let url = |path: &str| format!("http://{}{path}", server.address);
    let urls = [url("/"), url("/hello/curl"), url("/nothing"), url("/health")];
    let mut arguments = vec!["--write-out", "%{http_code} over %{num_connects} new\n"];
    arguments.extend(urls.iter().map(String::as_str));
    let Some(text) = curl(&arguments) else { return };
    let expected =
        "Hello, World!\n200 over 1 new\nHello, curl!\n200 over 0 new\nNot Found\n404 over 0 new\nok\n200 over 0 new\n";
    assert_eq!(text, expected);
}

#[test]
fn curl_asks_in_other_ways() {
    let server = Server::start("http", &[]);
    let url = format!("http://{}/hello/you", server.address);
    let status = ["--write-out", "%{http_code}", "--output", "/dev/null"];
    let ask = |arguments: &[&str]| curl(&[&status[..], arguments, &[&url]].concat());
    let Some(head) = curl(&["--head", &url]) else { return };
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(ask(&["--http1.0"]).unwrap(), "200");
    assert_eq!(ask(&["--request", "PUT"]).unwrap(), "405");
    assert_eq!(ask(&["--data", "some=thing"]).unwrap(), "405");
    assert_eq!(ask(&["--header", "Transfer-Encoding: chunked", "--data", "some=thing"]).unwrap(), "405");
    let long = format!("X: {}", "x".repeat(20_000));
    assert_eq!(ask(&["--header", &long]).unwrap(), "431");
}

#[test]
fn curl_gets_back_what_it_sends() {
    let server = Server::start("http", &[]);
    let url = format!("http://{}/echo", server.address);
    let body: String = (0..60_000).map(|i| format!("{i} ")).collect();
    let path = std::env::temp_dir().join(format!("morestack-echo-{}", std::process::id()));
    std::fs::write(&path, &body).unwrap();
    let data = format!("@{}", path.display());
    for how in
        [&["--header", "X: y"][..], &["--header", "Transfer-Encoding: chunked"], &["--header", "Expect: 100-continue"]]
    {
        let answer = curl(&[how, &["--data-binary", &data, &url]].concat());
        assert!(answer.is_none_or(|answer| answer == body), "{how:?}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_page_without_a_length_arrives() {
    let server = Server::start("http", &[]);
    let url = |lines: u32| format!("http://{}/stream/{lines}", server.address);
    let expected: String = (1..=100_000).map(|line| format!("line {line}\n")).collect();
    let Some(page) = curl(&[&url(100_000)]) else { return };
    assert!(page == expected);
    assert!(curl(&["--http1.0", &url(100_000)]).unwrap() == expected);
    assert_eq!(curl(&[&url(0)]).unwrap(), "");
    // The connection goes on after the last chunk.
    let page = curl(&["--write-out", "over %{num_connects} new\n", &url(2), &url(1)]).unwrap();
    assert_eq!(page, "line 1\nline 2\nover 1 new\nline 1\nover 0 new\n");
}

#[test]
fn who_does_not_read_is_given_up() {
    let server = Server::start("http", &["--write-timeout", "0.3", "--max-connections", "1"]);
    let mut stream = server.connect();
    stream.write_all(b"GET /stream/1000000 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    // The next is served when the first has been given up.
    assert_eq!(ok(&until_closed(server.connect(), LAST.as_bytes())), 1);
    // What the sockets held, and then the end: less than the page.
    let mut page = Vec::new();
    let end = stream.read_to_end(&mut page);
    assert!(!page.ends_with(b"0\r\n\r\n"), "{} bytes, {end:?}", page.len());
}

#[test]
fn pipelined_requests_come_back_in_order() {
    let server = Server::start("http", &[]);
    let names: Vec<_> = (0..500).map(|i| format!("n{i}")).collect();
    let requests = names.iter().map(|name| format!("GET /hello/{name} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let mut stream = server.connect();
    stream.write_all(requests.collect::<String>().as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    for name in names {
        assert_eq!(response(&mut reader), ("HTTP/1.1 200 OK".into(), format!("Hello, {name}!\n")));
    }
}

#[test]
fn a_half_closed_connection_gets_its_responses() {
    let server = Server::start("http", &[]);
    let answer = String::from_utf8(server.exchange(GET.repeat(3).as_bytes())).unwrap();
    assert_eq!(ok(&answer), 3, "{answer}");
    // Half a request is none.
    let answer = String::from_utf8(server.exchange(&GET.as_bytes()[..20])).unwrap();
    assert_eq!(answer, "");
}

#[test]
fn many_connections_are_kept_alive_at_once() {
    let mut server = Server::start("http", &[]);
    let mut readers: Vec<_> = (0..200).map(|_| BufReader::new(server.connect())).collect();
    for _ in 0..3 {
        for reader in &mut readers {
            reader.get_mut().write_all(GET.as_bytes()).unwrap();
        }
        for reader in readers.iter_mut().rev() {
            assert_eq!(response(reader), ("HTTP/1.1 200 OK".into(), "ok\n".into()));
        }
    }
    server.assert_alive();
}

#[test]
fn malformed_requests_are_answered_and_the_rest_is_not() {
    let mut server = Server::start("http", &[]);
    for (request, status) in [
        ("nonsense\r\n\r\n".to_string(), "400 Bad Request"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n".into(), "501 Not Implemented"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n".into(), "413 Content Too Large"),
    ] {
        // More than is read at once stays unread, and must not keep the client from reading the answer.
        let answer = until_closed(server.connect(), (request.clone() + &GET.repeat(1000)).as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request}: {answer}");
    }
    assert_eq!(ok(&until_closed(server.connect(), LAST.as_bytes())), 1);
    server.assert_alive();
}

#[test]
fn slow_clients_are_disconnected() {
    let short = ["--head-timeout", "0.3", "--body-timeout", "0.3", "--idle-timeout", "0.3"];
    let server = Server::start("http", &short);
    // One that sends nothing, and one that was served and asks no more.
    assert_eq!(until_closed(server.connect(), b""), "");
    assert_eq!(ok(&until_closed(server.connect(), GET.as_bytes())), 1);
    // One that stops in the middle.
    let answer = until_closed(server.connect(), &GET.as_bytes()[..20]);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    for body in ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let answer = until_closed(server.connect(), format!("POST /echo HTTP/1.1\r\nHost: h\r\n{body}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    }
    // One that sends a byte now and then, each of them in time: it is told while it still sends.
    let mut stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0; 12];
    let told = GET.bytes().any(|byte| {
        // Refused when the server has closed, which comes after the answer.
        let _ = stream.write_all(&[byte]);
        stream.read_exact(&mut answer).is_ok()
    });
    assert!(told, "the whole request has been sent, over 3 s");
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn peers_that_vanish_do_no_harm() {
    let mut server = Server::start("http", &[]);
    for i in 0..50 {
        let mut stream = server.connect();
        // Closed with unread responses, in the middle of a request: the server's side is reset.
        stream.write_all(&GET.repeat(100).as_bytes()[..GET.len() * 50 + i]).unwrap();
    }
    assert_eq!(ok(&until_closed(server.connect(), LAST.as_bytes())), 1);
    server.assert_alive();
}
