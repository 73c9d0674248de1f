//! Counters of the stack layer.
//!
//! Hot paths do not touch them: a [`StackCache`](super::StackCache) counts its own allocations in plain fields of its own
//! and adds them here when it goes to the global pool anyway (a refill, a flush, anything over 32 KB). So a snapshot lags by
//! what the threads' caches did since, at most a few dozen operations per size and thread. All accesses are relaxed: the
//! counters are each exact in the long run, but a snapshot is not one instant.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::layout::{POOL_CLASSES, STACK_MIN};
use super::segment::SEGMENT_MAX;

/// Number of segment sizes; size `i` is `STACK_MIN << i`.
pub const SIZES: usize = (SEGMENT_MAX / STACK_MIN).trailing_zeros() as usize + 1;

/// A counter that any thread may add to.
pub(super) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    #[inline]
    pub(super) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Relaxed);
    }

    #[inline]
    pub(super) fn sub(&self, n: usize) {
        self.0.fetch_sub(n as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Declares the counters once: the snapshot's public field and the live counter behind it.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A snapshot of the stack layer's counters, for this process. Counts are since its start unless they say "now".
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            /// Segments handed out, by size: index `i` counts those of `STACK_MIN << i` bytes.
            pub allocs: [u64; SIZES],
            /// Segments given back, by size likewise.
            pub frees: [u64; SIZES],
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The live counters behind [`Stats`].
        pub(super) struct Counters {
            pub(super) allocs: [Counter; SIZES],
            pub(super) frees: [Counter; SIZES],
            $(pub(super) $name: Counter,)*
        }

        pub(super) static COUNTERS: Counters = Counters {
            allocs: [const { Counter::new() }; SIZES],
            frees: [const { Counter::new() }; SIZES],
            $($name: Counter::new(),)*
        };

        /// The counters as they stand.
        #[must_use]
        pub fn stats() -> Stats {
            Stats {
                // Frees first: a segment freed between the two reads must not seem freed but never allocated.
                frees: std::array::from_fn(|i| COUNTERS.frees[i].get()),
                allocs: std::array::from_fn(|i| COUNTERS.allocs[i].get()),
                $($name: COUNTERS.$name.get(),)*
            }
        }
    };
}

counters! {
    /// Times a thread's list was empty and went to the global pool.
    refills,
    /// Times a thread's list was full and gave half of it to the global pool.
    spills,
    /// Arenas reserved: mappings that small and middle segments live in.
    arenas,
    /// Slabs (64 KB of segments of one small size) begun.
    slabs_made,
    /// Slabs whose segments all came back.
    slabs_returned,
    /// Bytes of freed slabs and runs given back to the kernel.
    bytes_returned,
    /// Large pieces mapped for want of a cached one.
    large_mapped,
    /// Large pieces taken from the cache.
    large_cached,
    /// Large pieces unmapped, because the cache was full.
    large_unmapped,
    /// Go segments moved to one of the same or a larger size.
    moves,
    /// Go segments of parked tasks moved to a smaller one.
    shrinks,
    /// Split segments that were copied to a larger one, because every frame in them was proven movable.
    split_copies,
    /// Split segments that were linked anew, because a frame was not.
    split_links,
    /// Frames whose pointers these moves adjusted.
    frames_adjusted,
    /// Bytes copied by relocations.
    bytes_copied,
    /// Bytes that relocations moved by their pages.
    bytes_remapped,
    /// Address space held now, in bytes: arenas, large segments and their cache, fenced segments in use.
    bytes_reserved,
}

impl Stats {
    /// Segments of `STACK_MIN << index` bytes in use now.
    #[must_use]
    pub fn live(&self, index: usize) -> u64 {
        self.allocs[index].saturating_sub(self.frees[index])
    }

    /// Bytes in segments in use now.
    #[must_use]
    pub fn bytes_in_use(&self) -> u64 {
        (0..SIZES).map(|i| self.live(i) * ((STACK_MIN as u64) << i)).sum()
    }

    /// Small segments that a thread's own list served.
    #[must_use]
    pub fn cache_hits(&self) -> u64 {
        let small: u64 = self.allocs[..POOL_CLASSES].iter().sum();
        small.saturating_sub(self.refills)
    }
}

/// The index of a size in the arrays of [`Stats`].
pub(super) fn size_index(size: usize) -> usize {
    (size / STACK_MIN).trailing_zeros() as usize
}
