//! What a failed check of compiled code leads to: a copy of the segment, or a link to another.

use super::trace::Trace;
use super::{ARGUMENT_PADDING, Header, frames, install, with_cache};
use crate::arch;
use crate::stack::layout::STACK_MIN;
use crate::stack::segment::{LARGE_MIN, Segment};
use crate::stack::stats::COUNTERS;
use crate::stack::{StackError, debug, report};
use std::ptr;
use std::sync::atomic::{Ordering, compiler_fence};

/// The frame of `__morestack`, as unwinders find it: by way of a word on the big stack. While the segment is being moved they come to an
/// end there instead, because a signal's handler may take a trace at any time.
#[derive(Clone, Copy)]
struct Frame(*mut usize);

/// Where unwinders find no caller: the frame's three words, the saved frame pointer, the address in the slow path, the return address.
static NO_FRAME: [usize; 3] = [0; 3];

impl Frame {
    unsafe fn get(self) -> usize {
        // SAFETY: assembly's word, which nobody else accesses but unwinders on this thread.
        unsafe { self.0.read_volatile() }
    }

    unsafe fn set(self, frame: usize) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { self.0.write_volatile(frame) };
        compiler_fence(Ordering::SeqCst);
    }
}

/// Bytes that a call takes beside frame and arguments: the two return addresses, the saved frame pointer, a spare word.
const CALL: usize = 4 * 8;

/// By what a segment grows that has a mapping of its own. Its pages are moved, not copied, and those that are not touched cost nothing; but
/// each of its frames is walked, so the fewer moves on the way to a depth the better. What outgrows 256 KB gets 8 MB, as a thread has: a
/// million frames took 25 ns each with 2 here, 20.5 with 8, and take 19.4.
const STRIDE: usize = 32;

/// Why a stack of checked code cannot grow.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// The task's limit is reached.
    #[error(
        "it needs {size} bytes, its limit is {max}; raise it with Builder::max_stack, unless this is a recursion without end"
    )]
    Limit {
        /// Bytes wanted, for all its segments.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// No memory.
    #[error(transparent)]
    Memory(#[from] StackError),
}

/// Called by `__morestack`, on a big stack, with all of the interrupted function's registers saved and a guard of 0.
///
/// It may have interrupted anything that checked code does: the global allocator, a call that has failed and whose `errno` nobody
/// has read yet. So nothing here uses that allocator, and `errno` stays. What shares its caches and pools is
/// [`undisturbed`](super::undisturbed).
///
/// Returns the segment to go on with: the one to link; or, if the frame has been moved, the one where it is now; or null, if the check need
/// not have failed.
///
/// `frame`: where its frame's address is; the two words below the frame are in use. `need`, `arguments`: bytes of the function's frame and its stack arguments.
/// `from_big`: the function was called by foreign code and runs on a big stack.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_more(frame: *mut usize, need: usize, arguments: usize, from_big: usize) -> *mut Header {
    let _errno = Errno::kept();
    let current = arch::current_segment();
    // SAFETY: assembly's arguments.
    unsafe {
        let frame = Frame(frame);
        match more(current, frame, need, arguments, from_big != 0) {
            Ok(segment) => segment,
            Err(error) => cannot_grow(current, frame.get(), &error),
        }
    }
}

unsafe fn more(
    current: *mut Header,
    frame: Frame,
    need: usize,
    arguments: usize,
    from_big: bool,
) -> Result<*mut Header, Refused> {
    // SAFETY: the caller's: the header is the current segment's, and the frame lies on it unless it is a big stack's.
    unsafe {
        if !from_big {
            let fits = frame.get().checked_sub(need).is_some_and(|low| low > current.addr() + super::GUARD + CALL);
            let forced = fits && debug::modes().move_always;
            if let Some(copied) = copy(current, frame, need, forced)? {
                return Ok(copied);
            }
            if forced {
                return Ok(ptr::null_mut());
            }
        }
        let segment = link(current, need + 2 * arguments + ARGUMENT_PADDING + CALL)?;
        if from_big {
            arch::set_foreign(arch::foreign().below(frame.get())?);
        }
        Ok(segment)
    }
}

/// Sets `errno` back when it is dropped.
struct Errno(libc::c_int);

