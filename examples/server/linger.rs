//! The end of a connection whose peer may still send.

use super::within;
use std::io::{self, Read};
use std::time::Duration;

/// How long what is of no interest is read.
const TIME: Duration = Duration::from_secs(1);
/// How much of it.
const BYTES: usize = 256 << 10;

/// Reads on for a while, after the last has been written and the peer told so, that it may read that: closing a socket with unread
/// input would reset the connection.
pub fn linger(stream: &mut impl Read) {
    let mut buffer = vec![0; 4096];
    let mut left = BYTES;
    let _ = within(TIME, || -> io::Result<()> {
        while let n @ 1.. = stream.read(&mut buffer)?
            && n < left
        {
            left -= n;
        }
        Ok(())
    });
}
