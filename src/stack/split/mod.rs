//! Split segments: what checked Rust code runs on in a split build, and the big stack that its foreign calls go to.
//!
//! ```text
//!     segment (2 KB, doubling)              linked segments of a task
//!     | top words, or G      | <- hi
//!     | frames               |              first <--prev-- second <--prev-- current      next: cached, not in use
//!     |----------------------| <- guard            --next-->       --next-->        --next-->
//!     | slack, SLACK bytes   |
//!     | Header               | <- lo
//! ```
//!
//! `asm/split.s` goes from one segment to the next and back; `more` finds new ones. Whether code runs on the current segment is told
//! by the stack pointer, never by the guard.
//!
//! Only what a plain build's assembly needs to be assembled is compiled there.

#[cfg(morestack_split)]
mod foreign;
#[cfg(morestack_split)]
mod frames;
#[cfg(morestack_split)]
mod more;
#[cfg(morestack_split)]
mod threads;
#[cfg(morestack_split)]
mod trace;
mod undisturbed;
#[cfg(morestack_split)]
mod vectors;

/// At the low end of each split segment. Read by assembly.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    /// The segment that was linked behind this one last, in use or cached; or null.
    pub next: *mut Header,
    /// Where frames begin: one past the highest address they use, and the top words.
    pub hi: usize,
    /// The segment that leads here; null for a task's first one.
    pub prev: *mut Header,
    /// Bytes that the whole chain may take.
    pub max: usize,
}

#[cfg(morestack_split)]
thread_local! {
    static ASIDE: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Whether a task of this thread has put its panic aside.
#[cfg(morestack_split)]
fn panics_aside() -> bool {
    ASIDE.get() > 0
}

/// A task that panics puts that aside while others run: `panicking()` does not show it, and all the same its frames must not be copied,
/// in the moments before it is left and after it goes on. To be told of the beginning and the end. Others of its thread are not copied
/// meanwhile either, but linked.
pub(crate) fn panic_is_aside(aside: bool) {
    #[cfg(morestack_split)]
    ASIDE.set(if aside { ASIDE.get() + 1 } else { ASIDE.get() - 1 });
    #[cfg(not(morestack_split))]
    let _ = aside;
}

/// Bytes in all segments from this one back to a task's first, and in those before this one.
///
/// # Safety
/// The chain of a live task that does not run.
#[cfg(morestack_split)]
pub(crate) unsafe fn measure(innermost: *const Header) -> (usize, usize) {
    let (mut size, mut above) = (0, 0);
    let mut segment = innermost;
    // SAFETY: the caller's chain.
    while let Some(header) = unsafe { segment.as_ref() } {
        let bytes = header.hi - segment.addr();
        size += bytes;
        if segment != innermost {
            above += bytes;
        }
        segment = header.prev;
    }
    (size, above)
}

/// How far below the guard checked code may come, each part a bound that verification holds code to:
/// - 256 bytes of a frame that the shorter form of the compiler's check does not subtract (`kSplitStackAvailable` in LLVM);
/// - 128 for the red zone, or a leaf function without a check, return address included;
/// - 128 for what `__morestack` and the thunk push on a small segment, and the few libc leaves that run on it.
pub const SLACK: usize = 256 + 128 + LEAF_BOUND;

/// See [`SLACK`].
pub const LEAF_BOUND: usize = 128;

/// In what a slow path hands to `__morestack`: the bit beside the frame's size that says that the function is proven movable.
pub const MOVABLE: u32 = 1 << 31;

/// And the bits of the arguments' size. Those above say of a movable function while which calls it is: those that return to before so
/// many [`UNIT`]s from its entry; all ones: all calls. `cargo-morestack/src/verify/check.rs` writes them.
pub const ARGUMENTS: u32 = (1 << 20) - 1;

/// Bytes of a unit.
pub const UNIT: usize = 16;

/// What the copy of a call's stack arguments may take beyond twice their size, in bytes: one word is to lie as two would, the
/// alignment of a call.
pub const ARGUMENT_PADDING: usize = 8;

/// A segment's guard, from its header's address on.
pub const GUARD: usize = size_of::<Header>() + SLACK;

/// What the unwinder and the personality routines that it calls take, with room to spare: 6 KB was measured, with names 24 KB.
pub const UNWINDER_AREA: usize = 32 << 10;

/// As many bytes between a stack pointer and a frame pointer, at most, are copied as stack arguments of a foreign call. Verification refuses
/// functions with larger frames that could pass arguments on the stack.
pub const FOREIGN_ARGUMENTS: usize = 128 << 10;

/// Bytes that verification may fill with stubs, 12 each.
pub const STUBS: usize = 4096;

/// Where foreign code goes from a small segment, and the big stack that this is. Read by assembly.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Top of the free part; 0 while foreign code runs.
    pub sp: usize,
    /// What checked code on the big stack compares with.
    pub guard: usize,
    /// The big stack's bounds.
    pub lo: usize,
    pub hi: usize,
}

impl Foreign {
    /// No big stack.
    pub const NONE: Foreign = Foreign { sp: 0, guard: 0, lo: 0, hi: 0 };
}

pub(crate) use undisturbed::undisturbed;

#[cfg(morestack_split)]
pub(crate) use in_use::*;

