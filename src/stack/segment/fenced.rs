//! Segments under the debug mode *fence*: each on pages of its own, with an inaccessible page right below.
//!
//! A freed segment becomes inaccessible at once and stays so for the next [`QUARANTINE`] frees, so that whoever still uses
//! a stack that has moved faults at the place of the mistake.

use std::sync::Mutex;

use super::Segment;
use super::os::{self, Access};
use crate::stack::StackError;
use crate::stack::layout::PAGE;
use crate::stack::stats::COUNTERS;
use crate::stack::tables::Quarantine;

/// Freed segments that stay inaccessible. Each is a mapping; a sixteenth of what the kernel allows a process by default
/// (`vm.max_map_count`, 65530) leaves two mappings each for 30,000 live ones.
const QUARANTINE: usize = 4096;

/// Base and length of freed mappings.
pub(super) type Freed = Quarantine<(usize, usize), QUARANTINE>;

pub(super) static FREED: Mutex<Freed> = Mutex::new(Quarantine::new());

/// The mapping of a segment: the fence page, then the segment's pages.
fn mapping(lo: usize, size: usize) -> (usize, usize) {
    (lo - PAGE, PAGE + size.next_multiple_of(PAGE))
}

pub(super) fn alloc(size: usize) -> Result<Segment, StackError> {
    let len = PAGE + size.next_multiple_of(PAGE);
    let base = os::reserve(len, Access::None).map_err(os::out_of_memory(size))?;
    // SAFETY: mapped just above and not handed out.
    if let Err(source) = unsafe { os::protect(base + PAGE, len - PAGE, Access::ReadWrite) } {
        // SAFETY: likewise.
        unsafe { os::unmap(base, len) };
        return Err(StackError::OutOfMemory { size, source });
    }
    COUNTERS.bytes_reserved.add(len);
    // SAFETY: readable, writable and nobody else's.
    Ok(unsafe { Segment::new(base + PAGE, size) })
}

/// # Safety
/// The segment came from [`alloc`], and nothing refers to its memory any more (which is what this mode finds out).
pub(super) unsafe fn free(segment: Segment) {
    let (lo, size) = segment.into_parts();
    let (base, len) = mapping(lo, size);
    COUNTERS.bytes_reserved.sub(len);
    // SAFETY: the segment's own mapping, which the caller gave up.
    unsafe {
        os::discard(base, len);
        if os::protect(base, len, Access::None).is_err() {
            // Without a mapping to spare it cannot wait in quarantine, but an unmapped page faults as well.
            os::unmap(base, len);
            return;
        }
    }
    let oldest = crate::stack::locked(&FREED).exchange((base, len));
    if let Some((base, len)) = oldest {
        // SAFETY: nobody can use an inaccessible mapping.
        unsafe { os::unmap(base, len) };
    }
}
