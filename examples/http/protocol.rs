//! HTTP/1.1 as a function: bytes in, responses out. It knows no sockets and no time.
//!
//! - Requests may be pipelined and may arrive in any pieces; the responses come in their order.
//! - A connection stays open unless the client says `Connection: close`, or speaks HTTP/1.0 without
//!   `Connection: keep-alive`.
//! - A request's body is read and thrown away, if its length is given and not over [`MAX_BODY`].
//! - What is refused ends the connection, because nobody knows where the next request begins: heads over [`MAX_HEAD`] or with
//!   more than [`MAX_FIELDS`] fields (431), bodies that are too long (413) or in a transfer coding such as `chunked` (501), other
//!   versions (505), and what is malformed (400): no `Host` in HTTP/1.1, or contradicting lengths, for instance.
//! - Left out: `Expect: 100-continue` is ignored, so a client that sends it waits for a while before its body. Responses have no
//!   `Date`.

use crate::routes::{METHOD_NOT_ALLOWED, Response, Status, respond};
use httparse::{EMPTY_HEADER, Header, Request};
use std::io::Write;
use thiserror::Error;

/// Bytes of a request line and its fields.
pub const MAX_HEAD: usize = 8 << 10;
/// Fields of a request.
pub const MAX_FIELDS: usize = 64;
/// Bytes of a request's body.
pub const MAX_BODY: usize = 1 << 20;

/// Why a request is refused.
#[derive(Debug, Error)]
enum Refused {
    #[error("malformed request: {0}")]
    Malformed(httparse::Error),
    #[error("malformed request: {0}")]
    Invalid(&'static str),
    #[error("the request was not complete in time")]
    TooSlow,
    #[error("a body may have {MAX_BODY} bytes")]
    BodyTooLarge,
    #[error("a request may have {MAX_FIELDS} fields and {MAX_HEAD} bytes before its body")]
    HeadTooLarge,
    #[error("bodies in transfer codings are not supported")]
    TransferCoding,
    #[error("this server speaks HTTP/1.1")]
    Version,
}

impl Refused {
    fn status(&self) -> Status {
        match self {
            Refused::Malformed(_) | Refused::Invalid(_) => Status(400, "Bad Request"),
            Refused::TooSlow => Status(408, "Request Timeout"),
            Refused::BodyTooLarge => Status(413, "Content Too Large"),
            Refused::HeadTooLarge => Status(431, "Request Header Fields Too Large"),
            Refused::TransferCoding => Status(501, "Not Implemented"),
            Refused::Version => Status(505, "HTTP Version Not Supported"),
        }
    }
}

/// What to do after the responses have been sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Receive more.
    More,
    Close,
}

/// Where a connection stands.
#[derive(Default)]
pub struct Protocol {
    /// What has arrived and is not dealt with.
    input: Vec<u8>,
    /// A request whose body has not arrived entirely.
    body: Option<Body>,
    closed: bool,
}

/// A request that has been read up to its body.
struct Body {
    left: usize,
    answer: Answer,
}

struct Answer {
    response: Response,
    /// The answer to HEAD: its body is not sent.
    head_only: bool,
    /// The client speaks HTTP/1.0.
    old: bool,
    keep: bool,
}

impl Protocol {
    /// Whether no part of a request has arrived that is not answered.
    pub fn is_idle(&self) -> bool {
        self.input.is_empty() && self.body.is_none()
    }

