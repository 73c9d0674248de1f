//! One connection: reads, hands on to the protocol, writes, and keeps the time.

use crate::buffers::{Buffers, Pair};
use crate::options::{Limits, Site};
use crate::protocol::{Next, Protocol, Stage};
use crate::server::{self, is_gone, linger, within};
use crate::work;
use morestack::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Instant;
use thiserror::Error;

/// Why a connection ended before its time.
#[derive(Debug, Error)]
pub enum Broken {
    #[error("cannot read the request: {0}")]
    Read(#[source] io::Error),
    #[error("cannot write the response: {0}")]
    Write(#[source] io::Error),
    #[error("cannot set the socket up: {0}")]
    SetUp(#[source] io::Error),
    #[error("cannot read the file: {0}")]
    File(#[source] io::Error),
}

/// What a connection is made of: bare TCP, or something on top of it.
pub trait Transport: Read + Write {
    /// Waits until there is something to read, or the end; perhaps too short.
    fn wait_readable(&mut self) -> io::Result<()>;
    /// Tells the peer that no more will come.
    fn finish(&mut self) -> io::Result<()>;
}

impl Transport for &TcpStream {
    fn wait_readable(&mut self) -> io::Result<()> {
        TcpStream::wait_readable(self)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Serves until the peer is done, refused or silent, or the server stops.
pub fn serve<T: Transport>(mut stream: T, connection: &server::Connection, site: &Site) -> Result<(), Broken> {
    let mut protocol = Protocol::default();
    loop {
        // Between requests a connection has no buffer, and may be ended.
        connection.idle();
        match within(site.limits.idle, || stream.wait_readable()) {
            Ok(()) => connection.busy(),
            Err(error) if error.kind() == ErrorKind::TimedOut || is_gone(&error) => return Ok(()),
            Err(error) => return Err(Broken::Read(error)),
        }
        if !exchange(&mut stream, &mut protocol, connection, site)? {
            // A peer that is gone already needs no care.
            if within(site.limits.write, || stream.finish()).is_ok() {
                linger(&mut stream);
            }
            return Ok(());
        }
    }
}

/// From the first byte of a request until no part of one is left over; false if the connection is to be closed then. Each head and each
/// body has its time, from the one before: a client that sends a byte now and then gains nothing by it.
fn exchange<T: Transport>(
    stream: &mut T,
    protocol: &mut Protocol,
    connection: &server::Connection,
    site: &Site,
) -> Result<bool, Broken> {
    let mut buffers = Buffers::take();
    let Pair { input, output } = &mut *buffers;
    let limits = &site.limits;
    let mut stage = Stage::Head;
    let mut deadline = Instant::now() + limits.head;
    loop {
        let mut next = match read_until(stream, input, deadline) {
            Ok(0) => Next::Close,
            Ok(n) => {
                if connection.stops() {
                    protocol.close_after_this();
                }
                protocol.receive(&input[..n], output)
            }
            // Nothing has come after all, or empty lines only.
            Err(error) if protocol.stage() == Stage::Idle && (timed_out(&error) || is_gone(&error)) => Next::Close,
            Err(error) if timed_out(&error) => {
                protocol.time_out(output);
                Next::Close
            }
            Err(error) => return Err(Broken::Read(error)),
        };
        let mut answered = !output.is_empty();
        while let Next::Do(what) = next {
            work::perform(what, stream, protocol, output, site)?;
            next = protocol.proceed(output);
            answered = true;
        }
        flush(stream, output, limits)?;
        if next == Next::Close || protocol.stage() == Stage::Idle {
            return Ok(next != Next::Close);
        }
        if answered || protocol.stage() != stage {
            stage = protocol.stage();
            deadline = Instant::now() + if stage == Stage::Body { limits.body } else { limits.head };
        }
    }
}

/// Sends what there is, at once.
pub fn flush(stream: &mut impl Write, output: &mut Vec<u8>, limits: &Limits) -> Result<(), Broken> {
    if !output.is_empty() {
        within(limits.write, || stream.write_all(output).and_then(|()| stream.flush())).map_err(Broken::Write)?;
        output.clear();
    }
    Ok(())
}

fn read_until(stream: &mut impl Read, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
    let mut read = || loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    };
    morestack::time::timeout_at(deadline, &mut read).unwrap_or_else(|elapsed| Err(elapsed.into()))
}

fn timed_out(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut
}
