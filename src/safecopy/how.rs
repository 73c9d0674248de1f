//! What the routines of asm/safecopy.s use of the processor, found out once.

use crate::sigstack;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Bytes of the registers that blocks go through: 16, 32 or 64; 0 before the first call.
#[unsafe(export_name = "morestack_safecopy_width")]
static WIDTH: AtomicU32 = AtomicU32::new(0);

/// From how many bytes on the string instructions are used.
#[unsafe(export_name = "morestack_safecopy_string_from")]
static STRING_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Up to how many bytes.
#[unsafe(export_name = "morestack_safecopy_string_to")]
static STRING_TO: AtomicUsize = AtomicUsize::new(usize::MAX);

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
    if let Ok(f) = std::env::var("SC_FROM") { STRING_FROM.store(f.parse().unwrap(), Ordering::Relaxed); }
    if let Ok(f) = std::env::var("SC_TO") { STRING_TO.store(f.parse().unwrap(), Ordering::Relaxed); }
    let mut w = width();
    if let Ok(f) = std::env::var("SC_W") { w = f.parse().unwrap(); }
    WIDTH.store(w, Ordering::Release);
}

fn width() -> u32 {
    // Processors with the older AVX-512 alone slow down when it is used.
    if is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vbmi2") {
        64
    } else if is_x86_feature_detected!("avx2") {
        32
    } else {
        16
    }
}