#[cfg(morestack_split)]
mod in_use {
    use super::*;
    use crate::stack::segment::Segment;
    use crate::stack::{StackCache, big, debug, layout};
    use std::cell::Cell;
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    pub(crate) use super::foreign::KEPT;

    /// Finds out, before the first small segment is used, what a failed check needs to know. It must not find out by itself: it may have
    /// interrupted the global allocator, or a thread that holds the lock that finding out takes.
    pub(crate) fn prepare() {
        crate::stack::fork::prepare();
        super::vectors::prepare();
        super::frames::prepare();
        debug::modes();
        // Who asks for a stack is told why there is none.
        let _ = big::default_is_possible();
    }

    /// All ones under the debug mode `move`: no stack pointer passes a guard that this is put over.
    #[cfg(feature = "debug-modes")]
    #[unsafe(export_name = "morestack_split_forced")]
    static FORCED: AtomicUsize = AtomicUsize::new(0);

    /// What checks on the segment compare with.
    pub(crate) fn guard_of(segment: *mut Header) -> usize {
        #[cfg(feature = "debug-modes")]
        {
            if debug::modes().move_always {
                FORCED.store(usize::MAX, Ordering::Relaxed);
            }
            (segment.addr() + GUARD) | FORCED.load(Ordering::Relaxed)
        }
        #[cfg(not(feature = "debug-modes"))]
        {
            let _ = (debug::modes(), AtomicUsize::new(0), Ordering::Relaxed);
            segment.addr() + GUARD
        }
    }

    thread_local! {
        static CACHE: Cell<*mut StackCache> = const { Cell::new(ptr::null_mut()) };
    }

    /// Says where this thread's segments come from; null for the pool itself, as before the thread has a cache and after.
    pub(crate) fn set_cache(cache: *mut StackCache) {
        CACHE.set(cache);
    }

    /// Lends this thread's cache to `f`.
    pub(super) fn with_cache<R>(f: impl FnOnce(&mut StackCache) -> R) -> R {
        let cache = CACHE.replace(ptr::null_mut());
        if cache.is_null() {
            return f(&mut StackCache::new());
        }
        // SAFETY: who set it keeps it; nobody finds it while it is lent.
        let result = f(unsafe { &mut *cache });
        CACHE.set(cache);
        result
    }

    /// Whether the function that begins at `code` is checked, so that it can run on a small segment.
    ///
    /// # Safety
    /// `code` is the address of a function.
    pub(crate) unsafe fn is_checked(code: *const u8) -> bool {
        /// `cmp %fs:0x70, %rsp`, all of it.
        const SHORT: [u8; 9] = [0x64, 0x48, 0x3b, 0x24, 0x25, 0x70, 0, 0, 0];
        /// `lea -N(%rsp), %r11` without N, and `cmp %fs:0x70, %r11`.
        const LONG: ([u8; 4], [u8; 9]) = ([0x4c, 0x8d, 0x9c, 0x24], [0x64, 0x4c, 0x3b, 0x1c, 0x25, 0x70, 0, 0, 0]);
        // SAFETY: code is readable. The longer form is looked at only where the shorter one's first byte is not, in a function that
        // begins with an instruction of eight bytes.
        unsafe {
            if code.cast::<[u8; 4]>().read() == LONG.0 {
                code.add(8).cast::<[u8; 9]>().read() == LONG.1
            } else {
                *code == SHORT[0] && code.cast::<[u8; 9]>().read() == SHORT
            }
        }
    }

    /// Makes a header in a segment whose frames begin at `hi`.
    ///
    /// # Safety
    /// The segment is the caller's.
    pub(crate) unsafe fn install(segment: Segment, hi: usize, prev: *mut Header, max: usize) -> *mut Header {
        let (lo, _) = segment.into_parts();
        let header: *mut Header = ptr::with_exposed_provenance_mut(lo);
        // SAFETY: the segment is memory of ours, larger than a header and aligned to more.
        unsafe { header.write(Header { next: ptr::null_mut(), hi, prev, max }) };
        header
    }

    /// Frees the segments behind `header`, which are cached and not in use.
    ///
    /// # Safety
    /// As it says.
    pub(crate) unsafe fn trim(header: *mut Header) {
        // SAFETY: the caller's header is live, and what is cached behind it is nobody else's.
        unsafe {
            let mut next = std::mem::replace(&mut (*header).next, ptr::null_mut());
            while !next.is_null() {
                let behind = (*next).next;
                free(next, (*next).hi);
                next = behind;
            }
        }
    }

    /// Frees one segment that ends at `end`.
    ///
    /// # Safety
    /// Nobody uses it any more.
    pub(crate) unsafe fn free(header: *mut Header, end: usize) {
        // SAFETY: it came from `install`, and `end` is where its segment ends.
        let segment = unsafe { Segment::new(header.addr(), end - header.addr()) };
        with_cache(|cache| cache.free(segment));
    }

    /// Frees a task's first segment and what is cached behind it.
    ///
    /// # Safety
    /// The task will not run again, and is on no later segment.
    pub(crate) unsafe fn free_first(header: *mut Header) {
        // SAFETY: the caller's. First segments have one size.
        unsafe {
            debug_assert!((*header).prev.is_null(), "a task ends on its first segment");
            trim(header);
            free(header, header.addr() + layout::STACK_MIN);
        }
    }
}
