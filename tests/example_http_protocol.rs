//! What the example `http` answers to which requests, in whatever pieces they arrive. Bodies, and what is no request, have files of their
//! own.

#[path = "common/http_protocol.rs"]
mod pieces;
#[path = "../examples/http/protocol/mod.rs"]
mod protocol;
#[path = "../examples/http/routes.rs"]
mod routes;

use pieces::{answered, codes, get, perform};
use protocol::head::{MAX_FIELDS, MAX_HEAD};
use protocol::{Next, Protocol, Stage};

#[test]
fn a_response_is_what_it_should_be() {
    let expected =
        "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, World!\n";
    assert_eq!(answered(get("/")), (expected.into(), Next::More));
}

#[test]
fn routes_are_found() {
    for (path, code, body) in [
        ("/", 200, "Hello, World!\n"),
        ("/?query", 200, "Hello, World!\n"),
        ("http://other.example/health", 200, "ok\n"),
        ("http://other.example", 200, "Hello, World!\n"),
        ("/health", 200, "ok\n"),
        ("/hello/green%20thread?x=/y", 200, "Hello, green%20thread!\n"),
        ("/hello/", 404, "Not Found\n"),
        ("/hello/a/b", 404, "Not Found\n"),
        ("/healthy", 404, "Not Found\n"),
        ("//", 404, "Not Found\n"),
        ("/stream/x", 404, "Not Found\n"),
        ("/stream/1000001", 404, "Not Found\n"),
        ("/files", 404, "Not Found\n"),
    ] {
        let (text, next) = answered(get(path));
        assert_eq!(next, Next::More);
        assert!(text.starts_with(&format!("HTTP/1.1 {code} ")) && text.ends_with(&format!("\r\n\r\n{body}")), "{text}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let (with, _) = answered(get("/hello/you"));
    let (without, next) = answered("HEAD /hello/you HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(next, Next::More);
    assert_eq!(format!("{without}Hello, you!\n"), with);
}

#[test]
fn other_methods_are_told_which_there_are() {
    let (text, next) = answered("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
    assert_eq!(next, Next::More);
    assert_eq!(codes("DELETE /nothing HTTP/1.1\r\nHost: h\r\n\r\n").0, [404]);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 25\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n";
    let bytes = [&get("/"), post, &get("/nothing"), "\r\n\r\n", &get("/health")].concat();
    assert_eq!(codes(bytes), (vec![200, 405, 404, 200], Next::More));
}

#[test]
fn a_connection_ends_when_the_client_says_so() {
    for (request, keeps) in [
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nconnection: Upgrade,  CLOSE\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
    ] {
        let (text, next) = answered([request, &get("/health")].concat());
        assert_eq!(next == Next::More, keeps, "{request}");
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1 + usize::from(keeps), "{request}");
        assert_eq!(text.contains("Connection: close\r\n"), !keeps, "{request}");
        let old_and_kept = request.contains("HTTP/1.0") && keeps;
        assert_eq!(text.contains("Connection: keep-alive\r\n"), old_and_kept, "{request}");
    }
}

#[test]
fn malformed_requests_are_refused() {
    for request in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n",
        "GET elsewhere HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
    ] {
        assert_eq!(codes([request, &get("/")].concat()), (vec![400], Next::Close), "{request:?}");
    }
}

#[test]
fn what_is_not_supported_is_refused() {
    let coded =
        |coding: &str| format!("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "", "chunked\r\nTransfer-Encoding: chunked"] {
        assert_eq!(codes(coded(coding)), (vec![501], Next::Close), "{coding}");
    }
    assert_eq!(codes("GET / HTTP/2.0\r\n\r\n"), (vec![505], Next::Close));
}

#[test]
fn what_takes_longer_is_answered_in_its_place() {
    let (text, next) = answered([get("/files/full"), get("/stream/7"), get("/files/no"), get("/health")].concat());
    assert_eq!(next, Next::More);
    assert_eq!(text.matches("HTTP/1.1 ").count(), 4, "{text}");
    let place = |part| text.find(part).unwrap_or_else(|| panic!("{part:?} is not in {text}"));
    let chunk = place("Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n5\r\nline\n\r\n0\r\n\r\n");
    assert!(place("\r\n\r\ntext\nHTTP") < chunk && chunk < place("404 Not Found") && text.ends_with("\r\n\r\nok\n"));
    // Old clients know no chunks.
    let (text, next) = answered("GET /stream/7 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nline\n");
    assert_eq!(next, Next::Close);
    let (text, next) = answered("HEAD /files/full HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let expected = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";
    assert_eq!((&*text, next), (expected, Next::Close));
}

#[test]
fn a_server_that_stops_says_so() {
    for path in ["/", "/nothing", "/stream/1", "/files/full", "/files/none"] {
        let (mut protocol, mut out) = (Protocol::default(), Vec::new());
        protocol.close_after_this();
        let mut next = protocol.receive(get(path).repeat(2).as_bytes(), &mut out);
        while let Next::Do(work) = next {
            perform(work, &mut protocol, &mut out);
            next = protocol.proceed(&mut out);
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
        assert!(next == Next::Close && text.contains("\r\nConnection: close\r\n"), "{text}");
    }
}

#[test]
fn heads_have_a_limit() {
    let head = |len: usize| {
        let (begin, end) = ("GET / HTTP/1.1\r\nHost: h\r\nX: ", "\r\n\r\n");
        [begin, &"x".repeat(len - begin.len() - end.len()), end].concat()
    };
    assert_eq!(codes(head(MAX_HEAD)), (vec![200], Next::More));
    assert_eq!(codes(head(MAX_HEAD + 1)), (vec![431], Next::Close));
    // One that has no end.
    assert_eq!(codes(&head(MAX_HEAD * 2)[..MAX_HEAD + 10]), (vec![431], Next::Close));
    let fields = |n: usize| ["GET / HTTP/1.1\r\nHost: h\r\n", &"X: y\r\n".repeat(n - 1), "\r\n"].concat();
    assert_eq!(codes(fields(MAX_FIELDS)), (vec![200], Next::More));
    assert_eq!(codes(fields(MAX_FIELDS + 1)), (vec![431], Next::Close));
}

#[test]
fn a_connection_is_idle_between_requests_only() {
    let (mut protocol, mut out) = (Protocol::default(), Vec::new());
    assert_eq!(protocol.stage(), Stage::Idle);
    let post = b"\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
    for (i, byte) in post.iter().enumerate() {
        assert_eq!(protocol.receive(&[*byte], &mut out), Next::More);
        let stage = match i {
            ..2 => Stage::Idle,
            i if i == post.len() - 1 => Stage::Idle,
            i if i >= post.len() - 3 => Stage::Body,
            _ => Stage::Head,
        };
        assert_eq!(protocol.stage(), stage, "after {} bytes", i + 1);
        assert_eq!(out.is_empty(), i < post.len() - 1, "answered after the last byte");
    }
}

#[test]
fn who_is_too_slow_is_told() {
    let (mut protocol, mut out) = (Protocol::default(), Vec::new());
    assert_eq!(protocol.receive(b"GET / HT", &mut out), Next::More);
    protocol.time_out(&mut out);
    assert_eq!(protocol.receive(b"TP/1.1", &mut out), Next::Close);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("Connection: close\r\n"), "{text}");
}
