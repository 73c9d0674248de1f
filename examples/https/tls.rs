//! TLS as a transport: `rustls` does no I/O of its own, so that of green threads will do.

use crate::connection::{self, Transport};
use crate::options::Site;
use crate::server::{self, is_gone, linger, within};
use morestack::net::TcpStream;
use rustls::{ServerConfig, ServerConnection, Stream};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use thiserror::Error;

/// Why a connection ended before its time.
#[derive(Debug, Error)]
pub enum Broken {
    #[error("cannot begin TLS: {0}")]
    Begin(#[source] io::Error),
    #[error(transparent)]
    Http(#[from] connection::Broken),
}

/// A connection that is encrypted.
struct Tls<'a> {
    session: ServerConnection,
    socket: &'a TcpStream,
}

/// Serves a connection to its end.
pub fn serve(connection: &server::Connection, config: &Arc<ServerConfig>, site: &Site) -> Result<(), Broken> {
    connection.idle();
    let socket = connection.stream();
    let session = ServerConnection::new(config.clone()).map_err(|error| Broken::Begin(io::Error::other(error)))?;
    let mut tls = Tls { session, socket };
    socket.set_nodelay(true).map_err(connection::Broken::SetUp)?;
    match within(site.limits.head, || tls.begin()) {
        Ok(()) => {}
        Err(error) if is_gone(&error) || connection.stops() => return Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::TimedOut) => return Ok(()),
        Err(error) => {
            // The client is told why, if it listens.
            let _ = socket.shutdown(Shutdown::Write);
            linger(&mut { socket });
            return Err(Broken::Begin(error));
        }
    }
    let served = connection::serve(&mut tls, connection, site);
    // Again perhaps, which does nothing; or the client may be gone.
    let _ = within(site.limits.write, || tls.end());
    Ok(served?)
}

impl Tls<'_> {
    /// The handshake.
    fn begin(&mut self) -> io::Result<()> {
        while self.session.is_handshaking() {
            self.session.complete_io(&mut self.socket)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        self.socket.shutdown(Shutdown::Write)
    }
}

impl Read for Tls<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match Stream::new(&mut self.session, &mut self.socket).read(buffer) {
            // Many clients end without saying so in TLS too. What was cut off by that is not complete in HTTP either.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }
}

impl Write for Tls<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Stream::new(&mut self.session, &mut self.socket).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Stream::new(&mut self.session, &mut self.socket).flush()
    }
}

impl Transport for &mut Tls<'_> {
    fn wait_readable(&mut self) -> io::Result<()> {
        // What came with the last request may have been read from the socket already.
        let state =
            self.session.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        if state.plaintext_bytes_to_read() > 0 { Ok(()) } else { self.socket.wait_readable() }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end()
    }
}
