//! Memory that faults: guard pages, and freed stacks under the debug mode `fence`.
//!
//! Since Linux 6.13, `MADV_GUARD_INSTALL` marks pages in the page table, without splitting the mapping, so the limit on
//! mappings (65 530) does not bound the number of stacks. The marks survive `MADV_DONTNEED` and `fork`. Older kernels, and
//! any for memory locked by `mlockall`, answer EINVAL; then `mprotect` serves, at the price of two mappings per guard.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// `MADV_GUARD_INSTALL` and `_REMOVE` of Linux's `mman-common.h`; the libc crate has them for other targets only.
const MADV_GUARD_INSTALL: libc::c_int = 102;
const MADV_GUARD_REMOVE: libc::c_int = 103;

/// Whether the kernel is thought to know guard marks.
static MARKS: AtomicBool = AtomicBool::new(true);

/// For tests: from now on acts as on a kernel without `MADV_GUARD_INSTALL`.
pub fn use_mprotect() {
    MARKS.store(false, Ordering::Relaxed);
}

/// Whether guards need no mapping, as far as is known: the first refusal tells.
pub(super) fn has_marks() -> bool {
    MARKS.load(Ordering::Relaxed)
}

/// Makes `len` bytes at `addr` fault. Their contents may be lost.
///
/// # Errors
/// ENOMEM at the kernel's limit on mappings.
///
/// # Safety
/// The whole pages belong to a chunk, and the caller owns what is in them.
pub(super) unsafe fn close(addr: usize, len: usize) -> io::Result<()> {
    if MARKS.load(Ordering::Relaxed) {
        // SAFETY: as promised by the caller.
        match check(unsafe { libc::madvise(addr as *mut _, len, MADV_GUARD_INSTALL) }) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => use_mprotect(),
            result => return result,
        }
    }
    // SAFETY: as promised by the caller.
    check(unsafe { libc::mprotect(addr as *mut _, len, libc::PROT_NONE) })
}

/// Makes `len` bytes at `addr` accessible again, whichever way they were closed.
///
/// # Errors
/// ENOMEM at the kernel's limit on mappings.
///
/// # Safety
/// As for [`close`].
pub(super) unsafe fn open(addr: usize, len: usize) -> io::Result<()> {
    // SAFETY: as promised by the caller. A kernel without guard marks refuses, and has none to remove.
    unsafe { libc::madvise(addr as *mut _, len, MADV_GUARD_REMOVE) };
    // SAFETY: as promised by the caller.
    check(unsafe { libc::mprotect(addr as *mut _, len, libc::PROT_READ | libc::PROT_WRITE) })
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
