//! The protocol of the example `http`, as a function from bytes to responses: in whatever pieces the bytes arrive.

#[path = "../examples/http/protocol.rs"]
mod protocol;
#[path = "../examples/http/routes.rs"]
mod routes;

use protocol::{MAX_BODY, MAX_FIELDS, MAX_HEAD, Next, Protocol};

/// All responses to `bytes`, which arrive in pieces of `piece` bytes, and whether the connection is closed then.
fn in_pieces(bytes: &[u8], piece: usize) -> (String, Next) {
    let (mut protocol, mut out, mut next) = (Protocol::default(), Vec::new(), Next::More);
    for piece in bytes.chunks(piece) {
        next = protocol.receive(piece, &mut out);
        if next == Next::Close {
            break;
        }
    }
    (String::from_utf8(out).unwrap(), next)
}

/// The same for all sizes of pieces, which must make no difference.
fn answered(bytes: impl AsRef<[u8]>) -> (String, Next) {
    let bytes = bytes.as_ref();
    let whole = in_pieces(bytes, usize::MAX);
    for piece in [1, 2, 3, 7, 100] {
        assert_eq!(in_pieces(bytes, piece), whole, "in pieces of {piece} bytes");
    }
    whole
}

/// The status codes of the responses, in their order.
fn codes(bytes: impl AsRef<[u8]>) -> (Vec<u16>, Next) {
    let (text, next) = answered(bytes);
    let lines = text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    (lines.map(|line| line[..3].parse().unwrap()).collect(), next)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

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
    let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";
    let body = "\r\n1c\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n0\r\n\r\n";
    assert_eq!(codes([chunked, body].concat()), (vec![501], Next::Close));
    assert_eq!(codes([chunked, "Content-Length: 4\r\n", body].concat()), (vec![501], Next::Close));
    assert_eq!(codes("GET / HTTP/2.0\r\n\r\n"), (vec![505], Next::Close));
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
fn bodies_have_a_limit() {
    let post = |length: &str| format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    let allowed = [post(&MAX_BODY.to_string()).as_bytes(), &vec![b'x'; MAX_BODY], get("/").as_bytes()].concat();
    assert_eq!(codes(allowed), (vec![405, 200], Next::More));
    // Refused as soon as it is announced.
    for length in [(MAX_BODY + 1).to_string(), "9".repeat(40)] {
        assert_eq!(codes(post(&length)), (vec![413], Next::Close));
    }
}

#[test]
fn a_connection_is_idle_between_requests_only() {
    let (mut protocol, mut out) = (Protocol::default(), Vec::new());
    assert!(protocol.is_idle());
    let post = b"\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
    for (i, byte) in post.iter().enumerate() {
        assert_eq!(protocol.receive(&[*byte], &mut out), Next::More);
        assert_eq!(protocol.is_idle(), i < 2 || i == post.len() - 1, "after {} bytes", i + 1);
        assert_eq!(out.is_empty(), i < post.len() - 1, "answered after the last byte");
    }
}

#[test]
fn who_is_too_slow_is_told() {
    let (mut protocol, mut out) = (Protocol::default(), Vec::new());
    assert_eq!(protocol.receive(b"GET / HT", &mut out), Next::More);
    assert_eq!(protocol.time_out(&mut out), Next::Close);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("Connection: close\r\n"), "{text}");
}

/// No input makes it panic, and what is answered does not depend on the pieces.
#[test]
fn garbage_is_answered_or_waited_for() {
    let mut x = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let seeds = [get("/"), "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc".into()];
    for _ in 0..2_000 {
        let mut bytes: Vec<u8> = (0..3).flat_map(|_| seeds[random() as usize % 2].bytes()).collect();
        for _ in 0..random() % 4 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        answered(bytes);
    }
}
