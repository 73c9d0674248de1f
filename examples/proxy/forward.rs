//! Connections for another server.

use crate::Limits;
use crate::relay::both_ways;
use crate::request::{self, Asked};
use crate::server::head::{self, Missing, Received};
use crate::server::{Connection, is_gone, linger, within};
use morestack::net::TcpStream;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use thiserror::Error;

/// Why a connection ended before its time.
#[derive(Debug, Error)]
pub enum Broken {
    #[error(transparent)]
    Head(#[from] Missing),
    #[error("cannot connect to {to}: {error}")]
    Connect { to: String, error: io::Error },
    #[error("cannot pass on: {0}")]
    Relay(#[from] io::Error),
}

/// Passes the connection on to one server.
pub fn all(connection: &Connection, to: &str, limits: Limits) -> Result<(), Broken> {
    let server = connect(to, limits).map_err(|error| Broken::Connect { to: to.to_owned(), error })?;
    Ok(both_ways(connection.stream(), &server, u64::MAX, limits.idle)?)
}

/// Passes on the request of a client that takes this for an HTTP proxy.
pub fn requests(connection: &Connection, limits: Limits) -> Result<(), Broken> {
    let client = connection.stream();
    connection.idle();
    let received = match head::read(client, limits.head) {
        Ok(received) => received,
        Err(Missing::Nothing) => return Ok(()),
        Err(Missing::Read(error)) if is_gone(&error) => return Ok(()),
        Err(missing) => {
            let status = match missing {
                Missing::TooSlow => "408 Request Timeout",
                Missing::TooLong => "431 Request Header Fields Too Large",
                _ => return Err(missing.into()),
            };
            return refuse(client, status, &missing.to_string(), limits);
        }
    };
    connection.busy();
    let asked = match request::parse(received.head()) {
        Ok(asked) => asked,
        Err(refused) => return refuse(client, refused.status(), &refused.to_string(), limits),
    };
    let (Asked::Tunnel(to) | Asked::Pass { to, .. }) = &asked;
    let server = match connect(to, limits) {
        Ok(server) => server,
        Err(error) => {
            let slow = error.kind() == ErrorKind::TimedOut;
            let status = if slow { "504 Gateway Timeout" } else { "502 Bad Gateway" };
            return refuse(client, status, &format!("cannot connect to {to}: {error}"), limits);
        }
    };
    match pass(client, &server, &asked, &received, limits) {
        Err(error) if is_gone(&error) || error.kind() == ErrorKind::TimedOut => Ok(()),
        result => Ok(result?),
    }
}

fn pass(
    mut client: &TcpStream,
    mut server: &TcpStream,
    asked: &Asked,
    received: &Received,
    limits: Limits,
) -> io::Result<()> {
    let rest = received.rest();
    match asked {
        Asked::Tunnel(_) => {
            within(limits.idle, || client.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n"))?;
            within(limits.idle, || server.write_all(rest))?;
            both_ways(client, server, u64::MAX, limits.idle)
        }
        Asked::Pass { head, body, .. } => {
            // What comes behind the body would be another request, and perhaps for another server.
            let part = &rest[..rest.len().min(usize::try_from(*body).unwrap_or(usize::MAX))];
            within(limits.idle, || server.write_all(&[head, part].concat()))?;
            both_ways(client, server, body - part.len() as u64, limits.idle)?;
            linger(&mut client);
            Ok(())
        }
    }
}

fn connect(to: &str, limits: Limits) -> io::Result<TcpStream> {
    let server = within(limits.connect, || TcpStream::connect(to))?;
    server.set_nodelay(true)?;
    Ok(server)
}

/// Says what is wrong, and ends.
fn refuse(mut client: &TcpStream, status: &str, why: &str, limits: Limits) -> Result<(), Broken> {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{why}\n",
        why.len() + 1
    );
    match within(limits.head, || client.write_all(text.as_bytes()).and_then(|()| client.shutdown(Shutdown::Write))) {
        Ok(()) => linger(&mut client),
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
