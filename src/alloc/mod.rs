//! A global allocator for programs of the split build, where malloc and free are foreign calls: a cache of free blocks per
//! thread, in ordinary Rust, in front of the system's allocator.
//!
//! ```
//! #[global_allocator]
//! static GLOBAL: morestack::alloc::ThreadCache = morestack::alloc::ThreadCache::new();
//! # fn main() { assert_eq!(vec![1; 100].len(), 100); }
//! ```
//!
//! In a split build a call of libc leaves the task's small stack and comes back, and of all such calls `malloc` and `free`
//! are the commonest by far. [`ThreadCache`] is compiled with the check like everything else, so what it serves by itself
//! runs on the small stack. It serves plain builds too, and works on any thread, in tasks and outside.
//!
//! # What it does
//!
//! Sizes up to [`LARGEST`] bytes with an alignment up to 16 fall into classes. A freed block goes into its class's list of
//! the thread that frees it, whoever allocated it, and the next allocation of that class takes it from there. All blocks
//! come from [`System`] one by one and go back to it one by one:
//!
//! - What a list cannot keep goes back at once. A thread keeps [`ThreadCache::KEEP`] bytes in all at most (or what
//!   [`ThreadCache::keeping`] says); classes that free more than they have room for get the room of those that do not.
//! - When a thread ends, all that it keeps goes back, after its thread-locals are dropped. What libc runs still later is
//!   served by the system.
//! - [`give_back`] does that at any time for the calling thread.
//!
//! Where blocks are always freed by another thread than the one that allocates them, the cache is of no use: each costs what it
//! costs the system, and a little more.
//!
//! Resizing a block costs nothing while its class stays the same. Sizes are rounded up to what the C library's own
//! rounding makes of them, so up to 1032 bytes the cache wastes nothing; above that an eighth at most.
//!
//! As ever, signal handlers must not allocate.
//!
//! # Other allocators
//!
//! Any allocator in Rust runs on small stacks in a split build, if it is compiled with the program. Those in C or
//! C++ do not, and cost what the system's costs.

mod cache;
mod classes;
mod exit;

use cache::Cache;
use classes::{Class, SMALL};
use std::alloc::{GlobalAlloc, Layout, System};

pub use classes::LARGEST;

/// The allocator: a cache of free blocks per thread, in front of [`System`]. See the [module](self).
///
/// Values of it have no memory of their own: all share the caches of their threads, so a block may be freed through
/// another one than it was allocated through.
///
/// # Cost
/// An allocation or a release that the cache serves takes some ten instructions, two loads and stores of the thread's own
/// memory and one of the block's. A thread's lists are 1.7 KB of thread-local zeroes, touched on first use.
#[derive(Debug)]
pub struct ThreadCache {
    /// Bytes that a thread may keep.
    keep: usize,
}

impl ThreadCache {
    /// Bytes of free blocks that a thread keeps at most, unless [`keeping`](ThreadCache::keeping) says otherwise: 4 MB.
    /// Then a document of 200 KB that is parsed into a tree and dropped again, over and over, needs no foreign call; and
    /// dozens of threads that freed a lot once hold no more than the C library holds anyway.
    pub const KEEP: usize = 4 << 20;

    /// One that keeps up to [`KEEP`](ThreadCache::KEEP) bytes per thread.
    pub const fn new() -> ThreadCache {
        ThreadCache::keeping(ThreadCache::KEEP)
    }

    /// One that keeps up to `bytes` per thread. With 0 all goes to the system.
    pub const fn keeping(bytes: usize) -> ThreadCache {
        ThreadCache { keep: bytes }
    }
}

impl Default for ThreadCache {
    fn default() -> ThreadCache {
        ThreadCache::new()
    }
}

/// What the cache has not, from the system. A function of its own, so that those that are called all the time need no stack.
///
/// # Safety
/// The layout has a size.
#[inline(never)]
unsafe fn system(layout: Layout) -> *mut u8 {
    // SAFETY: passed on.
    unsafe { System.alloc(layout) }
}

/// Bytes of free blocks that the calling thread keeps at the moment.
///
/// It costs a look at each of the hundred lists.
pub fn kept() -> usize {
    Cache::with(|cache| cache.kept())
}

/// Gives all free blocks that the calling thread keeps back to the system.
///
/// It costs a `free` for each. A thread that will have nothing to do for long may do this; one that ends need not.
pub fn give_back() {
    Cache::with(|cache| cache.give_back());
}

// SAFETY: blocks come from `System`, with a layout of at least the size and the alignment that is asked for, or out of a list
// of such blocks that nobody else has. What is given back to `System` has the layout that it was asked for with: `Class::of`
// says the same of the same layout each time, and `Class::layout` is all that a class's blocks are ever asked for with.
unsafe impl GlobalAlloc for ThreadCache {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Class::of(layout) {
            Some(class) => match Cache::with(|cache| cache.take(class)) {
                Some(block) => block.as_ptr(),
                // SAFETY: a class's layout has a size.
                None => unsafe { system(class.layout()) },
            },
            // SAFETY: passed on.
            None => unsafe { system(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match Class::of(layout) {
            // SAFETY: the caller gives the block up, which has the layout of its class.
            Some(class) => Cache::with(|cache| unsafe { cache.put(class, block, self.keep) }),
            // SAFETY: passed on.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match Class::of(layout) {
            Some(class) => match Cache::with(|cache| cache.take(class)) {
                Some(block) => {
                    // SAFETY: a block of the class has room for it.
                    unsafe { block.write_bytes(0, layout.size()) };
                    block.as_ptr()
                }
                // SAFETY: a class's layout has a size.
                None => unsafe { System.alloc_zeroed(class.layout()) },
            },
            // SAFETY: passed on.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller says that the size is right for the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Class::of(layout), Class::of(wanted)) {
            (Some(old), Some(new)) if old == new => block,
            // To copy so little is cheaper than to ask the system whether the block could grow where it is.
            (Some(_), Some(_)) if layout.size().max(size) <= SMALL => {
                // SAFETY: passed on; both blocks have room for the smaller of the sizes, and they are two.
                unsafe {
                    let moved = self.alloc(wanted);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(block, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
            (old, new) => {
                let size = new.map_or(size, |class| class.layout().size());
                // SAFETY: the layout is what `System` gave the block with, unless it only differs by a class's
                // alignment, which is the larger. The new size is no less than the one asked for.
                unsafe { System.realloc(block, old.map_or(layout, Class::layout), size) }
            }
        }
    }
}
