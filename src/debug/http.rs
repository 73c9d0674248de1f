//! As much of HTTP as a page needs: one request on each connection, GET and HEAD.

use super::html::Escaped;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Bytes that a request's head may have.
const MAX_HEAD: usize = 16 << 10;

/// Fields that it may have.
const MAX_FIELDS: usize = 64;

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked for.
pub(super) struct Request {
    pub(super) path: String,
    /// Names and values, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) head_only: bool,
}

impl Request {
    /// The value of a name in the query.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

/// What is answered.
pub(super) struct Response {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Response {
    pub(super) fn of(content_type: &'static str, body: String) -> Response {
        Response { status: 200, content_type, body }
    }

    pub(super) fn html(body: String) -> Response {
        Response::of("text/html; charset=utf-8", body)
    }

    pub(super) fn json(value: &serde_json::Value) -> Response {
        Response::of("application/json", value.to_string())
    }

    pub(super) fn error(status: u16, text: &str) -> Response {
        let body = format!(
            "<!doctype html><meta charset=utf-8><title>{status}</title><p>{}</p><p><a href=\"/\">The live page</a></p>\n",
            Escaped(text)
        );
        Response { status, ..Response::html(body) }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

/// Reads a request that came to `address`; or what to answer to one that is not served.
///
/// # Errors
/// The connection's.
pub(super) fn read(mut stream: &TcpStream, address: SocketAddr) -> io::Result<Result<Request, Response>> {
    let deadline = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Err(Response::error(408, "The request took too long.")));
        }
        stream.set_read_timeout(Some(left))?;
        let n = match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => n,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => continue,
            Err(error) => return Err(error),
        };
        head.extend_from_slice(&buffer[..n]);
        if let Some(request) = parse(&head, address).transpose() {
            return Ok(request);
        }
        if head.len() >= MAX_HEAD {
            return Ok(Err(Response::error(431, "The request's head is too large.")));
        }
    }
}

/// The request that begins with these bytes; nothing if its head is not complete.
fn parse(head: &[u8], address: SocketAddr) -> Result<Option<Request>, Response> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Response::error(400, &format!("This is no request: {error}."))),
    }
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if !matches!(method, "GET" | "HEAD") {
        return Err(Response::error(405, "The page can only be read."));
    }
    let host = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("host"));
    let host = host.and_then(|field| std::str::from_utf8(field.value).ok());
    if address.ip().is_loopback() && !host.is_none_or(is_own) {
        return Err(Response::error(403, "This name is another site's: ask for localhost, or for the address."));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Ok(Some(Request { path: path.to_owned(), query, head_only: method == "HEAD" }))
}

/// Whether a `Host` can only be meant for this machine. Any other name may be a foreign site's, whose scripts a browser would let read
/// what comes from here (DNS rebinding).
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let lower = name.to_ascii_lowercase();
    bare.parse::<IpAddr>().is_ok() || lower == "localhost" || lower.ends_with(".localhost")
}

/// Answers, and ends the connection.
///
/// # Errors
/// The connection's.
pub(super) fn answer(mut stream: &TcpStream, head_only: bool, response: &Response) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(text(response, head_only).as_bytes())?;
    // What the client has sent besides would make the system take the answer back: it is read, for a moment.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut rest = [0; 1024];
    for _ in 0..64 {
        if !matches!(stream.read(&mut rest), Ok(1..)) {
            break;
        }
    }
    Ok(())
}

/// Answers who was not heard, without waiting for anything.
///
/// # Errors
/// The connection's.
pub(super) fn turn_away(mut stream: &TcpStream, response: &Response) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.write_all(text(response, false).as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let _ = stream.read(&mut [0; 4096]);
    Ok(())
}

fn text(response: &Response, head_only: bool) -> String {
    let Response { status, content_type, body } = response;
    format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'\r\n\r\n{}",
        reason(*status),
        body.len(),
        if head_only { "" } else { body }
    )
}

#[cfg(test)]
mod tests {
    use super::{is_own, parse};

    #[test]
    fn names_of_this_machine() {
        for host in [
            "localhost",
            "LocalHost:6060",
            "127.0.0.1:1",
            "127.0.0.1",
            "[::1]:6060",
            "[::1]",
            "a.localhost:80",
            "10.0.0.1",
        ] {
            assert!(is_own(host), "{host}");
        }
        for host in
            ["example.com", "example.com:6060", "localhost.example.com", "", "127.0.0.1.example.com:1", "xlocalhost"]
        {
            assert!(!is_own(host), "{host}");
        }
    }

    #[test]
    fn requests_are_taken_apart() {
        let address = "127.0.0.1:6060".parse().unwrap();
        let request = parse(b"GET /tasks?q=a%20b+c&sort=wait HTTP/1.1\r\nHost: localhost:6060\r\n\r\n", address);
        let request = request.ok().flatten().unwrap();
        assert_eq!(
            (&*request.path, request.value("q"), request.value("sort")),
            ("/tasks", Some("a b c"), Some("wait"))
        );
        assert!(parse(b"GET / HTTP/1.1\r\nHost: loc", address).is_ok_and(|request| request.is_none()));
        for (bad, status) in [
            (&b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"[..], 403),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
            (b"\x16\x03\x01\x02\x00", 400),
        ] {
            assert_eq!(parse(bad, address).err().map(|response| response.status), Some(status));
        }
        // Where others come too, names are theirs to choose.
        let public = "0.0.0.0:6060".parse().unwrap();
        assert!(parse(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", public).is_ok());
    }
}
