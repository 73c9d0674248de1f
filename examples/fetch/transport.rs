//! Connections of ours for `ureq`: what its own transport does, over [`TcpStream`]s that wait without keeping their worker.

use morestack::net::{TcpStream, ToSocketAddrs};
use std::io::{self, Read, Write};
use std::time::Duration;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};

/// Connects to whatever `http` URL.
#[derive(Debug)]
pub struct Connect;

impl Connector for Connect {
    type Out = Connection;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Connection>, Error> {
        if details.needs_tls() {
            // A connector for TLS can be chained behind this one.
            return Err(Error::TlsRequired);
        }
        let mut last = Error::HostNotFound;
        for addr in &details.addrs {
            let connected = match limit(&details.timeout) {
                Some(time) => TcpStream::connect_timeout(addr, time),
                None => TcpStream::connect(addr),
            };
            match connected {
                Ok(stream) => {
                    stream.set_nodelay(details.config.no_delay())?;
                    let config = details.config;
                    let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
                    return Ok(Some(Connection { stream, buffers }));
                }
                Err(error) => last = named(error, &details.timeout),
            }
        }
        Err(last)
    }
}

/// A connection, with the buffers that `ureq` fills and empties.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.set_write_timeout(limit(&timeout))?;
        self.stream.write_all(&self.buffers.output()[..amount]).map_err(|error| named(error, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.set_read_timeout(limit(&timeout))?;
        let n = self.stream.read(self.buffers.input_append_buf()).map_err(|error| named(error, &timeout))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// A connection that is kept must have nothing to say, not even that it ends.
    fn is_open(&mut self) -> bool {
        let quiet = || {
            self.stream.set_nonblocking(true)?;
            let says = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            Ok::<_, io::Error>(says.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
        };
        quiet().unwrap_or(false)
    }
}

/// How long a step may take.
fn limit(timeout: &NextTimeout) -> Option<Duration> {
    timeout.not_zero().map(|time| *time)
}

/// An error as `ureq` names it.
fn named(error: io::Error, timeout: &NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}

/// Looks names up off the worker.
#[derive(Debug)]
pub struct Resolve;

impl Resolver for Resolve {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut found = self.empty();
        // As many as there is room for.
        (host, port).to_socket_addrs()?.take(16).for_each(|addr| found.push(addr));
        if found.is_empty() { Err(Error::HostNotFound) } else { Ok(found) }
    }
}
