//! The protocol of the example `http`, as a function from bytes to responses: in whatever pieces the bytes arrive.

#[path = "../examples/http/protocol/mod.rs"]
mod protocol;
#[path = "../examples/http/routes.rs"]
mod routes;
#[path = "common/seed.rs"]
mod seed;

use protocol::body::MAX_BODY;
use protocol::head::{MAX_FIELDS, MAX_HEAD};
use protocol::{LAST_CHUNK, Next, Protocol, Sending, Stage, Work, chunk};
use rand::Rng;
use rand::rngs::SmallRng;
use routes::NOT_FOUND;
use std::iter::repeat;

/// What the server does for a request that takes more than the protocol: one line for a stream, and two files.
fn perform(work: Work, protocol: &mut Protocol, out: &mut Vec<u8>) {
    let (length, text) = match work {
        Work::Stream(_) => (None, "line\n"),
        Work::File(path) if path == "empty" => (Some(0), ""),
        Work::File(path) if path == "full" => (Some(5), "text\n"),
        Work::File(_) => return protocol.respond(NOT_FOUND, out),
    };
    match protocol.begin("text/plain", length, out) {
        Sending::Nothing => {}
        Sending::Plain => out.extend_from_slice(text.as_bytes()),
        Sending::Chunked => {
            chunk(text.as_bytes(), out);
            out.extend_from_slice(LAST_CHUNK);
        }
    }
}

/// All responses to `bytes`, which arrive in pieces of these lengths and then at once, and whether the connection is closed then.
fn in_pieces(mut bytes: &[u8], pieces: impl IntoIterator<Item = usize>) -> (String, Next) {
    let (mut protocol, mut out, mut next) = (Protocol::default(), Vec::new(), Next::More);
    let mut pieces = pieces.into_iter();
    while !bytes.is_empty() && next != Next::Close {
        let length = pieces.next().unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        bytes = rest;
        next = protocol.receive(piece, &mut out);
        while let Next::Do(work) = next {
            perform(work, &mut protocol, &mut out);
            next = protocol.proceed(&mut out);
        }
    }
    (String::from_utf8_lossy(&out).into_owned(), next)
}

