//! The head of an HTTP request, for servers that look at no more of it.

use super::within;
use morestack::net::TcpStream;
use std::io::{self, Read};
use std::time::Duration;
use thiserror::Error;

/// Bytes of a head at most: what browsers send fits several times.
const MOST: usize = 16 << 10;
/// What is read at once.
const PIECE: usize = 4 << 10;

/// A head has not come.
#[derive(Debug, Error)]
pub enum Missing {
    /// Without having sent anything: browsers connect in advance.
    #[error("the client has sent nothing")]
    Nothing,
    #[error("the request was not complete in time")]
    TooSlow,
    #[error("a request may have {MOST} bytes before its body")]
    TooLong,
    #[error("cannot read the request: {0}")]
    Read(#[from] io::Error),
}

/// What has been read of a connection: a head, and perhaps more.
pub struct Received {
    bytes: Vec<u8>,
    length: usize,
}

impl Received {
    /// Up to the empty line, which it contains.
    pub fn head(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// What has come with it.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.length..]
    }
}

/// Reads until a head is complete.
pub fn read(stream: &TcpStream, time: Duration) -> Result<Received, Missing> {
    let mut bytes = Vec::new();
    match within(time, || Ok(read_into(stream, &mut bytes))) {
        Ok(Ok(length)) => Ok(Received { bytes, length }),
        Ok(Err(missing)) => Err(missing),
        Err(_) if bytes.is_empty() => Err(Missing::Nothing),
        Err(_) => Err(Missing::TooSlow),
    }
}

/// The length of the head.
fn read_into(mut stream: &TcpStream, bytes: &mut Vec<u8>) -> Result<usize, Missing> {
    while bytes.len() < MOST {
        // Who has sent nothing yet has no buffer.
        stream.wait_readable()?;
        let mut buffer = vec![0; PIECE.min(MOST - bytes.len())];
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(if bytes.is_empty() {
                Missing::Nothing
            } else {
                Missing::Read(io::ErrorKind::UnexpectedEof.into())
            });
        }
        // The empty line may have begun before.
        let from = bytes.len().saturating_sub(3);
        bytes.extend_from_slice(&buffer[..n]);
        if let Some(at) = bytes[from..].windows(4).position(|end| end == b"\r\n\r\n") {
            return Ok(from + at + 4);
        }
    }
    Err(Missing::TooLong)
}
