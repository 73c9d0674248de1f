//! The cache of segments that each OS thread has, and the global pool behind it.
//!
//! | size | from | on this thread | freed memory |
//! |---|---|---|---|
//! | 2 to 32 KB | slabs of 64 KB ([`slab`](super::slab)) | a list per size | slab free: to the kernel, beyond 4 MB |
//! | 64, 128 KB | runs in blocks of 2 MB ([`blocks`](super::blocks)) | nothing | likewise |
//! | 256 KB and more | the OS ([`large`]) | nothing | to a cache of 64 MB, then unmapped |
//!
//! The middle row has no lists because its lock (tens of ns) disappears beside the copy that each such segment is for.
//! The three tiers are Go's `stackpool`, `stackLarge` and heap spans in another shape.

use std::sync::Mutex;

use super::blocks::{RUN_MAX, UNIT};
use super::slab::{Slabs, class_size};
use super::{SEGMENT_MAX, Segment};
use super::{fenced, large, os};
use crate::stack::debug;
use crate::stack::layout::{POOL_CLASSES, POOL_MAX, STACK_MIN};
use crate::stack::split::undisturbed;
use crate::stack::stats::{COUNTERS, size_index};
use crate::stack::{StackError, locked};

/// Bytes per size that a thread's list may hold: Go's number. A list goes to the pool for half of it at a time (at least one
/// segment), so a burst of spawns takes the lock once in 8 times. With 64 KB, a stack that grows to 640 KB on fresh memory
/// paid 13 us more for segments nobody wanted yet.
const LIST_BYTES: usize = 32 << 10;

/// Segments that the longest list holds.
const LIST_MAX: usize = LIST_BYTES / STACK_MIN;

pub(super) static POOL: Mutex<Slabs> = Mutex::new(Slabs::new());

/// Free segments of one size, the warmest last. Addresses in an array rather than a chain through the segments: the
/// segments' own memory stays untouched.
struct List {
    count: usize,
    free: [usize; LIST_MAX],
    /// Segments handed out and taken back since the last time the counters were published.
    allocs: usize,
    frees: usize,
}

/// A thread's stock of stack memory.
///
/// ```
/// use morestack::stack::StackCache;
///
/// let mut cache = StackCache::new();
/// let small = cache.alloc(2048)?;
/// let grown = cache.relocate(small, 1000, 4096).map_err(|(_, error)| error)?;
/// cache.free(grown);
/// # Ok::<(), morestack::stack::StackError>(())
/// ```
pub struct StackCache {
    lists: [List; POOL_CLASSES],
}

impl Default for StackCache {
    fn default() -> Self {
        Self::new()
    }
}

impl StackCache {
    /// An empty cache.
    #[must_use]
    pub const fn new() -> StackCache {
        StackCache { lists: [const { List { count: 0, free: [0; LIST_MAX], allocs: 0, frees: 0 } }; POOL_CLASSES] }
    }

    /// A segment of `size` bytes. Its contents are arbitrary.
    ///
    /// # Errors
    /// [`StackError::BadSize`] unless `size` is a power of two from [`STACK_MIN`] to [`SEGMENT_MAX`];
    /// [`StackError::OutOfMemory`] if the kernel has no more.
    #[inline]
    pub fn alloc(&mut self, size: usize) -> Result<Segment, StackError> {
        undisturbed(|| self.alloc_now(size))
    }

    #[inline]
    fn alloc_now(&mut self, size: usize) -> Result<Segment, StackError> {
        let mut segment = if let Some(list) = self.list_of(size)
            && list.count > 0
        {
            list.count -= 1;
            list.allocs += 1;
            // SAFETY: what is in a list is free, of this size, and came from `into_parts` or the pool.
            unsafe { Segment::new(list.free[list.count], size) }
        } else {
            // The kernel was asked for a block of many; the caller wants to know of its own stack.
            self.alloc_slow(size).map_err(|error| error.of_stack(size))?
        };
        if debug::modes().poison {
            segment.fill(debug::POISON_BYTE);
        }
        Ok(segment)
    }

    /// Takes a segment back. Nothing may refer to its memory any more.
    #[inline]
    pub fn free(&mut self, segment: Segment) {
        undisturbed(|| self.free_now(segment));
    }

    #[inline]
    fn free_now(&mut self, mut segment: Segment) {
        if debug::modes().poison {
            segment.fill(debug::POISON_BYTE);
        }
        let size = segment.size();
        if let Some(list) = self.list_of(size)
            && list.count < LIST_BYTES / size
        {
            let (lo, _) = segment.into_parts();
            list.free[list.count] = lo;
            list.count += 1;
            list.frees += 1;
        } else {
            self.free_slow(segment);
        }
    }

    /// The list for this size, if there is one.
    #[inline]
    fn list_of(&mut self, size: usize) -> Option<&mut List> {
        if debug::modes().fence || !size.is_power_of_two() {
            return None;
        }
        // The index of a size that is too small is out of range too.
        self.lists.get_mut(size_index(size))
    }

    /// Moves a stack: a segment of `size` bytes whose top `used` bytes are those of `old`, which is freed. The address
    /// always changes.
    ///
    /// # Errors
    /// As [`alloc`](StackCache::alloc); `old` comes back as it was.
    ///
    /// # Panics
    /// If `used` bytes do not fit either segment.
    pub fn relocate(&mut self, old: Segment, used: usize, size: usize) -> Result<Segment, (Segment, StackError)> {
        // What is no size at all is an error, below.
        let smaller = if is_valid(size) { size.min(old.size()) } else { old.size() };
        assert!(used <= smaller, "{used} bytes do not fit {smaller}");
        undisturbed(|| self.relocate_now(old, used, size))
    }

