//! The head of an HTTP request, for servers that look at no more of it.

use super::within;
use std::io::{self, Read};
use std::time::Duration;
use thiserror::Error;

/// Bytes of a head at most: what browsers send fits several times.
const MOST: usize = 16 << 10;

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
pub fn read(stream: &mut impl Read, time: Duration) -> Result<Received, Missing> {
    let mut bytes = Vec::new();
    match within(time, || Ok(read_into(stream, &mut bytes))) {
        Ok(Ok(length)) => Ok(Received { bytes, length }),
        Ok(Err(missing)) => Err(missing),
        Err(_) if bytes.is_empty() => Err(Missing::Nothing),
        Err(_) => Err(Missing::TooSlow),
    }
}

/// The length of the head.
fn read_into(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<usize, Missing> {
    loop {
        let before = bytes.len();
        let read = stream.by_ref().take((MOST - before) as u64).read_some(bytes)?;
        if read == 0 {
            return match before {
                0 => Err(Missing::Nothing),
                MOST => Err(Missing::TooLong),
                _ => Err(Missing::Read(io::ErrorKind::UnexpectedEof.into())),
            };
        }
        // The empty line may have begun before.
        let from = before.saturating_sub(3);
        if let Some(at) = bytes[from..].windows(4).position(|end| end == b"\r\n\r\n") {
            return Ok(from + at + 4);
        }
    }
}

trait ReadSome: Read {
    /// Reads once, and appends what came.
    fn read_some(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        bytes.resize(before + 4096, 0);
        let read = self.read(&mut bytes[before..]);
        bytes.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }
}

impl<R: Read> ReadSome for R {}
