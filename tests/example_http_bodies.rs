//! The example `http` finds the ends of bodies, with a length or in chunks, and refuses those that are too long or have no clear end.

#[path = "common/http_protocol.rs"]
mod pieces;
#[allow(dead_code, reason = "this is a part of what it does")]
#[path = "../examples/http/protocol/mod.rs"]
mod protocol;
#[path = "../examples/http/routes.rs"]
mod routes;

use pieces::{answered, chunked, codes, get};
use protocol::Next;
use protocol::body::MAX_BODY;
use protocol::head::{MAX_FIELDS, MAX_HEAD};

/// Who believes the length and who believes the coding would disagree about where the next request begins.
#[test]
fn a_body_has_one_end() {
    let both = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n";
    assert_eq!(codes([both, &get("/")].concat()), (vec![400], Next::Close));
    let old = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(codes(old), (vec![400], Next::Close));
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
fn bodies_have_a_limit() {
    let post = |length: &str| format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    let allowed = [post(&MAX_BODY.to_string()).as_bytes(), &vec![b'x'; MAX_BODY], get("/").as_bytes()].concat();
    assert_eq!(codes(allowed), (vec![405, 200], Next::More));
    // Refused as soon as it is announced.
    for length in [(MAX_BODY + 1).to_string(), "9".repeat(40)] {
        assert_eq!(codes(post(&length)), (vec![413], Next::Close));
    }
}
