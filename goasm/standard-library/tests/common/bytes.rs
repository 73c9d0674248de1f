//! Random bytes that begin at any address, and messages as hash functions want them.

use rand::Rng;
use rand::rngs::SmallRng;
use std::ops::Deref;

/// Bytes whose first is aligned to nothing.
pub struct Bytes {
    buffer: Vec<u8>,
    start: usize,
}

impl Bytes {
    /// So many random ones.
    pub fn random(rng: &mut SmallRng, len: usize) -> Bytes {
        let start = rng.random_range(0..64);
        let mut buffer = vec![0; start + len];
        rng.fill(&mut buffer[..]);
        Bytes { buffer, start }
    }

    /// These.
    pub fn copied(rng: &mut SmallRng, bytes: &[u8]) -> Bytes {
        let mut copy = Bytes::random(rng, bytes.len());
        copy.buffer[copy.start..].copy_from_slice(bytes);
        copy
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// Lengths of inputs: all small ones, and some from 10,000 up.
pub fn lengths(rng: &mut SmallRng, small: usize) -> Vec<usize> {
    let mut lengths: Vec<usize> = (0..=small).collect();
    lengths.push(10_000);
    lengths.extend((0..8).map(|_| rng.random_range(10_000..70_000)));
    lengths
}

/// A message as MD5, SHA-1 and SHA-256 cut it into blocks of 64 bytes: behind it a bit, zeros, and its length in bits.
pub fn padded(message: &[u8], length: fn(u64) -> [u8; 8]) -> Vec<u8> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend(length(8 * message.len() as u64));
    padded
}
