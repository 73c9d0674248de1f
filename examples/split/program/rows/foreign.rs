//! A call of a C function that does next to nothing: libc's `toupper`, which looks a letter up.

use crate::program::measure::row;
use std::hint::black_box;

const CALLS: usize = 5_000_000;

pub fn run() {
    row("foreign", CALLS, || {
        for i in 0..CALLS {
            // SAFETY: any value of an unsigned char may be asked for.
            black_box(unsafe { libc::toupper(black_box(i as i32 & 0x7f)) });
        }
    });
}
