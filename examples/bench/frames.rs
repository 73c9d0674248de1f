//! Functions of compiled Rust with frames of known size. `black_box` sees a reference to each array, so that it is there.

use std::hint::black_box;

pub type Recursion = fn(usize) -> usize;

/// 64 bytes per frame: four words, saved registers, the return address.
#[inline(never)]
pub fn rec64(n: usize) -> usize {
    let mut a = [0; 4];
    a[n & 3] = n;
    let a = black_box(&mut a);
    if n == 0 {
        return a[0];
    }
    let r = rec64(n - 1);
    r.wrapping_add(a[r & 3])
}

/// 256 bytes per frame.
#[inline(never)]
pub fn rec256(n: usize) -> usize {
    let mut a = [0; 28];
    a[n & 15] = n;
    let a = black_box(&mut a);
    if n == 0 {
        return a[0];
    }
    let r = rec256(n - 1);
    r.wrapping_add(a[r & 15])
}

/// A leaf with a frame of 2 KB.
#[inline(never)]
pub fn leaf2k(n: usize) -> usize {
    let mut a = [0; 250];
    a[n & 127] = n;
    let a = black_box(&mut a);
    a[n.wrapping_mul(7) & 127]
}