    fn relocate_now(&mut self, old: Segment, used: usize, size: usize) -> Result<Segment, (Segment, StackError)> {
        let modes = debug::modes();
        let by_pages = old.size() >= large::LARGE_MIN && size > old.size() && !modes.fence && !modes.poison;
        if by_pages && is_valid(size) {
            let old_size = old.size();
            let new = large::grow(old, used, size)?;
            COUNTERS.allocs[size_index(size)].add(1);
            COUNTERS.frees[size_index(old_size)].add(1);
            return Ok(new);
        }
        match self.alloc_now(size) {
            Ok(mut new) => {
                new.copy_top(&old, used);
                COUNTERS.bytes_copied.add(used);
                self.free_now(old);
                Ok(new)
            }
            Err(error) => Err((old, error)),
        }
    }

    /// Gives all free segments to the global pool and publishes the counters.
    pub fn flush(&mut self) {
        undisturbed(|| {
            for class in 0..POOL_CLASSES {
                self.spill(class, 0);
            }
        });
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&mut self, size: usize) -> Result<Segment, StackError> {
        if !is_valid(size) {
            return Err(StackError::BadSize { size, min: STACK_MIN, max: SEGMENT_MAX });
        }
        let segment = if debug::modes().fence {
            fenced::alloc(size)?
        } else if size <= POOL_MAX {
            return self.refill(size_index(size));
        } else if size <= RUN_MAX {
            alloc_run(size)?
        } else {
            large::alloc(size)?
        };
        COUNTERS.allocs[size_index(size)].add(1);
        Ok(segment)
    }

    #[cold]
    #[inline(never)]
    fn free_slow(&mut self, segment: Segment) {
        let size = segment.size();
        if !debug::modes().fence && size <= POOL_MAX {
            let class = size_index(size);
            COUNTERS.spills.add(1);
            self.spill(class, LIST_BYTES / size / 2);
            return self.free_now(segment);
        }
        COUNTERS.frees[size_index(size)].add(1);
        // SAFETY: owning the segment is owning its memory, and the mode and the size say where it came from.
        unsafe {
            if debug::modes().fence {
                fenced::free(segment);
            } else if size <= RUN_MAX {
                let (lo, _) = segment.into_parts();
                let mut pool = locked(&POOL);
                let unit = pool.blocks.unit_of(lo);
                pool.blocks.put(unit, run_order(size));
            } else {
                large::free(segment);
            }
        }
    }

    /// Fills half of an empty list from the global pool, and takes one more segment for the caller.
    fn refill(&mut self, class: usize) -> Result<Segment, StackError> {
        self.publish(class);
        let list = &mut self.lists[class];
        let want = (LIST_BYTES / class_size(class) / 2).max(1);
        let (count, fresh) = locked(&POOL).take(class, &mut list.free[..want])?;
        COUNTERS.refills.add(1);
        // 10,000 new stacks of 2 KB cost 0.5 us each this way, 0.8 us with a fault for each page.
        if !fresh.is_empty() {
            os::populate(fresh.start, fresh.len());
        }
        // The lowest is taken first, so that neighbours in time are neighbours in memory.
        list.free[..count].reverse();
        list.count = count - 1;
        list.allocs += 1;
        // SAFETY: the pool gave it to us.
        Ok(unsafe { Segment::new(list.free[count - 1], class_size(class)) })
    }

    /// Gives the coldest segments of a list to the global pool until `keep` are left.
    fn spill(&mut self, class: usize, keep: usize) {
        self.publish(class);
        let list = &mut self.lists[class];
        let give = list.count.saturating_sub(keep);
        if give == 0 {
            return;
        }
        let mut pool = locked(&POOL);
        for &lo in &list.free[..give] {
            // SAFETY: what is in a list is free and came from the pool with this class.
            unsafe { pool.put(class, lo) };
        }
        drop(pool);
        list.free.copy_within(give..list.count, 0);
        list.count -= give;
    }

    fn publish(&mut self, class: usize) {
        let list = &mut self.lists[class];
        COUNTERS.allocs[class].add(std::mem::take(&mut list.allocs));
        COUNTERS.frees[class].add(std::mem::take(&mut list.frees));
    }
}

impl Drop for StackCache {
    fn drop(&mut self) {
        self.flush();
    }
}

fn is_valid(size: usize) -> bool {
    size.is_power_of_two() && (STACK_MIN..=SEGMENT_MAX).contains(&size)
}

/// Gives free memory that the global pool keeps for the next stacks back to the kernel: all large segments, and all blocks
/// (2 MB) that are free as a whole. For a program that knows that it will not need as many stacks again soon.
pub fn release_idle() {
    undisturbed(|| {
        locked(&POOL).blocks.trim(0);
        large::release_cached();
    });
}

fn run_order(size: usize) -> usize {
    (size / UNIT).trailing_zeros() as usize
}

fn alloc_run(size: usize) -> Result<Segment, StackError> {
    let run = locked(&POOL).blocks.take(run_order(size))?;
    if run.fresh {
        os::populate(run.base, size);
    }
    // SAFETY: the run is ours now, and arenas are readable and writable.
    Ok(unsafe { Segment::new(run.base, size) })
}
