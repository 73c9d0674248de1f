//! What a failed check of compiled code leads to: a copy of the segment, or a link to another.

use super::{Header, frames, install, with_cache};
use crate::arch;
use crate::stack::report;
use crate::stack::segment::Segment;
use crate::stack::stats::COUNTERS;
use crate::stack::{StackError, debug};
use std::ptr;

/// What `__morestack` is to do.
#[repr(C)]
struct More {
    /// The segment to go on with; null: the check need not have failed, go on where you are.
    segment: *mut Header,
    /// 0: link it. Else it is a copy of the current one, so much higher in memory (modulo 2^64).
    delta: usize,
}

/// Bytes that a call on a fresh segment takes beside frame and arguments: its return address, the arguments' alignment.
const CALL: usize = 16 + 16;

/// Called by `__morestack`, on a big stack, with all of the interrupted function's registers saved.
///
/// `frame`: its frame, whose two words below are in use. `need`, `arguments`: bytes of the function's frame and its stack arguments.
/// `from_big`: the function was called by foreign code and runs on a big stack.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_more(frame: usize, need: usize, arguments: usize, from_big: usize) -> More {
    let current = arch::current_segment();
    // SAFETY: assembly's arguments: the header is the current segment's, and the frame lies on it unless it is a big stack's.
    unsafe {
        if from_big == 0 {
            let fits = frame.checked_sub(need).is_some_and(|low| low > current.addr() + super::GUARD + CALL);
            if fits && debug::modes().move_always {
                return copy(current, frame, need, true).unwrap_or(More { segment: ptr::null_mut(), delta: 0 });
            }
            if let Some(copied) = copy(current, frame, need, false) {
                return copied;
            }
        }
        let segment = link(current, need + arguments + CALL);
        if from_big != 0 {
            match arch::foreign().below(frame) {
                Ok(foreign) => arch::set_foreign(foreign),
                Err(error) => cannot_grow(&error),
            }
        }
        More { segment, delta: 0 }
    }
}

/// The next segment, with so many bytes for frames: the one that is cached, or a new one.
unsafe fn link(current: *mut Header, need: usize) -> *mut Header {
    // SAFETY: the caller's header is the current one, so what is behind it is cached.
    unsafe {
        let next = (*current).next;
        if !next.is_null() && frames::room((*next).hi - next.addr()) >= need {
            return next;
        }
        super::trim(current);
        let mut size = 2 * ((*current).hi - current.addr()).next_power_of_two();
        while frames::room(size) < need {
            size *= 2;
        }
        let segment = take(current, size);
        let hi = segment.hi();
        let next = install(segment, hi, current, (*current).max);
        (*current).next = next;
        COUNTERS.split_links.add(1);
        next
    }
}

/// A new segment for a chain that ends in `current`.
unsafe fn take(current: *mut Header, size: usize) -> Segment {
    // SAFETY: the caller's header is live.
    unsafe { limit(current, size) };
    match with_cache(|cache| cache.alloc(size)) {
        Ok(segment) => segment,
        Err(error) => cannot_grow(&error),
    }
}

/// Ends the process if the chain that ends in `current` may not take `more` bytes.
unsafe fn limit(current: *mut Header, more: usize) {
    // SAFETY: the chain of live headers.
    unsafe {
        let (mut total, mut at) = (more, current);
        while !at.is_null() {
            total += (*at).hi - at.addr();
            at = (*at).prev;
        }
        if total > (*current).max {
            report::fatal(format_args!(
                "the stack of {} cannot grow: it would take {total} bytes, and its limit is {}; a recursion without end? \
                 `max_stack` raises the limit",
                report::Current,
                (*current).max
            ));
        }
    }
}

fn cannot_grow(error: &StackError) -> ! {
    report::fatal(format_args!("the stack of {} cannot grow: {error}", report::Current))
}

/// Copies the current segment to a larger one, if all frames on it may be moved and no exception is in flight: the unwinder remembers
/// addresses. `same_size`: it need not be larger.
unsafe fn copy(current: *mut Header, frame: usize, need: usize, same_size: bool) -> Option<More> {
    // SAFETY: the caller's header is the current one, and the frame lies on it.
    unsafe {
        // A task's first segment stays: its G lies in it.
        let prev = (*current).prev;
        if prev.is_null() || std::thread::panicking() {
            return None;
        }
        let frames = frames::all_movable(current, frame)?;
        super::trim(current);
        let hi = (*current).hi;
        let used = hi - (frame - 16);
        let size = hi - current.addr();
        let mut new_size = if same_size { size } else { 2 * size };
        while frames::room(new_size) < used + need + CALL {
            new_size *= 2;
        }
        let max = (*current).max;
        limit(current, new_size - size);
        let new = with_cache(|cache| cache.relocate(Segment::new(current.addr(), size), used, new_size));
        let new = match new {
            Ok(new) => new,
            Err((old, error)) => {
                let _ = old.into_parts();
                cannot_grow(&error)
            }
        };
        let new_hi = new.hi();
        let delta = new_hi.wrapping_sub(hi);
        let header = install(new, new_hi, prev, max);
        (*prev).next = header;
        frames::adjust(frame.wrapping_add(delta), frames, delta);
        COUNTERS.split_copies.add(1);
        COUNTERS.frames_adjusted.add(frames);
        Some(More { segment: header, delta })
    }
}