impl Errno {
    fn kept() -> Errno {
        // SAFETY: the address of this thread's errno is always valid.
        Errno(unsafe { *libc::__errno_location() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

/// The next segment, with so many bytes for frames: the one that is cached, or a new one.
unsafe fn link(current: *mut Header, need: usize) -> Result<*mut Header, Refused> {
    // SAFETY: the caller's header is the current one, so what is behind it is cached.
    unsafe {
        let next = (*current).next;
        if !next.is_null() && frames::room((*next).hi - next.addr()) >= need {
            return Ok(next);
        }
        super::trim(current);
        let mut size = (2 * size_of_segment(current)).next_power_of_two().max(STACK_MIN);
        while frames::room(size) < need {
            size *= 2;
        }
        limit(current, size)?;
        let segment = with_cache(|cache| cache.alloc(size))?;
        let hi = segment.hi();
        let next = install(segment, hi, current, (*current).max);
        (*current).next = next;
        COUNTERS.split_links.add(1);
        Ok(next)
    }
}

/// Bytes of a segment, from its header to where its frames begin; 0 of a thread's own stack, which stands at the beginning of a
/// chain as a header without memory.
unsafe fn size_of_segment(header: *mut Header) -> usize {
    // SAFETY: the caller's header is live.
    unsafe { (*header).hi.saturating_sub(header.addr()) }
}

/// Bytes of the segments of the chain that ends in `current`, and how many there are.
unsafe fn in_use(current: *mut Header) -> (usize, usize) {
    let (mut bytes, mut count, mut at) = (0, 0, current);
    // SAFETY: the chain of live headers.
    unsafe {
        while !at.is_null() {
            let size = size_of_segment(at);
            bytes += size;
            count += usize::from(size > 0);
            at = (*at).prev;
        }
    }
    (bytes, count)
}

/// Whether the chain that ends in `current` may take `more` bytes.
unsafe fn limit(current: *mut Header, more: usize) -> Result<(), Refused> {
    // SAFETY: the caller's header is live.
    let (size, max) = unsafe { (in_use(current).0 + more, (*current).max) };
    if size > max { Err(Refused::Limit { size, max }) } else { Ok(()) }
}

#[cold]
unsafe fn cannot_grow(current: *mut Header, frame: usize, error: &Refused) -> ! {
    // SAFETY: the caller's; above the frame stands the return address into the slow path of the function that needs more.
    let (innermost, (bytes, segments)) =
        unsafe { (ptr::with_exposed_provenance::<usize>(frame + 8).read(), in_use(current)) };
    report::fatal(format_args!(
        "the stack of {} cannot grow: {error}; it has {bytes} bytes in {segments} segments; innermost and outermost frames:{}",
        report::Current,
        Trace { innermost }
    ))
}

/// Copies the current segment to a larger one, if all frames on it may be moved and no exception is in flight: the unwinder remembers
/// addresses. `same_size`: it need not be larger.
unsafe fn copy(
    current: *mut Header,
    frame: Frame,
    need: usize,
    same_size: bool,
) -> Result<Option<*mut Header>, Refused> {
    // SAFETY: the caller's header is the current one, and the frame lies on it.
    unsafe {
        // A task's first segment stays: its G lies in it.
        let prev = (*current).prev;
        if prev.is_null() || std::thread::panicking() || super::panics_aside() {
            return Ok(None);
        }
        let old = frame.get();
        let Some(frames) = frames::all_movable(current, old) else { return Ok(None) };
        super::trim(current);
        let hi = (*current).hi;
        let used = hi - (old - 16);
        let size = hi - current.addr();
        let mut least = if same_size { size } else { 2 * size };
        while frames::room(least) < used + need + CALL {
            least *= 2;
        }
        let max = (*current).max;
        limit(current, least - size)?;
        let generous = if size >= LARGE_MIN && !same_size { STRIDE * size } else { 0 };
        let new_size = if generous > least && limit(current, generous - size).is_ok() { generous } else { least };
        frame.set(NO_FRAME.as_ptr().expose_provenance());
        let new = with_cache(|cache| cache.relocate(Segment::new(current.addr(), size), used, new_size));
        let new = match new {
            Ok(new) => new,
            Err((segment, error)) => {
                // It stays what this runs for.
                let _ = segment.into_parts();
                frame.set(old);
                return Err(error.into());
            }
        };
        let new_hi = new.hi();
        let delta = new_hi.wrapping_sub(hi);
        let header = install(new, new_hi, prev, max);
        (*prev).next = header;
        let moved = old.wrapping_add(delta);
        frames::adjust(moved, frames, delta);
        frame.set(moved);
        if debug::modes().move_always && (new_hi <= current.addr() || hi <= header.addr()) {
            debug::moved(&(current.addr()..hi));
        }
        COUNTERS.split_copies.add(1);
        COUNTERS.frames_adjusted.add(frames);
        Ok(Some(header))
    }
}
