//! What the C library says of its heap.

#![allow(dead_code, reason = "each test binary uses a part")]

/// Bytes that the C library has handed out, of all threads. Its own caches count: up to seven free blocks of each small size
/// per thread, [`NOISE`] at most.
pub fn in_use() -> usize {
    // SAFETY: without preconditions.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// What differs between two looks for reasons of the C library's own, for a few threads.
pub const NOISE: usize = 1 << 20;
