//! What a client of an HTTP proxy asks for.

use httparse::{EMPTY_HEADER, Header, Request};
use std::io::Write;
use thiserror::Error;

/// Fields of a request.
const MAX_FIELDS: usize = 64;

/// A request, and what becomes of it.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// A tunnel to this host and port.
    Tunnel(String),
    /// To pass it on.
    Pass {
        /// The host and port.
        to: String,
        /// The head as the server is to see it.
        head: Vec<u8>,
        /// Bytes that follow.
        body: u64,
    },
}

/// Why a request is refused.
#[derive(Debug, Error, PartialEq)]
pub enum Refused {
    #[error("malformed request: {0}")]
    Malformed(httparse::Error),
    #[error("this is a proxy: it needs CONNECT host:port, or an address that begins with http://")]
    NotForProxies,
    #[error("a tunnel leads to host:port")]
    NoPort,
    #[error("the length of a body that is passed on must be known, once")]
    Length,
}

impl Refused {
    /// The status line's number and reason.
    pub fn status(&self) -> &'static str {
        match self {
            Refused::Length => "411 Length Required",
            _ => "400 Bad Request",
        }
    }
}

/// Fields that are between the client and us. (RFC 9110, 7.6.1)
const OWN: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
];

/// What is asked for by this head.
pub fn parse(head: &[u8]) -> Result<Asked, Refused> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut request = Request::new(&mut fields);
    match request.parse(head) {
        Ok(status) if status.is_complete() => {}
        Ok(_) => unreachable!("a head ends in an empty line"),
        Err(error) => return Err(Refused::Malformed(error)),
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        unreachable!("a complete request has both");
    };
    if method == "CONNECT" {
        return if has_port(target) { Ok(Asked::Tunnel(target.to_owned())) } else { Err(Refused::NoPort) };
    }
    let scheme = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = scheme.map(|_| &target[7..]).ok_or(Refused::NotForProxies)?;
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Who it is asked as is the server's affair, and is sent in a field by those who mean it.
    if host.is_empty() || host.contains('@') {
        return Err(Refused::NotForProxies);
    }
    let body = length(request.headers)?;
    let to = if has_port(host) { host.to_owned() } else { format!("{host}:80") };
    Ok(Asked::Pass { to, head: head_for_server(method, host, path, request.headers), body })
}

/// Whether it ends in `:` and a port, behind a host.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// How many bytes follow. Chunks would have to be taken apart to find their end; few clients send any.
fn length(fields: &[Header<'_>]) -> Result<u64, Refused> {
    let named = |name: &'static str| fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    if named("transfer-encoding").next().is_some() {
        return Err(Refused::Length);
    }
    let mut lengths = named("content-length");
    let (first, second) = (lengths.next(), lengths.next());
    match (first, second) {
        (None, _) => Ok(0),
        (Some(field), None) if !field.value.is_empty() && field.value.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(field.value).ok().and_then(|digits| digits.parse().ok()).ok_or(Refused::Length)
        }
        _ => Err(Refused::Length),
    }
}

fn head_for_server(method: &str, host: &str, path: &str, fields: &[Header<'_>]) -> Vec<u8> {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = path.split('#').next().unwrap_or("");
    // What the client's Connection names is between it and us too.
    let connection = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection"));
    let named: Vec<&[u8]> = connection.flat_map(|field| field.value.split(|&byte| byte == b',')).collect();
    let own = |name: &str| {
        OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
            || named.iter().any(|named| named.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut head = Vec::new();
    // The target counts, whatever `Host` says. (RFC 9112, 3.2.2)
    write!(head, "{method} {slash}{path} HTTP/1.1\r\nHost: {host}\r\n").expect("a vector takes everything");
    for field in fields.iter().filter(|field| !own(field.name) && !field.name.eq_ignore_ascii_case("host")) {
        head.extend_from_slice(field.name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(field.value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"Via: 1.1 proxy\r\nConnection: close\r\n\r\n");
    head
}
