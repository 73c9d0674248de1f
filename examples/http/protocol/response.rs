//! How a response is written.

use super::head::Manners;
use crate::routes::Status;
use std::io::Write;

pub const TEXT: &str = "text/plain; charset=utf-8";
pub const BYTES: &str = "application/octet-stream";
/// The client may send its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The end of a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A response up to its body. Without a length, the body comes in chunks, or for old clients until the connection ends.
pub fn head(status: Status, kind: &str, length: Option<u64>, manners: Manners, out: &mut Vec<u8>) {
    for part in ["HTTP/1.1 ", status.0, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    match length {
        Some(length) => write!(out, "Content-Length: {length}\r\n").expect("a vector takes everything"),
        None if manners.old => {}
        None => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    let mut field = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    };
    field("Content-Type", kind);
    if let Some(methods) = manners.allow {
        field("Allow", methods);
    }
    match (manners.keep, manners.old) {
        (false, _) => field("Connection", "close"),
        (true, true) => field("Connection", "keep-alive"),
        (true, false) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// A response whose body consists of these parts.
pub fn whole(status: Status, kind: &str, body: &[&[u8]], manners: Manners, out: &mut Vec<u8>) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    head(status, kind, Some(length as u64), manners, out);
    if !manners.head_only {
        body.iter().for_each(|part| out.extend_from_slice(part));
    }
}

/// A response that says its own status.
pub fn status(status: Status, manners: Manners, out: &mut Vec<u8>) {
    whole(status, TEXT, &[status.reason().as_bytes(), b"\n"], manners, out);
}

/// A part of a body that comes in chunks. It is not empty: that would be the end.
pub fn chunk(part: &[u8], out: &mut Vec<u8>) {
    write!(out, "{:x}\r\n", part.len()).expect("a vector takes everything");
    out.extend_from_slice(part);
    out.extend_from_slice(b"\r\n");
}