/// The same for all sizes of pieces, which must make no difference.
fn answered(bytes: impl AsRef<[u8]>) -> (String, Next) {
    let bytes = bytes.as_ref();
    let whole = in_pieces(bytes, []);
    for piece in [1, 2, 3, 7, 100] {
        assert_eq!(in_pieces(bytes, repeat(piece)), whole, "in pieces of {piece} bytes");
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

/// Who believes the length and who believes the coding would disagree about where the next request begins.
#[test]
fn a_body_has_one_end() {
    let both = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n";
    assert_eq!(codes([both, &get("/")].concat()), (vec![400], Next::Close));
    let old = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(codes(old), (vec![400], Next::Close));
}

/// A request for the page that sends bodies back, with this in chunks.
fn chunked(rest: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n{rest}")
}

#[test]
fn bodies_come_in_chunks() {
    for (rest, body) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n00A\r\n, you all!\r\n000\r\n\r\n", "hello, you all!"),
        ("5;name=value\r\nhello\r\n0;last\r\nTrailer: value\r\nX: y\r\n\r\n", "hello"),
        // What looks like a request is none.
        ("1b\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n0\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ] {
        let (text, next) = answered([&chunked(rest), &*get("/health")].concat());
        assert_eq!(next, Next::More);
        let (head, rest) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert!(rest.starts_with(&format!("{body}HTTP/1.1 200 OK")) && rest.ends_with("\r\n\r\nok\n"), "{rest}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    for rest in [
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "5\r\nhello!\r\n",
        "5\r\nhello\n\n",
        "0\r\nno colon\r\n\r\n",
        "11111111111111111\r\n",
    ] {
        assert_eq!(codes([&chunked(rest), &*get("/")].concat()), (vec![400], Next::Close), "{rest:?}");
    }
}

#[test]
fn chunks_have_limits() {
    let whole = |size: usize| format!("{size:x}\r\n{}\r\n", "x".repeat(size));
    assert_eq!(codes(chunked(&(whole(MAX_BODY - 1) + "1\r\nx\r\n0\r\n\r\n"))), (vec![200], Next::More));
    assert_eq!(codes(chunked(&(whole(MAX_BODY - 1) + "2\r\n"))), (vec![413], Next::Close));
    assert_eq!(codes(chunked("fffffffffffffff\r\n")), (vec![413], Next::Close));
    // Lines and fields that have no end.
    assert_eq!(codes(chunked(&format!("5;{}", "x".repeat(1000)))), (vec![400], Next::Close));
    assert_eq!(codes(chunked(&format!("0\r\nX: {}", "x".repeat(MAX_HEAD)))), (vec![431], Next::Close));
    assert_eq!(codes(chunked(&format!("0\r\n{}", "X: y\r\n".repeat(MAX_FIELDS + 1)))), (vec![431], Next::Close));
}

#[test]
fn who_waits_to_be_told_is_told() {
    let post = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n";
    assert_eq!(codes([post, "Content-Length: 2\r\n\r\nab"].concat()), (vec![100, 200], Next::More));
    assert_eq!(codes([post, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"].concat()), (vec![100, 200], Next::More));
    // Nothing will come, or nothing that is wanted, or they know no such thing.
    assert_eq!(codes([post, "\r\n"].concat()), (vec![200], Next::More));
    assert_eq!(codes([post, "Content-Length: 99999999\r\n\r\n"].concat()), (vec![413], Next::Close));
    let old = post.replace("1.1", "1.0");
    assert_eq!(codes([&*old, "Content-Length: 2\r\n\r\nab"].concat()), (vec![200], Next::Close));
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

/// Requests that are in order, from which others are made.
fn seeds() -> Vec<String> {
    vec![
        get("/"),
        get("/hello/you"),
        get("/stream/3"),
        get("/files/full"),
        "HEAD /files/empty HTTP/1.1\r\nHost: h\r\n\r\n".into(),
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world".into(),
        "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc".into(),
        "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".into(),
        chunked("5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n"),
    ]
}

/// Makes something else of requests, as a faulty or hostile client would.
fn mutate(bytes: &mut Vec<u8>, random: &mut SmallRng) {
    const WORDS: [&[u8]; 12] = [
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\0",
        b"0\r\n\r\n",
        b"chunked",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"ffffffffffffffff",
        b"HTTP/1.1",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
    ];
    let at = random.random_range(0..=bytes.len());
    let until = random.random_range(at..=bytes.len().min(at + 20));
    match random.random_range(0..6) {
        0 if at < bytes.len() => bytes[at] = random.random(),
        1 => drop(bytes.drain(at..until)),
        2 => drop(bytes.splice(at..at, WORDS[random.random_range(0..WORDS.len())].iter().copied())),
        3 => {
            let part = bytes[at..until].to_vec();
            let to = random.random_range(0..=bytes.len());
            drop(bytes.splice(to..to, part));
        }
        4 => bytes.truncate(at),
        // A digit elsewhere: lengths that do not hold.
        _ => {
            if let Some(digit) = bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).nth(at % 8) {
                *digit = b'0' + random.random_range(0..10);
            }
        }
    }
}

/// No input makes it panic; what is answered depends on no pieces, and is no more than the input deserves.
#[test]
fn garbage_is_answered_or_waited_for() {
    let seed = seed::seed();
    let seeds = seeds();
    for index in 0..2_000 {
        let mut random = seed::generator(seed, index);
        let mut bytes = Vec::new();
        for _ in 0..random.random_range(1..5) {
            bytes.extend_from_slice(seeds[random.random_range(0..seeds.len())].as_bytes());
        }
        for _ in 0..random.random_range(0..6) {
            mutate(&mut bytes, &mut random);
        }
        let input = String::from_utf8_lossy(&bytes);
        let whole = in_pieces(&bytes, []);
        for at in 0..bytes.len() {
            assert_eq!(in_pieces(&bytes, [at.max(1)]), whole, "case {index}, split at {at}: {input:?}");
        }
        let pieces: Vec<usize> = (0..bytes.len()).map(|_| random.random_range(1..20)).collect();
        assert_eq!(in_pieces(&bytes, pieces), whole, "case {index}, in pieces: {input:?}");
        // The shortest request is `GET / HTTP/1.0` and two line ends; the longest response to it has 300 bytes besides what it repeats.
        let most = (bytes.len() / 16 + 1) * 300 + bytes.len();
        assert!(whole.0.len() <= most, "case {index}: {} bytes for {input:?}", whole.0.len());
    }
}
