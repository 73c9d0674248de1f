//! A request up to its body, and why it is refused.

use super::body::{Body, MAX_BODY};
use crate::routes::{Page, Status, find};
use httparse::{Header, Request};
use std::mem::MaybeUninit;
use thiserror::Error;

/// Bytes of a request line and its fields.
pub const MAX_HEAD: usize = 8 << 10;
/// Fields of a request.
pub const MAX_FIELDS: usize = 64;

/// Why a request is refused.
#[derive(Debug, Error)]
pub enum Refused {
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
    #[error("bodies may be in chunks, and in no other transfer coding")]
    TransferCoding,
    #[error("this server speaks HTTP/1.1")]
    Version,
}

impl Refused {
    pub fn status(&self) -> Status {
        match self {
            Refused::Malformed(_) | Refused::Invalid(_) => Status("400 Bad Request"),
            Refused::TooSlow => Status("408 Request Timeout"),
            Refused::BodyTooLarge => Status("413 Content Too Large"),
            Refused::HeadTooLarge => Status("431 Request Header Fields Too Large"),
            Refused::TransferCoding => Status("501 Not Implemented"),
            Refused::Version => Status("505 HTTP Version Not Supported"),
        }
    }
}

/// A request up to its body.
pub struct Head<'a> {
    pub page: Page<'a>,
    pub manners: Manners,
    pub body: Body,
    /// The client waits until it is told to send the body.
    pub expects: bool,
}

/// How a response is to be made.
#[derive(Clone, Copy)]
pub struct Manners {
    /// The answer to HEAD: its body is not sent.
    pub head_only: bool,
    /// The client speaks HTTP/1.0.
    pub old: bool,
    /// The connection stays open.
    pub keep: bool,
    /// The methods that there are, where another was used.
    pub allow: Option<&'static str>,
}

impl Manners {
    /// Of the last response to whoever it is.
    pub fn of_a_refusal() -> Manners {
        Manners { head_only: false, old: false, keep: false, allow: None }
    }
}

/// The head that `bytes` begin with, and its length; nothing if it is not complete.
pub fn parse(bytes: &[u8]) -> Result<Option<(usize, Head<'_>)>, Refused> {
    if bytes.is_empty() {
        return Ok(None);
    }
    // Not filled in advance: most requests have a few fields, and 2 KB to touch are much beside the rest of this.
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = Request::new(&mut []);
    // No further than a head may go, or what is behind would count if it comes at once.
    let length = match request.parse_with_uninit_headers(&bytes[..bytes.len().min(MAX_HEAD)], &mut fields) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(Refused::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Refused::Version),
        Err(error) => return Err(Refused::Malformed(error)),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        unreachable!("a complete request has all three");
    };
    let (fields, old) = (&*request.headers, minor == 0);
    let hosts = all(fields, "host").count();
    if hosts > 1 || hosts == 0 && !old {
        return Err(Refused::Invalid("it names no host, or several"));
    }
    let body = body(fields, old)?;
    let said = |word| all(fields, "connection").any(|value| has_token(value, word));
    let keep = !said("close") && (!old || said("keep-alive"));
    let expects = !old && all(fields, "expect").any(|value| has_token(value, "100-continue"));
    let manners = Manners { head_only: method == "HEAD", old, keep, allow: None };
    Ok(Some((length, Head { page: find(method, path(target)?), manners, body, expects })))
}

/// The values of all fields of that name.
fn all<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// Whether a list such as `keep-alive, Upgrade` has the word.
fn has_token(value: &[u8], word: &str) -> bool {
    value.split(|&byte| byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// What body follows, which is none where nothing is said of one.
fn body(fields: &[Header<'_>], old: bool) -> Result<Body, Refused> {
    let mut codings = all(fields, "transfer-encoding");
    let mut lengths = all(fields, "content-length");
    if let Some(coding) = codings.next() {
        // Where both are given, somebody between the client and us may have believed the other: the next request would be taken from
        // inside of this one. (RFC 9112, 6.1)
        if lengths.next().is_some() || old {
            return Err(Refused::Invalid("it has a transfer coding, but a length or HTTP/1.0 too"));
        }
        let chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        return if chunked { Ok(Body::chunked()) } else { Err(Refused::TransferCoding) };
    }
    let Some(length) = lengths.next() else { return Ok(Body::Length(0)) };
    if lengths.next().is_some() {
        return Err(Refused::Invalid("it has several lengths"));
    }
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(Refused::Invalid("its length is no number"));
    }
    // Too many digits are too many bytes.
    let length = std::str::from_utf8(length).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX);
    if length > MAX_BODY { Err(Refused::BodyTooLarge) } else { Ok(Body::Length(length)) }
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
