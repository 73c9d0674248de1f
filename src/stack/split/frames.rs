//! Which functions are proven movable, and copying a segment of which all frames are.
//!
//! The proof is made when the program is linked, by the verification of `cargo morestack`: in a proven function the stack and frame pointers occur
//! only as the base of memory operands and in its prologue and epilogue, so nothing but the chain of saved frame pointers leads into its
//! frame. Or they do so up to some place, behind which is what is seldom needed. It is recorded in the function itself, beside the sizes
//! that its slow path hands to `__morestack`: bit 31 of the frame's, and up to where in the upper bits of the arguments'. Where a
//! function begins is looked up in the table that the linker makes for the unwinder (`.eh_frame_hdr`).

use super::{ARGUMENTS, GUARD, Header, MOVABLE, UNIT};
use crate::stack::layout::STACK_TOP;
use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The executable's table of functions: sorted pairs of a function's start and its unwind entry, both relative to the table.
struct Table {
    base: usize,
    pairs: &'static [[i32; 2]],
}

impl Table {
    fn of_program() -> Option<&'static Table> {
        static TABLE: OnceLock<Option<Table>> = OnceLock::new();
        TABLE.get_or_init(Table::find).as_ref()
    }

    fn find() -> Option<Table> {
        unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, out: *mut c_void) -> libc::c_int {
            // SAFETY: the linker's own description of the executable, which comes first, and `find`'s variable.
            unsafe {
                for index in 0..usize::from((*info).dlpi_phnum) {
                    let header = &*(*info).dlpi_phdr.add(index);
                    if header.p_type == libc::PT_GNU_EH_FRAME {
                        *out.cast::<usize>() = (*info).dlpi_addr as usize + header.p_vaddr as usize;
                    }
                }
            }
            1
        }
        let mut base = 0_usize;
        // SAFETY: the callback writes what it is given.
        unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut base).cast()) };
        if base == 0 {
            return None;
        }
        /// Version 1; the pointer's encoding is of no interest; a count of four bytes; a table of pairs relative to it (Linux Standard
        /// Base, "Exception Frames").
        const FORM: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
        // SAFETY: the section lies where the program header says, for good.
        unsafe {
            let start: *const u8 = std::ptr::with_exposed_provenance(base);
            if start.cast::<[u8; 4]>().read() != FORM {
                return None;
            }
            let count = start.add(8).cast::<u32>().read() as usize;
            Some(Table { base, pairs: std::slice::from_raw_parts(start.add(12).cast(), count) })
        }
    }

    /// Where the function begins that `pc` lies in; or one before it, if it has no entry.
    fn start_of(&self, pc: usize) -> Option<usize> {
        let offset = i32::try_from(pc.wrapping_sub(self.base) as isize).ok()?;
        let behind = self.pairs.partition_point(|pair| pair[0] <= offset);
        let pair = self.pairs.get(behind.checked_sub(1)?)?;
        Some(self.base.wrapping_add_signed(pair[0] as isize))
    }
}

/// Finds the table of functions. The first who does takes the dynamic linker's lock, which another thread may hold while one of its
/// checks fails.
pub(super) fn prepare() {
    Table::of_program();
}

/// Whether the function that begins here is proven movable while it waits for the call that returns to `pc`. It is read as verification has
/// left it: a check in either form, and a slow path with the bits.
///
/// # Safety
/// `start` is a function's start, by the unwinder's table.
unsafe fn says_movable(start: usize, pc: usize) -> bool {
    // SAFETY: a checked function is longer than what is read of it; another one is told by its first bytes.
    unsafe {
        let code: *const u8 = std::ptr::with_exposed_provenance(start);
        if !super::is_checked(code) {
            return false;
        }
        // The branch to the slow path stands behind the comparison: 9 bytes, or 8 + 9. Without optimisation the slow path comes first,
        // behind a branch (ja) around it.
        let branch = code.add(if *code == 0x64 { 9 } else { 17 });
        let slow = match branch.cast::<[u8; 2]>().read() {
            [0x76, near] => branch.add(2).offset(near.cast_signed() as isize),
            [0x0f, 0x86] => branch.add(6).offset(branch.add(2).cast::<i32>().read_unaligned() as isize),
            [0x77, _] => branch.add(2),
            [0x0f, 0x87] => branch.add(6),
            _ => return false,
        };
        // mov $frame, %r10d; mov $arguments, %r11d
        if slow.cast::<[u8; 2]>().read() != [0x41, 0xba] || slow.add(6).cast::<[u8; 2]>().read() != [0x41, 0xbb] {
            return false;
        }
        let frame = slow.add(2).cast::<u32>().read_unaligned();
        let units = slow.add(8).cast::<u32>().read_unaligned() & !ARGUMENTS;
        frame & MOVABLE != 0 && (units == !ARGUMENTS || pc - start < (units >> ARGUMENTS.count_ones()) as usize * UNIT)
    }
}

