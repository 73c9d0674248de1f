//! The protocol of the example `http` as a function from bytes to responses, in whatever pieces the bytes arrive. Who uses this has it as
//! `protocol`, with `routes`, in the root of the test.

#![allow(dead_code, reason = "each test binary uses a part")]

use crate::protocol::{LAST_CHUNK, Next, Protocol, Sending, Work, chunk};
use crate::routes::NOT_FOUND;
use std::iter::repeat;

/// What the server does for a request that takes more than the protocol: one line for a stream, and two files.
pub fn perform(work: Work, protocol: &mut Protocol, out: &mut Vec<u8>) {
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
pub fn in_pieces(mut bytes: &[u8], pieces: impl IntoIterator<Item = usize>) -> (String, Next) {
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
pub fn answered(bytes: impl AsRef<[u8]>) -> (String, Next) {
    let bytes = bytes.as_ref();
    let whole = in_pieces(bytes, []);
    for piece in [1, 2, 3, 7, 100] {
        assert_eq!(in_pieces(bytes, repeat(piece)), whole, "in pieces of {piece} bytes");
    }
    whole
}

/// The status codes of the responses, in their order.
pub fn codes(bytes: impl AsRef<[u8]>) -> (Vec<u16>, Next) {
    let (text, next) = answered(bytes);
    let lines = text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    (lines.map(|line| line[..3].parse().unwrap()).collect(), next)
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// A request for the page that sends bodies back, with this in chunks.
pub fn chunked(rest: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n{rest}")
}
