//! The few requests to the kernel that stack memory is made of.
//!
//! Nothing here keeps state. Ranges are given as addresses, page-aligned unless said otherwise.

use std::fs::File;
use std::io::{self, Read};
use std::ptr::with_exposed_provenance_mut as pointer;

use crate::stack::error::Reason;
use crate::stack::layout::PAGE;
use crate::stack::report;

/// Size of a huge page.
pub(super) const HUGE: usize = 2 << 20;

/// How a fresh mapping may be used.
#[derive(Clone, Copy)]
pub(super) enum Access {
    ReadWrite,
    None,
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn map(address: usize, len: usize, access: Access, extra: i32) -> io::Result<usize> {
    let protection = match access {
        Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        Access::None => libc::PROT_NONE,
    };
    // Without MAP_NORESERVE a strict kernel would count whole reservations, of which stacks touch little, as used.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | extra;
    // SAFETY: callers pass no MAP_FIXED, so this can only add a mapping where there is none.
    let base = unsafe { libc::mmap(pointer(address), len, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(base.expose_provenance()) }
}

/// Maps `len` fresh zero bytes, anywhere.
pub(super) fn reserve(len: usize, access: Access) -> io::Result<usize> {
    map(0, len, access, 0)
}

/// Maps `len` fresh zero bytes at a multiple of `HUGE`, if that is how the kernel may back them.
pub(super) fn reserve_aligned(len: usize) -> io::Result<usize> {
    // Linux 6.7 and later align such sizes by themselves, which saves the two trims.
    let base = reserve(len, Access::ReadWrite)?;
    if base.is_multiple_of(HUGE) {
        return Ok(base);
    }
    // SAFETY: mapped just above and not handed out.
    unsafe { unmap(base, len) };
    let wide = reserve(len + HUGE, Access::ReadWrite)?;
    let aligned = wide.next_multiple_of(HUGE);
    let (head, tail) = (aligned - wide, wide + HUGE - aligned);
    // SAFETY: both trims lie inside the mapping made just above, outside the part that is returned.
    unsafe {
        unmap(wide, head);
        unmap(aligned + len, tail);
    }
    Ok(aligned)
}

/// Unmaps a range. A kernel that refuses (only possible at the limit on mappings) leaks it.
///
/// # Safety
/// The caller owns the whole range, and nothing refers to it any more.
pub(super) unsafe fn unmap(lo: usize, len: usize) {
    if len != 0 {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(pointer(lo), len) };
    }
}

/// Gives the range's memory back to the kernel; it reads as zero afterwards.
///
/// # Safety
/// The caller owns the range, and its contents are of no use to anybody.
pub(super) unsafe fn discard(lo: usize, len: usize) {
    // SAFETY: the caller's promise. It cannot fail on a private mapping that exists.
    unsafe { libc::madvise(pointer(lo), len, libc::MADV_DONTNEED) };
}

/// Faults in, writable, every page that the range touches; contents stay. It need not be page-aligned.
///
/// A page costs 0.43 us this way and 1.0 us by a fault (0.8 and 1.5 if the machine has not used it lately). A wish only: a
/// kernel before 5.14 does not know it, and the pages then come one fault at a time.
pub(super) fn populate(lo: usize, len: usize) {
    let start = lo - lo % PAGE;
    // SAFETY: populating changes no contents and no mapping; on a range that is not mapped it fails.
    unsafe { libc::madvise(pointer(start), (lo + len).next_multiple_of(PAGE) - start, libc::MADV_POPULATE_WRITE) };
}

/// Asks for huge pages. A wish only: it is not granted where they are switched off.
pub(super) fn prefer_huge(lo: usize, len: usize) {
    // SAFETY: the advice changes no contents.
    unsafe { libc::madvise(pointer(lo), len, libc::MADV_HUGEPAGE) };
}

/// Changes what may be done with a range.
///
/// # Safety
/// The caller owns the range; nobody reads or writes it in a way the new access forbids.
pub(super) unsafe fn protect(lo: usize, len: usize, access: Access) -> io::Result<()> {
    let protection = match access {
        Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        Access::None => libc::PROT_NONE,
    };
    // SAFETY: the caller's promise.
    check(unsafe { libc::mprotect(pointer(lo), len, protection) })
}

/// Moves the pages of `[from, from + len)` to `to`, contents and all, and leaves `from` unmapped. `from` must lie in one
/// mapping. If it fails, both ranges are mapped, with the contents of `from` as before.
///
/// # Safety
/// The caller owns both ranges, they are disjoint, and the contents at `to` are of no use to anybody.
pub(super) unsafe fn move_pages(from: usize, to: usize, len: usize) -> io::Result<()> {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: the caller's promise.
    let moved = unsafe { libc::mremap(pointer(from), len, len, flags, pointer::<libc::c_void>(to)) };
    if moved != libc::MAP_FAILED {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // `mremap_to` in the kernel's mm/mremap.c checks its arguments and the number of mappings (ENOMEM if that is within 5 of
    // the limit), then unmaps the target, then allocates: the new mapping, page tables, what a strict kernel accounts. ENOMEM
    // from there leaves a hole, which the mmap of another thread may fill before ours does. Neither errno nor a second look
    // tells a target that is still there from somebody else's mapping, on which two owners would write; only that the process
    // was far from the limit says which ENOMEM it was. EPERM and ENOSYS are those of system call filters.
    let refused_at_once = matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM | libc::ENOSYS));
    if !refused_at_once && !fill_hole(to, len) && !many_mappings() {
        report::fatal(format_args!(
            "{}: its stack cannot grow: the kernel had no memory to move {len} bytes to {to:#x} ({}), and that address may \
             be another thread's by now; lower the number of tasks or raise the memory limit",
            report::Current,
            Reason(&error)
        ));
    }
    Err(error)
}

/// Maps `len` bytes at `lo` if nothing is mapped there. Whether it did.
fn fill_hole(lo: usize, len: usize) -> bool {
    match map(lo, len, Access::ReadWrite, libc::MAP_FIXED_NOREPLACE) {
        Ok(base) if base == lo => true,
        Ok(elsewhere) => {
            // A kernel before 4.17 takes the address for a wish.
            // SAFETY: mapped just above and not handed out.
            unsafe { unmap(elsewhere, len) };
            false
        }
        Err(_) => false,
    }
}

/// Whether the process has half as many mappings as the kernel allows, or more. Not sharper than that, since other threads
/// may have unmapped some of theirs since a request was refused at the limit. Some 10 ms with the usual limit.
fn many_mappings() -> bool {
    // The kernel's default, for where there is no such file.
    let half = max_map_count().unwrap_or(65_530) / 2;
    let Ok(mut maps) = File::open("/proc/self/maps") else { return false };
    // Read like this it takes no memory, of which there may be none, and which the global allocator cannot be asked for here.
    let (mut text, mut lines) = ([0; 4096], 0);
    while let Ok(len @ 1..) = maps.read(&mut text) {
        lines += text[..len].iter().filter(|&&byte| byte == b'\n').count();
        if lines >= half {
            return true;
        }
    }
    false
}

/// The kernel's limit on mappings.
fn max_map_count() -> Option<usize> {
    let mut text = [0; 32];
    let len = File::open("/proc/sys/vm/max_map_count").ok()?.read(&mut text).ok()?;
    std::str::from_utf8(&text[..len]).ok()?.trim().parse().ok()
}

/// The errno's error for a request of the kernel that failed, as a stack's error.
pub(super) fn out_of_memory(size: usize) -> impl FnOnce(io::Error) -> crate::stack::StackError {
    move |source| crate::stack::StackError::OutOfMemory { size, source }
}
