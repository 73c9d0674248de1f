//! A call of another crate's function that is too large to be inlined and returns at once: `httparse`'s for the size of a chunk,
//! which finds nothing to read.

use crate::program::measure::row;
use std::hint::black_box;

const CALLS: usize = 5_000_000;

pub fn run() {
    row("cross_crate", CALLS, || {
        for _ in 0..CALLS {
            black_box(httparse::parse_chunk_size(black_box(b"")).is_ok());
        }
    });
}
