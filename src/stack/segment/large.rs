//! Large segments: 256 KB and more, mapped one by one; from 4 MB on aligned to huge pages, and backed by them where the kernel
//! can.
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

use super::Segment;
use super::os::{self, Access, HUGE};
use crate::stack::StackError;
use crate::stack::stats::COUNTERS;

/// Smallest large segment: where moving pages begins to beat copying bytes. The kernel flushes up to 32 moved pages from the
/// TLB one by one, so that 128 KB cost 7 us to move and 256 KB only 3.5; copying them costs 3 and 7 us, and 40 and 85 us
/// when the target is fresh. With 128 KB here, 10,000 frames of 64 bytes took 166 us cold and 71 us pooled instead of 147
/// and 38; and a stack up to this size needs no mapping of its own.
pub(crate) const LARGE_MIN: usize = 256 << 10;

/// Fresh memory that is populated right below the frames when growth adds it, where pages are small: half of it, and this
/// much at least. A populated page costs half of a faulted one, so it pays if stacks reach it half of the time; and what is
/// resident stays below twice what is used.
const BATCH: usize = 256 << 10;

/// Smallest size that is aligned to huge pages and asks for them: the first with a piece of one huge page.
const HUGE_MIN: usize = 2 * HUGE;

/// Bytes that the process keeps in freed large pieces. 64 MB is what one stack of a million 64-byte frames used: enough that
/// such a depth, reached again and again, faults no more. What is beyond it is unmapped at once.
const CACHE_MAX: usize = 64 << 20;

/// Sizes of cached pieces: `LARGE_MIN << k`.
const PIECE_SIZES: usize = (CACHE_MAX / LARGE_MIN).trailing_zeros() as usize + 1;

/// Freed pieces. No list can overflow: each piece has at least `LARGE_MIN` of the bytes that `CACHE_MAX` allows.
pub(super) struct Cache {
    pieces: [[usize; CACHE_MAX / LARGE_MIN]; PIECE_SIZES],
    counts: [usize; PIECE_SIZES],
    bytes: usize,
}

pub(super) static CACHE: Mutex<Cache> =
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
    crate::stack::locked(&CACHE).take(size)
}

/// The pieces of a segment `[lo, lo + size)`, from the top: address and size.
fn pieces(lo: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let hi = lo + size;
    let lower = std::iter::successors(Some(LARGE_MIN), |piece| Some(piece * 2)).take_while(move |piece| *piece < size);
    std::iter::once((hi - LARGE_MIN, LARGE_MIN)).chain(lower.map(move |piece| (hi - 2 * piece, piece)))
}

/// Maps `size` bytes. Nothing is resident.
fn map(size: usize) -> Result<usize, StackError> {
    let lo = if size < HUGE_MIN { os::reserve(size, Access::ReadWrite) } else { os::reserve_aligned(size) };
    let lo = lo.map_err(os::out_of_memory(size))?;
    if size >= HUGE_MIN {
        os::prefer_huge(lo, size);
    }
    COUNTERS.large_mapped.add(1);
    COUNTERS.bytes_reserved.add(size);
    Ok(lo)
}

/// Populates the top of fresh memory `[lo, hi)`: one huge page if it has one, else a batch of small ones.
fn populate_top(lo: usize, hi: usize) {
    let batch = if hi - lo >= HUGE { HUGE } else { BATCH.max((hi - lo) / 2).min(hi - lo) };
    os::populate(hi - batch, batch);
}

pub(super) fn alloc(size: usize) -> Result<Segment, StackError> {
    let lo = match take_cached(size) {
        Some(lo) => {
            COUNTERS.large_cached.add(1);
            lo
        }
        None => {
            let lo = map(size)?;
            // SAFETY: mapped just above; nothing is in it.
            unsafe { furnish(lo, size, 0) };
            lo
        }
    };
    // SAFETY: a mapping of this size, made for us or left by a segment that was freed.
    Ok(unsafe { Segment::new(lo, size) })
}

/// Gives memory to the fresh segment `[lo, lo + size)` below its top `taken` bytes: cached pieces where there are some,
/// and what will be used first is populated otherwise.
///
/// # Safety
/// The caller owns the range, and nothing is in it yet below `taken`, which is 0 or the size of a smaller segment.
unsafe fn furnish(lo: usize, size: usize, taken: usize) {
    let limit = lo + size - taken;
    for (target, len) in pieces(lo, size).filter(|(target, len)| target + len <= limit) {
        match take_cached(len) {
            Some(cached) => {
                COUNTERS.large_cached.add(1);
                // SAFETY: the cached piece is ours now, in one mapping; the target's contents are of no use.
                if unsafe { os::move_pages(cached, target, len) }.is_err() {
                    // The target stays as fresh as it was, which serves as well.
                    // SAFETY: ours, and nothing refers to it.
                    unsafe { os::unmap(cached, len) };
                }
                COUNTERS.bytes_reserved.sub(len);
            }
            // Right below the frames: it is about to be used.
            None if target + len == limit => populate_top(target, target + len),
            None => {}
        }
    }
}

/// # Safety
/// `segment` is large, and nothing refers to its memory any more.
pub(super) unsafe fn free(segment: Segment) {
    let (lo, size) = segment.into_parts();
    let mut kept = 0;
    let mut cache = crate::stack::locked(&CACHE);
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
    // SAFETY: below the old segment's pages the new range is fresh, and ours.
    unsafe { furnish(lo, size, old_size) };
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
        let wanted = (piece + len).saturating_sub(from + size - used).min(len);
        // SAFETY: a piece of our own lies in one mapping, and the ranges are disjoint.
        if unsafe { os::move_pages(piece, target, len) }.is_ok() {
            COUNTERS.bytes_remapped.add(wanted);
            continue;
        }
        // The kernel refused (at its limit on mappings), but bytes can still be copied.
        COUNTERS.bytes_copied.add(wanted);
        let (source, sink) = (piece + len - wanted, target + len - wanted);
        // SAFETY: a failed move leaves both ranges mapped; they are disjoint; nothing refers to the source afterwards.
        unsafe {
            let source = std::ptr::with_exposed_provenance::<u8>(source);
            std::ptr::with_exposed_provenance_mut::<u8>(sink).copy_from_nonoverlapping(source, wanted);
            os::unmap(piece, len);
        }
    }
}

/// Unmaps all that is cached.
pub(super) fn release_cached() {
    for k in 0..PIECE_SIZES {
        let size = LARGE_MIN << k;
        while let Some(lo) = take_cached(size) {
            // SAFETY: the cached piece is ours now, and nothing refers to it.
            unsafe { os::unmap(lo, size) };
            COUNTERS.large_unmapped.add(1);
            COUNTERS.bytes_reserved.sub(size);
        }
    }
}