/// Return addresses at which functions are known to be movable: recursion comes by the same few again and again.
static KNOWN: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];

/// Whether the frame of the function that `pc`, a return address, leads to may be moved.
fn is_movable(pc: usize) -> bool {
    let known = &KNOWN[(pc ^ (pc >> 8)) % KNOWN.len()];
    if known.load(Ordering::Relaxed) == pc {
        return true;
    }
    // The call, not what is behind it: that may be the next function.
    let start = Table::of_program().and_then(|table| table.start_of(pc - 1));
    // SAFETY: the table's.
    let movable = start.is_some_and(|start| unsafe { says_movable(start, pc) });
    if movable {
        known.store(pc, Ordering::Relaxed);
    }
    movable
}

/// Where frames on a segment end: the return addresses into `__morestack`.
fn is_base(pc: usize) -> bool {
    unsafe extern "C" {
        fn morestack_unlink();
        fn morestack_unlink_big();
    }
    pc == morestack_unlink as *const () as usize || pc == morestack_unlink_big as *const () as usize
}

/// The frames of the current segment, seen from `__morestack`'s frame on it.
///
/// ```text
///     frame -> saved BP of g, address in f's slow path, return address into g ...
/// ```
///
/// Returns how many there are, if all of them may be moved: each return address leads to a function that is proven, each saved frame
/// pointer lies above the one before and inside, and the last return address leads to `__morestack`, which linked the segment.
///
/// # Safety
/// `frame` is the frame of `__morestack`, on the segment `header`, and what is above it is a stack.
pub(super) unsafe fn all_movable(header: *mut Header, frame: usize) -> Option<usize> {
    // SAFETY: the caller's; each frame pointer is seen to lie inside before it is followed.
    unsafe {
        let hi = (*header).hi - STACK_TOP;
        let lo = header.addr() + size_of::<Header>();
        let word = |address: usize| std::ptr::with_exposed_provenance::<usize>(address).read();
        if frame < lo || frame + 24 > hi {
            return None;
        }
        let (mut at, mut pc) = (frame, word(frame + 16));
        let (mut frames, mut known) = (0, 0);
        loop {
            // Recursion is the same call over and over.
            if pc != known {
                if is_base(pc) {
                    return Some(frames);
                }
                if !is_movable(pc) {
                    return None;
                }
                known = pc;
            }
            let next = word(at);
            if next <= at || next + 16 > hi || next % 8 != 0 {
                return None;
            }
            (at, pc) = (next, word(next + 8));
            frames += 1;
        }
    }
}

/// After a copy by `delta`: adjusts the chain of saved frame pointers. `frame` is the frame of `__morestack` in the copy, and the old
/// segment ended at `old_hi`.
///
/// # Safety
/// [`all_movable`] has found so many frames there, and the copy is exact.
pub(super) unsafe fn adjust(frame: usize, frames: usize, delta: usize) {
    // SAFETY: the chain is as `all_movable` found it, moved by delta.
    unsafe {
        let mut slot: *mut usize = std::ptr::with_exposed_provenance_mut(frame);
        for _ in 0..frames {
            let moved = (*slot).wrapping_add(delta);
            *slot = moved;
            slot = std::ptr::with_exposed_provenance_mut(moved);
        }
    }
}

/// Bytes of a segment that frames can use.
pub(super) fn room(size: usize) -> usize {
    size - GUARD - STACK_TOP
}
