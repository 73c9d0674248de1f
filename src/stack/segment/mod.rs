//! An owned piece of stack memory.

mod blocks;
mod fenced;
mod large;
mod os;
mod pool;
mod ring;
mod slab;

#[cfg_attr(not(morestack_split), allow(unused_imports))]
pub(crate) use large::LARGE_MIN;
pub use pool::{StackCache, release_idle};

use crate::stack::layout::STACK_MIN;
use crate::stack::locked;
use std::sync::MutexGuard;

/// While it lives, no other thread is in the pools.
pub(super) struct Locked {
    _pool: MutexGuard<'static, slab::Slabs>,
    _large: MutexGuard<'static, large::Cache>,
    _fenced: MutexGuard<'static, fenced::Freed>,
}

impl Locked {
    pub(super) fn new() -> Locked {
        Locked { _pool: locked(&pool::POOL), _large: locked(&large::CACHE), _fenced: locked(&fenced::FREED) }
    }
}

/// Largest segment that can be asked for. Far above any limit a task has ([`MAX_STACK`](crate::stack::layout::MAX_STACK)); it only
/// keeps the arithmetic on sizes away from overflow.
pub const SEGMENT_MAX: usize = 1 << 40;

/// Stack memory `[lo, hi)`, readable and writable, owned by whoever holds this value.
///
/// The size is a power of two from [`STACK_MIN`] to [`SEGMENT_MAX`], and `lo` is a multiple of [`STACK_MIN`].
///
/// It goes back through [`StackCache::free`](StackCache::free) or
/// [`StackCache::relocate`](StackCache::relocate). It cannot give itself back when dropped, because it does not know
/// a cache; so a debug build panics when one is dropped instead, and a release build leaks it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a segment that is not given back to a cache is leaked"]
pub struct Segment {
    lo: usize,
    size: usize,
}

impl Segment {
    /// # Safety
    /// `[lo, lo + size)` is mapped readable and writable, nobody else owns it, and `lo` and `size` are as the type says.
    pub(in crate::stack) unsafe fn new(lo: usize, size: usize) -> Segment {
        debug_assert!(size.is_power_of_two() && size >= STACK_MIN && lo.is_multiple_of(STACK_MIN));
        Segment { lo, size }
    }

    /// Lowest address.
    #[inline]
    #[must_use]
    pub fn lo(&self) -> usize {
        self.lo
    }

    /// One past the highest address; a stack starts here and grows down.
    #[inline]
    #[must_use]
    pub fn hi(&self) -> usize {
        self.lo + self.size
    }

    /// Bytes in it.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Ends the ownership without a trace: the caller now answers for the memory `[lo, lo + size)`.
    #[inline]
    pub(in crate::stack) fn into_parts(self) -> (usize, usize) {
        let parts = (self.lo, self.size);
        std::mem::forget(self);
        parts
    }

    /// Fills it with `byte`.
    pub(super) fn fill(&mut self, byte: u8) {
        // SAFETY: a segment is writable memory of this size that we own exclusively (the invariant of the type).
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(self.lo).write_bytes(byte, self.size) }
    }

    /// Copies the top `used` bytes of `from` to its own top.
    pub(super) fn copy_top(&mut self, from: &Segment, used: usize) {
        assert!(used <= self.size && used <= from.size, "{used} bytes do not fit both segments");
        let source = std::ptr::with_exposed_provenance::<u8>(from.hi() - used);
        let target = std::ptr::with_exposed_provenance_mut::<u8>(self.hi() - used);
        // SAFETY: both ranges lie inside live segments, and two segments never overlap (each is owned once).
        unsafe { std::ptr::copy_nonoverlapping(source, target, used) }
    }
}

#[cfg(debug_assertions)]
impl Drop for Segment {
    fn drop(&mut self) {
        // While unwinding the segment is lost together with the task that ran on it; a second panic would abort.
        assert!(
            std::thread::panicking(),
            "a segment of {} bytes at {:#x} was dropped: give it back to a StackCache",
            self.size,
            self.lo
        );
    }
}