    /// Takes what has arrived and appends the responses to all requests that are complete by it.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Next {
        self.input.extend_from_slice(bytes);
        while !self.closed && self.step(out) {}
        if self.input.is_empty() {
            // An idle connection holds no memory.
            self.input = Vec::new();
        }
        if self.closed { Next::Close } else { Next::More }
    }

    /// Goes on by a head or a body; false if more must arrive first.
    fn step(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(body) = &mut self.body {
            let part = self.input.len().min(body.left);
            body.left -= part;
            self.input.drain(..part);
            let complete = self.body.take_if(|body| body.left == 0);
            complete.map(|body| self.answer(&body.answer, out)).is_some()
        } else {
            // Empty lines before a request are no part of it. (RFC 9112, 2.2)
            let blank = self.input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.input.drain(..blank);
            if self.input.is_empty() {
                return false;
            }
            match parse(&self.input) {
                Ok(None) => return false,
                Ok(Some((length, body))) => {
                    self.input.drain(..length);
                    self.body = Some(body);
                }
                Err(refused) => self.refuse(&refused, out),
            }
            true
        }
    }

    /// The client has not completed its request in time.
    pub fn time_out(&mut self, out: &mut Vec<u8>) -> Next {
        self.refuse(&Refused::TooSlow, out);
        Next::Close
    }

    fn refuse(&mut self, refused: &Refused, out: &mut Vec<u8>) {
        let response = Response { status: refused.status(), body: format!("{refused}\n") };
        self.answer(&Answer { response, head_only: false, old: false, keep: false }, out);
    }

    fn answer(&mut self, answer: &Answer, out: &mut Vec<u8>) {
        answer.write(out);
        self.closed = !answer.keep;
    }
}

impl Answer {
    fn write(&self, out: &mut Vec<u8>) {
        let Response { status: Status(code, reason), body } = &self.response;
        let connection = match (self.keep, self.old) {
            (false, _) => "Connection: close\r\n",
            (true, true) => "Connection: keep-alive\r\n",
            (true, false) => "",
        };
        let allow = if self.response.status == METHOD_NOT_ALLOWED { "Allow: GET, HEAD\r\n" } else { "" };
        let shown = if self.head_only { "" } else { body };
        write!(
            out,
            "HTTP/1.1 {code} {reason}\r\nContent-Length: {}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             {allow}{connection}\r\n{shown}",
            body.len()
        )
        .expect("a vector takes everything");
    }
}

/// The length of the head that `bytes` begin with, and what follows it; nothing if it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(usize, Body)>, Refused> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut request = Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(Refused::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Refused::Version),
        Err(error) => return Err(Refused::Malformed(error)),
    };
    if length > MAX_HEAD {
        return Err(Refused::HeadTooLarge);
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        unreachable!("a complete request has all three");
    };
    let old = minor == 0;
    let hosts = all(request.headers, "host").count();
    if hosts > 1 || hosts == 0 && !old {
        return Err(Refused::Invalid("it names no host, or several"));
    }
    let left = body_length(request.headers)?;
    let said = |word| all(request.headers, "connection").any(|value| has_token(value, word));
    let keep = !said("close") && (!old || said("keep-alive"));
    let answer = Answer { response: respond(method, path(target)?), head_only: method == "HEAD", old, keep };
    Ok(Some((length, Body { left, answer })))
}

/// The values of all fields of that name.
fn all<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// Whether a list such as `keep-alive, Upgrade` has the word.
fn has_token(value: &[u8], word: &str) -> bool {
    value.split(|&byte| byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// The length of the body, which is 0 where nothing is said of one.
fn body_length(fields: &[Header<'_>]) -> Result<usize, Refused> {
    // Where both are given, the transfer coding counts, or the next request would be taken from inside of this one.
    if all(fields, "transfer-encoding").next().is_some() {
        return Err(Refused::TransferCoding);
    }
    let mut lengths = all(fields, "content-length");
    let Some(length) = lengths.next() else { return Ok(0) };
    if lengths.next().is_some() {
        return Err(Refused::Invalid("it has several lengths"));
    }
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(Refused::Invalid("its length is no number"));
    }
    // Too many digits are too many bytes.
    let length = std::str::from_utf8(length).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX);
    if length > MAX_BODY { Err(Refused::BodyTooLarge) } else { Ok(length) }
}

/// The path of a target such as `/a?b` or `http://host/a`.
fn path(target: &str) -> Result<&str, Refused> {
    let local = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    let path = local.split('?').next().unwrap_or(local);
    if path.starts_with('/') || path == "*" { Ok(path) } else { Err(Refused::Invalid("its target is no path")) }
}
