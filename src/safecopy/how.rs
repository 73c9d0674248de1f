//! What the routines of asm/safecopy.s use of the processor, found out once.
//!
//! Measured on Zen 4 against glibc 2.36 (`cargo run --release --example bench -- copies`), where `memcpy` takes 1: blocks through the
//! widest registers take 0.97 to 1.05, but up to 1.14 between 8 and 32 KB, and 1 past the caches. `rep movsb` takes 1 to 1.03
//! from 8 KB on, whatever lies where, and past the caches 0.7, since it does not read what it is to overwrite.

use crate::sigstack;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Bytes of the registers that blocks go through: 16, 32 or 64; 0 before the first call.
#[unsafe(export_name = "morestack_safecopy_width")]
static WIDTH: AtomicU32 = AtomicU32::new(0);

/// From how many bytes on `rep movsb` copies.
#[unsafe(export_name = "morestack_safecopy_movs_from")]
static MOVS_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// From how many bytes on `rep stosb` writes zeros.
#[unsafe(export_name = "morestack_safecopy_stos_from")]
static STOS_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// From where on `rep movsb` is at least as fast as blocks, see above.
const MOVS_PAYS: usize = 8 << 10;

/// The loop that writes zeros has registers of 16 bytes, which is enough for what is short.
const STOS_PAYS: usize = 1024;

/// Sees to it that the handler is in front, and that the routines know the processor.
#[inline(always)]
pub(super) fn prepared() {
    if WIDTH.load(Ordering::Acquire) == 0 {
        prepare();
    }
}

/// Several threads may do it at once, and a handler in the middle of it: each writes the same.
#[cold]
fn prepare() {
    sigstack::stand_in_front();
    if is_x86_feature_detected!("ermsb") {
        MOVS_FROM.store(MOVS_PAYS, Ordering::Relaxed);
        STOS_FROM.store(STOS_PAYS, Ordering::Relaxed);
    }
    WIDTH.store(widths().last().unwrap_or(16), Ordering::Release);
}

/// The widths that this processor has, the best last.
fn widths() -> impl Iterator<Item = u32> {
    // Processors whose AVX-512 is older than these run slower for a while after each use of it.
    let has_64 = is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vbmi2");
    [(16, true), (32, is_x86_feature_detected!("avx2")), (64, has_64)]
        .into_iter()
        .filter_map(|(width, has)| has.then_some(width))
}

/// For tests: the widths that this processor has.
#[doc(hidden)]
pub fn __widths() -> Vec<u32> {
    widths().collect()
}

/// For tests: uses blocks of this width from now on, on all threads.
///
/// # Panics
/// If the processor does not have it.
#[doc(hidden)]
pub fn __use_width(width: u32) {
    assert!(widths().any(|has| has == width), "the processor has no blocks of {width} bytes");
    prepared();
    WIDTH.store(width, Ordering::Release);
}

/// For tests: uses string instructions from so many bytes on, on all threads.
#[doc(hidden)]
pub fn __use_strings_from(len: usize) {
    prepared();
    MOVS_FROM.store(len, Ordering::Relaxed);
    STOS_FROM.store(len, Ordering::Relaxed);
}
