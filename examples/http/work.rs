//! Responses that take more than a function: files, and a page whose length nobody knows.

use crate::connection::{Broken, flush};
use crate::files::Found;
use crate::options::Site;
use crate::protocol::{LAST_CHUNK, Protocol, Sending, Work, chunk};
use crate::routes::{NOT_FOUND, Status};
use morestack::blocking;
use std::io::{self, ErrorKind, Read, Write};

/// What is read and sent at a time. A call of `blocking` costs some 10 us, which is little beside the sending of so much.
const PIECE: usize = 64 << 10;
/// What is sent at a time of lines.
const BATCH: usize = 16 << 10;

/// Does the work, up to a last piece of the response that is left in `output`.
pub fn perform(
    work: Work,
    stream: &mut impl Write,
    protocol: &mut Protocol,
    output: &mut Vec<u8>,
    site: &Site,
) -> Result<(), Broken> {
    match work {
        Work::Stream(lines) => send_lines(lines, stream, protocol, output, site),
        Work::File(path) => send_file(&path, stream, protocol, output, site),
    }
}

fn send_lines(
    lines: u32,
    stream: &mut impl Write,
    protocol: &mut Protocol,
    output: &mut Vec<u8>,
    site: &Site,
) -> Result<(), Broken> {
    let sending = protocol.begin("text/plain; charset=utf-8", None, output);
    if sending == Sending::Nothing {
        return Ok(());
    }
    let mut batch = Vec::with_capacity(BATCH + 32);
    let mut send = |batch: &mut Vec<u8>, stream: &mut _| {
        match sending {
            Sending::Chunked => chunk(batch, output),
            _ => output.extend_from_slice(batch),
        }
        batch.clear();
        flush(stream, output, &site.limits)
    };
    for line in 1..=lines {
        writeln!(batch, "line {line}").expect("a vector takes everything");
        if batch.len() >= BATCH {
            send(&mut batch, stream)?;
        }
    }
    if !batch.is_empty() {
        send(&mut batch, stream)?;
    }
    if sending == Sending::Chunked {
        output.extend_from_slice(LAST_CHUNK);
    }
    Ok(())
}

fn send_file(
    path: &str,
    stream: &mut impl Write,
    protocol: &mut Protocol,
    output: &mut Vec<u8>,
    site: &Site,
) -> Result<(), Broken> {
    // Small files are read in the same call.
    let found = match &site.files {
        Some(files) => blocking(|| -> io::Result<_> {
            let Some(mut found) = files.find(path)? else { return Ok(None) };
            let piece = read_piece(&mut found, PIECE as u64)?;
            Ok(Some((found, piece)))
        }),
        None => Ok(None),
    };
    let (mut found, mut piece) = match found {
        Ok(Some(found)) => found,
        Ok(None) => {
            protocol.respond(NOT_FOUND, output);
            return Ok(());
        }
        Err(error) => {
            eprintln!("cannot read {path}: {error}");
            protocol.respond(Status("500 Internal Server Error"), output);
            return Ok(());
        }
    };
    if protocol.begin(found.kind, Some(found.length), output) == Sending::Nothing {
        return Ok(());
    }
    let mut left = found.length;
    loop {
        // The length has been promised.
        if piece.is_empty() && left > 0 {
            return Err(Broken::File(io::Error::new(ErrorKind::UnexpectedEof, format!("{path} has become shorter"))));
        }
        left -= piece.len() as u64;
        output.extend_from_slice(&piece);
        if left == 0 {
            return Ok(());
        }
        flush(stream, output, &site.limits)?;
        piece = blocking(|| read_piece(&mut found, left)).map_err(Broken::File)?;
    }
}

/// The next bytes of a file, at most so many.
fn read_piece(found: &mut Found, most: u64) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    let most = most.min(PIECE as u64).min(found.length);
    (&mut found.file).take(most).read_to_end(&mut piece)?;
    Ok(piece)
}
