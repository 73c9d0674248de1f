//! One connection: reads, hands on to the protocol, writes, and keeps the time.

use crate::protocol::{Next, Protocol};
use morestack::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};
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
}

/// Room for what is read at once.
const BUFFER: usize = 4096;
/// How long, and for how many bytes, the rest of a refused request is read.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 256 << 10);

/// Serves until the peer is done, refused or silent.
pub fn serve(mut stream: TcpStream, timeout: Duration) -> Result<(), Broken> {
    stream.set_nodelay(true).map_err(Broken::SetUp)?;
    stream.set_write_timeout(Some(timeout)).map_err(Broken::SetUp)?;
    let mut protocol = Protocol::default();
    loop {
        // Between requests a connection has no buffer.
        stream.set_read_timeout(Some(timeout)).map_err(Broken::SetUp)?;
        match stream.wait_readable() {
            Ok(()) => {}
            Err(error) if timed_out(&error) || reset(&error) => return Ok(()),
            Err(error) => return Err(Broken::Read(error)),
        }
        if exchange(&mut stream, &mut protocol, timeout)? == Next::Close {
            return linger(stream);
        }
    }
}

/// From the first byte of a request until no part of one is left over. Slowness is measured from response to response: a
/// client that sends a byte now and then gains nothing by it.
fn exchange(stream: &mut TcpStream, protocol: &mut Protocol, timeout: Duration) -> Result<Next, Broken> {
    let mut input = vec![0; BUFFER];
    let mut output = Vec::new();
    let mut deadline = Instant::now() + timeout;
    loop {
        let next = match read_until(stream, &mut input, deadline) {
            Ok(0) => Next::Close,
            Ok(n) => protocol.receive(&input[..n], &mut output),
            // Nothing has come after all, or empty lines only. Clients that are done often end by a reset: load generators do.
            Err(error) if protocol.is_idle() && (timed_out(&error) || reset(&error)) => Next::Close,
            Err(error) if timed_out(&error) => protocol.time_out(&mut output),
            Err(error) => return Err(Broken::Read(error)),
        };
        if !output.is_empty() {
            stream.write_all(&output).map_err(Broken::Write)?;
            output.clear();
            deadline = Instant::now() + timeout;
        }
        if next == Next::Close || protocol.is_idle() {
            return Ok(next);
        }
    }
}

fn read_until(stream: &mut TcpStream, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Ends the connection in a way that lets the peer read the last response: closing a socket with unread input would reset it.
fn linger(mut stream: TcpStream) -> Result<(), Broken> {
    let (time, mut bytes) = LINGER;
    let deadline = Instant::now() + time;
    let mut buffer = vec![0; BUFFER];
    // A peer that is gone already needs no care.
    if stream.shutdown(Shutdown::Write).is_ok() {
        while let Ok(n @ 1..) = read_until(&mut stream, &mut buffer, deadline)
            && n < bytes
        {
            bytes -= n;
        }
    }
    Ok(())
}

fn timed_out(error: &io::Error) -> bool {
    // Which of them depends on the system; std's sockets say WouldBlock here.
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn reset(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset
}
