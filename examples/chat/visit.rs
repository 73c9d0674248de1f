//! One connection: a page, or a client of the room.

use crate::room::Room;
use crate::server::head::{self, Missing};
use crate::server::{Connection, is_gone, linger, within};
use crate::{Limits, client, page};
use httparse::{EMPTY_HEADER, Request};
use std::io::{self, Write};
use std::net::Shutdown;
use thiserror::Error;
use tungstenite::handshake::server::{create_response, write_response};
use tungstenite::http;

/// Why a connection ended before its time.
#[derive(Debug, Error)]
pub enum Broken {
    #[error(transparent)]
    Head(#[from] Missing),
    #[error("cannot answer: {0}")]
    Write(#[source] io::Error),
    #[error("cannot set the socket up: {0}")]
    SetUp(#[source] io::Error),
    #[error("cannot read: {0}")]
    Read(#[source] tungstenite::Error),
}

/// Fields of a request.
const MAX_FIELDS: usize = 64;

/// Serves a connection to its end.
pub fn serve(connection: &Connection, room: &Room, limits: Limits) -> Result<(), Broken> {
    let mut stream = connection.stream();
    stream.set_nodelay(true).map_err(Broken::SetUp)?;
    connection.idle();
    let received = match head::read(stream, limits.begin) {
        Ok(received) => received,
        Err(Missing::Nothing) => return Ok(()),
        Err(Missing::Read(error)) if is_gone(&error) => return Ok(()),
        Err(Missing::TooSlow) => return answer(connection, limits, "408 Request Timeout", "too slow\n"),
        Err(Missing::TooLong) => {
            return answer(connection, limits, "431 Request Header Fields Too Large", "too long\n");
        }
        Err(error) => return Err(error.into()),
    };
    let Some(request) = parse(received.head()) else {
        return answer(connection, limits, "400 Bad Request", "that is no request\n");
    };
    match (request.method(), request.uri().path()) {
        (&http::Method::GET, "/") => {
            connection.busy();
            answer(connection, limits, "200 OK", &page::of(room))
        }
        (&http::Method::GET, "/chat") if !is_own_page(&request) => {
            answer(connection, limits, "403 Forbidden", "only this server's own page may enter\n")
        }
        (&http::Method::GET, "/chat") => match create_response(&request) {
            Ok(response) => {
                let mut head = Vec::new();
                write_response(&mut head, &response).expect("a vector takes everything");
                within(limits.write, || stream.write_all(&head)).map_err(Broken::Write)?;
                client::serve(connection, received.rest().to_vec(), room, limits)
            }
            Err(error) => answer(connection, limits, "400 Bad Request", &format!("{error}\n")),
        },
        (_, "/" | "/chat") => answer(connection, limits, "405 Method Not Allowed\r\nAllow: GET", "only GET\n"),
        _ => answer(connection, limits, "404 Not Found", "there is / and /chat\n"),
    }
}

/// Whether it is no other site's page that asks: browsers let any page connect anywhere, and say in `Origin` where it came from
/// (RFC 6455, section 10.2). Programs say nothing.
fn is_own_page(request: &http::Request<()>) -> bool {
    let field = |name| request.headers().get(name).map(http::HeaderValue::as_bytes);
    let site = |origin: &[u8]| origin.windows(3).position(|part| part == b"://").map(|at| origin[at + 3..].to_vec());
    field(http::header::ORIGIN).is_none_or(|origin| site(origin).as_deref() == field(http::header::HOST))
}

/// The head, in the words of the library for WebSocket.
fn parse(head: &[u8]) -> Option<http::Request<()>> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = Request::new(&mut fields);
    if !parsed.parse(head).is_ok_and(|status| status.is_complete()) {
        return None;
    }
    let version = if parsed.version == Some(1) { http::Version::HTTP_11 } else { http::Version::HTTP_10 };
    let mut request = http::Request::builder().method(parsed.method?).uri(parsed.path?).version(version);
    for field in parsed.headers {
        request = request.header(field.name, field.value);
    }
    request.body(()).ok()
}

/// Answers with a page or a word, and closes. After the status there may be fields.
fn answer(connection: &Connection, limits: Limits, status: &str, body: &str) -> Result<(), Broken> {
    let kind = if body.starts_with('<') { "html" } else { "plain" };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
         Content-Security-Policy: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len(),
        page::POLICY
    );
    let mut stream = connection.stream();
    let written =
        within(limits.write, || stream.write_all(text.as_bytes()).and_then(|()| stream.shutdown(Shutdown::Write)));
    match written {
        Ok(()) => {
            linger(&mut stream);
            Ok(())
        }
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(Broken::Write(error)),
    }
}
