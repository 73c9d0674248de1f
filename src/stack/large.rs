//! Large segments: 2 MB and more, mapped one by one, aligned to huge pages and backed by them where the kernel can.
//!
//! They grow by moving pages, not bytes. A large segment is made of *pieces*, its size halved again and again down to
//! [`LARGE_MIN`]; each piece lies inside one mapping, whether the segment was mapped at once or grew:
//!
//! ```text
//!   lo                                                                hi
//!   |          size / 2               |    size / 4    | size/8 | ... |     the last two pieces have LARGE_MIN bytes
//!   |  new, or a cached piece         |  the old segment's pieces     |     after growth by doubling
//! ```
//!
//! A freed segment goes to the cache piece by piece, the topmost (that were used most surely) first. The next stack that
//! grows takes them back as its lower halves, so a pool of deep stacks grows again without a fault and without a copy.

use std::sync::Mutex;

use super::StackError;
use super::os::{self, HUGE};
use super::segment::Segment;
use super::stats::COUNTERS;

/// Smallest large segment: one huge page. Moving one costs 3 us and copying it 30 to 160.
pub(super) const LARGE_MIN: usize = HUGE;

/// Bytes that the process keeps in freed large pieces. 64 MB is what one stack of a million 64-byte frames used, which is
/// worth 2 ms of faults; more than that is unmapped at once, since it may never be wanted again.
const CACHE_MAX: usize = 64 << 20;

/// Sizes of cached pieces: `LARGE_MIN << k`.
const PIECE_SIZES: usize = (CACHE_MAX / LARGE_MIN).trailing_zeros() as usize + 1;

/// Freed pieces. No list can overflow: each piece has at least `LARGE_MIN` of the bytes that `CACHE_MAX` allows.
struct Cache {
    pieces: [[usize; CACHE_MAX / LARGE_MIN]; PIECE_SIZES],
    counts: [usize; PIECE_SIZES],
    bytes: usize,
}

static CACHE: Mutex<Cache> =
    Mutex::new(Cache { pieces: [[0; CACHE_MAX / LARGE_MIN]; PIECE_SIZES], counts: [0; PIECE_SIZES], bytes: 0 });

fn piece_index(size: usize) -> usize {
    (size / LARGE_MIN).trailing_zeros() as usize
}

impl Cache {
    fn take(&mut self, size: usize) -> Option<usize> {
        let k = piece_index(size);
        let count = self.counts.get_mut(k).filter(|count| **count > 0)?;
        *count -= 1;
        self.bytes -= size;
        Some(self.pieces[k][*count])
    }

    /// Says whether there was room.
    fn put(&mut self, lo: usize, size: usize) -> bool {
        if self.bytes + size > CACHE_MAX {
            return false;
        }
        let k = piece_index(size);
        self.pieces[k][self.counts[k]] = lo;
        self.counts[k] += 1;
        self.bytes += size;
        true
    }
}

fn take_cached(size: usize) -> Option<usize> {
    let lo = super::locked(&CACHE).take(size)?;
    COUNTERS.large_cached.add(1);
    Some(lo)
}

/// The pieces of a segment `[lo, lo + size)`, from the top: address and size.
fn pieces(lo: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let hi = lo + size;
    let lower = std::iter::successors(Some(LARGE_MIN), |piece| Some(piece * 2)).take_while(move |piece| *piece < size);
    std::iter::once((hi - LARGE_MIN, LARGE_MIN)).chain(lower.map(move |piece| (hi - 2 * piece, piece)))
}

/// Maps `size` bytes. Nothing is resident.
fn map(size: usize) -> Result<usize, StackError> {
    let lo = os::reserve_aligned(size).map_err(os::out_of_memory(size))?;
    os::prefer_huge(lo, size);
    COUNTERS.large_mapped.add(1);
    COUNTERS.bytes_reserved.add(size);
    Ok(lo)
}

