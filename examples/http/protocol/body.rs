//! Where a body ends.

use super::head::{MAX_FIELDS, MAX_HEAD, Refused};
use httparse::{EMPTY_HEADER, Status, parse_chunk_size, parse_headers};

/// Bytes of a request's body.
pub const MAX_BODY: usize = 1 << 20;
/// Bytes of the line before a chunk: its size and extensions, which nobody uses.
const MAX_CHUNK_LINE: usize = 256;

/// A body that has not arrived entirely.
pub enum Body {
    /// So many bytes are missing.
    Length(usize),
    /// In chunks; so many bytes have come.
    Chunked(Part, usize),
}

/// What comes next in a body of chunks.
#[derive(Clone, Copy)]
pub enum Part {
    Size,
    /// So many bytes of a chunk.
    Data(usize),
    /// The end of the line after a chunk.
    End,
    /// Fields after the last chunk, and an empty line.
    Trailer,
}

impl Body {
    /// One that comes in chunks.
    pub fn chunked() -> Body {
        Body::Chunked(Part::Size, 0)
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Body::Length(0))
    }

    /// Takes what belongs to it and has arrived, and appends that to `kept`. How many bytes it took, and whether they were the last.
    pub fn take(&mut self, bytes: &[u8], mut kept: Option<&mut Vec<u8>>) -> Result<(usize, bool), Refused> {
        let mut keep = |part: &[u8]| {
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(part);
            }
        };
        match self {
            Body::Length(left) => {
                let part = bytes.len().min(*left);
                *left -= part;
                keep(&bytes[..part]);
                Ok((part, *left == 0))
            }
            Body::Chunked(next, total) => {
                let mut used = 0;
                loop {
                    let rest = &bytes[used..];
                    match *next {
                        Part::Size => {
                            let Some((line, size)) = size(rest)? else { return Ok((used, false)) };
                            if size > (MAX_BODY - *total) as u64 {
                                return Err(Refused::BodyTooLarge);
                            }
                            used += line;
                            *total += size as usize;
                            *next = if size == 0 { Part::Trailer } else { Part::Data(size as usize) };
                        }
                        Part::Data(left) => {
                            let part = rest.len().min(left);
                            keep(&rest[..part]);
                            used += part;
                            *next = if part == left { Part::End } else { Part::Data(left - part) };
                            if part < left {
                                return Ok((used, false));
                            }
                        }
                        Part::End => match rest {
                            [b'\r', b'\n', ..] => {
                                used += 2;
                                *next = Part::Size;
                            }
                            [] | [b'\r'] => return Ok((used, false)),
                            _ => return Err(Refused::Invalid("a chunk is longer than it says")),
                        },
                        Part::Trailer => {
                            let length = trailer(rest)?;
                            return Ok((used + length.unwrap_or(0), length.is_some()));
                        }
                    }
                }
            }
        }
    }
}

/// The length of the line before a chunk, and the chunk's; nothing if it has not arrived entirely.
fn size(bytes: &[u8]) -> Result<Option<(usize, u64)>, Refused> {
    let seen = &bytes[..bytes.len().min(MAX_CHUNK_LINE)];
    match parse_chunk_size(seen) {
        Ok(Status::Complete(line)) => Ok(Some(line)),
        Ok(Status::Partial) if bytes.len() < MAX_CHUNK_LINE => Ok(None),
        Ok(Status::Partial) => Err(Refused::Invalid("the line before a chunk is too long")),
        Err(_) => Err(Refused::Invalid("a chunk has no size")),
    }
}

/// The length of the fields after the last chunk, with the empty line. What they say is ignored.
fn trailer(bytes: &[u8]) -> Result<Option<usize>, Refused> {
    let seen = &bytes[..bytes.len().min(MAX_HEAD)];
    match parse_headers(seen, &mut [EMPTY_HEADER; MAX_FIELDS]) {
        Ok(Status::Complete((length, _))) => Ok(Some(length)),
        Ok(Status::Partial) if bytes.len() < MAX_HEAD => Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => Err(Refused::HeadTooLarge),
        Err(error) => Err(Refused::Malformed(error)),
    }
}
