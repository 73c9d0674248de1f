//! How the vector registers are saved where a check fails: by XSAVE, whole, because arguments may be in any width of them.

use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Components that XSAVE is to save: those of SSE, AVX and AVX-512 that the system has switched on. x87 and MMX pass no arguments.
const WANTED: u32 = 0b1110_0110;

#[unsafe(export_name = "morestack_xsave_mask")]
static MASK: AtomicU32 = AtomicU32::new(0);

/// Bytes of the area, its alignment not included.
#[unsafe(export_name = "morestack_xsave_size")]
static SIZE: AtomicUsize = AtomicUsize::new(0);

/// Finds out what this machine has. Before the first small segment is used.
pub(super) fn prepare() {
    if SIZE.load(Ordering::Relaxed) != 0 {
        return;
    }
    const OSXSAVE: u32 = 1 << 27;
    let has = __cpuid(1).ecx & OSXSAVE != 0;
    if !has {
        crate::stack::report::fatal(format_args!(
            "this processor or system has no XSAVE, which a split build saves vector registers with; use a plain build"
        ));
    }
    let switched_on: u32;
    // SAFETY: OSXSAVE says that the instruction is there.
    unsafe {
        std::arch::asm!("xgetbv", in("ecx") 0, out("eax") switched_on, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    // EBX of leaf 13: bytes for what is switched on, in the standard format, the legacy area and the header included.
    let size = __cpuid_count(13, 0).ebx as usize;
    MASK.store(switched_on & WANTED, Ordering::Relaxed);
    SIZE.store(size, Ordering::Relaxed);
}