pub(super) fn alloc(size: usize) -> Result<Segment, StackError> {
    let lo = match take_cached(size) {
        Some(lo) => lo,
        None => {
            let lo = map(size)?;
            os::populate(lo + size - LARGE_MIN, LARGE_MIN);
            lo
        }
    };
    // SAFETY: a mapping of this size, made for us or left by a segment that was freed.
    Ok(unsafe { Segment::new(lo, size) })
}

/// # Safety
/// `segment` is large, and nothing refers to its memory any more.
pub(super) unsafe fn free(segment: Segment) {
    let (lo, size) = segment.into_parts();
    let mut kept = 0;
    let mut cache = super::locked(&CACHE);
    for (piece, piece_size) in pieces(lo, size) {
        if !cache.put(piece, piece_size) {
            break;
        }
        kept += piece_size;
    }
    drop(cache);
    if kept < size {
        // SAFETY: the part below the kept pieces, which the caller gave up.
        unsafe { os::unmap(lo, size - kept) };
        COUNTERS.large_unmapped.add(1);
        COUNTERS.bytes_reserved.sub(size - kept);
    }
}

/// Grows a large segment: moves its pages to the top of a larger address range. The lower part holds cached pieces where
/// there are some.
///
/// # Errors
/// Returns the segment as it was, if the kernel has no room for another.
pub(super) fn grow(old: Segment, used: usize, size: usize) -> Result<Segment, (Segment, StackError)> {
    debug_assert!(old.size() >= LARGE_MIN && size > old.size());
    let lo = match map(size) {
        Ok(lo) => lo,
        Err(error) => return Err((old, error)),
    };
    let (old_lo, old_size) = old.into_parts();
    // SAFETY: the old segment is ours to give up and the new range is ours; nothing is in it yet.
    unsafe { move_top(old_lo, lo + size - old_size, old_size, used) };
    COUNTERS.bytes_reserved.sub(old_size);
    COUNTERS.bytes_remapped.add(used);
    for (target, piece) in pieces(lo, size).filter(|(target, _)| target + old_size < lo + size) {
        match take_cached(piece) {
            // SAFETY: the cached piece is ours now; nothing is in this part of the new range yet.
            Some(cached) => unsafe { fill_from_cached(cached, target, piece) },
            // One huge page at once, which the caller is about to use. Where there are no huge pages, it is the bounded
            // batch that replaces 512 faults.
            None if target + piece + old_size == lo + size => os::populate(target + piece - LARGE_MIN, LARGE_MIN),
            None => {}
        }
    }
    // SAFETY: every piece is mapped: moved, taken from the cache, or part of the fresh mapping.
    Ok(unsafe { Segment::new(lo, size) })
}

/// Moves a segment of `size` bytes at `from` to `to`, of which the top `used` bytes matter, and unmaps it.
///
/// # Safety
/// The caller owns both ranges; `from` is made of pieces as above, and the contents at `to` are of no use.
unsafe fn move_top(from: usize, to: usize, size: usize, used: usize) {
    for (piece, len) in pieces(from, size) {
        let target = to + (piece - from);
        // SAFETY: a piece of our own lies in one mapping, and the ranges are disjoint.
        if unsafe { os::move_pages(piece, target, len) }.is_ok() {
            continue;
        }
        // The kernel refused (at its limit on mappings). Bytes can still be copied, and what is not used stays behind.
        let copied = (piece + len).saturating_sub(from + size - used).min(len);
        let (source, sink) = (piece + len - copied, target + len - copied);
        // SAFETY: a failed move leaves both ranges mapped; they are disjoint; nothing refers to the source afterwards.
        unsafe {
            let source = std::ptr::with_exposed_provenance::<u8>(source);
            std::ptr::with_exposed_provenance_mut::<u8>(sink).copy_from_nonoverlapping(source, copied);
            os::unmap(piece, len);
        }
    }
}

/// Makes the pages of a cached piece those of `[target, target + len)`.
///
/// # Safety
/// The caller owns both; the contents of neither matter.
unsafe fn fill_from_cached(cached: usize, target: usize, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if os::move_pages(cached, target, len).is_err() {
            // The target stays as fresh as it was, which serves as well.
            os::unmap(cached, len);
        }
    }
    COUNTERS.bytes_reserved.sub(len);
}
