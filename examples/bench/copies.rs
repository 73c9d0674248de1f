//! `safecopy::copy_in` against `memcpy` (by way of `copy_from_slice`): the same bytes, in turns.

use crate::report::{line, line_of, median, nanos};
use morestack::{safecopy, thread};
use std::hint::black_box;
use std::time::Instant;

/// From where on the two are to be alike, to what goes past all caches.
const SIZES: [usize; 15] =
    [64, 128, 256, 320, 512, 1000, 2048, 4096, 9000, 16 << 10, 64 << 10, 256 << 10, 4 << 20, 16 << 20, 64 << 20];

/// Bytes to be copied in a sample: little, so that most samples are disturbed by nobody.
const SAMPLE: usize = 1 << 20;

/// Samples of each; fewer of the large sizes.
const SAMPLES: usize = 201;

/// So that neither has the luck of an alignment: each copy of a sample starts at another distance from a cache line.
const STEP: usize = 24;

pub fn run() {
    let from = vec![1u8; SIZES[SIZES.len() - 1] + 4096];
    let mut to = vec![2u8; SIZES[SIZES.len() - 1] + 4096];
    let ours = |to: &mut [u8], from: &[u8]| safecopy::copy_in(to, from.as_ptr()).expect("it is all there");
    let libc = |to: &mut [u8], from: &[u8]| to.copy_from_slice(from);
    for size in SIZES {
        let times = (SAMPLE / size).max(1);
        let samples: Vec<_> = (0..if size > SAMPLE { SAMPLES / 5 } else { SAMPLES })
            .map(|turn| {
                // Else the worker would be reported as stuck.
                thread::yield_now();
                // They take turns in being first, too.
                if turn % 2 == 0 {
                    let ours = sample(times, size, &from, &mut to, ours);
                    (ours, sample(times, size, &from, &mut to, libc))
                } else {
                    let libc = sample(times, size, &from, &mut to, libc);
                    (sample(times, size, &from, &mut to, ours), libc)
                }
            })
            .collect();
        let of = |figure: fn((f64, f64)) -> f64| median(&mut samples.iter().copied().map(figure).collect::<Vec<_>>());
        line(&format!("copy_{size}"), of(|(ours, _)| ours), "ns/op");
        line_of("memcpy", &format!("copy_{size}"), of(|(_, libc)| libc), "ns/op");
        line(&format!("copy_{size}_of_memcpy"), of(|(ours, libc)| ours / libc), "x");
    }
}

/// Nanoseconds for one copy.
#[inline(never)]
fn sample(times: usize, size: usize, from: &[u8], to: &mut [u8], copy: impl Fn(&mut [u8], &[u8])) -> f64 {
    let begin = Instant::now();
    for i in 0..times {
        let (at, other) = (i * STEP % 2048, i * STEP * 3 % 2048);
        copy(black_box(&mut to[at..at + size]), black_box(&from[other..other + size]));
    }
    nanos(begin) / times as f64
}
