//! Moving a go segment: to one of another size, with every pointer into it adjusted.
//!
//! The bytes (or pages) go to the top of the new segment, so each address in it changes by the same delta; then the frames
//! are walked in their new place and the words that point into the old segment are rewritten: saved frame pointers, the
//! slots that the frames' maps name, the saved context, the boundary records. Nothing else points in: waiter nodes live
//! in `G`, Rust gets copies of its arguments.

use super::StackCache;
use super::debug;
use super::error::StackError;
use super::frames::known::Known;
use super::frames::walk::{Frame, Place, Walk, WalkError};
use super::layout::{STACK_GUARD, STACK_MIN, STACK_SMALL, STACK_TOP};
use super::report;
use super::state::GoStack;
use super::stats::COUNTERS;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

/// Why a segment could not be moved. The stack is as it was, except after [`GrowError::Walk`]: then it has moved, with its
/// chain of frames as far as that can be followed, and is good for nothing but a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrowError {
    /// The task's limit is reached.
    #[error("it needs a stack of {size} bytes, its limit is {max}; raise it with Builder::max_stack")]
    Limit {
        /// Bytes wanted.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// No memory.
    #[error(transparent)]
    Memory(#[from] StackError),
    /// A frame could not be understood.
    #[error("it cannot be moved: {0}")]
    Walk(#[from] WalkError),
}

/// Where the innermost mapped code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Innermost {
    /// In `GoStack::sched`: at a check, or parked in mapped code.
    Sched,
    /// At the innermost crossing to Rust, which runs or is parked; or nowhere, if there is none.
    Crossing,
}

/// One move, as [`set_move_hook`] reports it.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// Lowest address and size of the old segment in bytes.
    pub old: (usize, usize),
    /// The same of the new one.
    pub new: (usize, usize),
    /// Bytes in use.
    pub used: usize,
    /// Frames whose pointers were adjusted.
    pub frames: usize,
    /// What it took in all.
    pub time: Duration,
}

static HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Calls `hook` after each move in this process, on the system stack of the thread whose task moved; `None` ends it.
///
/// For demonstrations and tests: it sees every task.
///
/// # Safety
/// The hook runs while the task that moved stands half-way in its check. It must not panic, not call mapped functions, and
/// not use this crate's scheduler (no yield, park, spawn, join).
pub unsafe fn set_move_hook(hook: Option<fn(&Move)>) {
    HOOK.store(hook.map_or(std::ptr::null_mut(), |f| f as *mut ()), Ordering::Release);
}

fn move_hook() -> Option<fn(&Move)> {
    let hook = HOOK.load(Ordering::Acquire);
    // SAFETY: only set_move_hook stores here, null or a function of this type.
    (!hook.is_null()).then(|| unsafe { std::mem::transmute::<*mut (), fn(&Move)>(hook) })
}

/// The size that a segment with `used` bytes in use must have, doubling from `size`, so that a function that takes `need`
/// bytes passes its check.
fn size_for(size: usize, used: usize, need: usize) -> usize {
    // The check passes if hi - used - (need - STACK_SMALL) > lo + STACK_GUARD.
    let least = used.saturating_add(need.saturating_sub(STACK_SMALL)).saturating_add(STACK_GUARD + 1);
    let mut new = size.max(STACK_MIN);
    while new < least && new <= usize::MAX / 2 {
        new *= 2;
    }
    new
}

/// Moves the stack to a segment that has doubled until a function that takes `need` bytes below the innermost stack pointer
/// passes its check. A stack without a segment gets its first.
///
/// # Errors
/// See [`GrowError`].
///
/// # Safety
/// As [`move_to`].
pub(crate) unsafe fn grow(
    stack: &mut GoStack,
    cache: &mut StackCache,
    known: &Known,
    innermost: Innermost,
    need: usize,
) -> Result<(), GrowError> {
    // SAFETY: the caller says that the state which `innermost` names is live.
    let used = unsafe { used(stack, innermost) };
    let size = size_for(stack.size(), used, need);
    if size > stack.max {
        return Err(GrowError::Limit { size, max: stack.max });
    }
    if stack.size() == 0 {
        stack.set_segment(cache.alloc(size)?);
        return Ok(());
    }
    // SAFETY: as the caller says.
    unsafe { move_to(stack, cache, known, innermost, size) }
}

/// Halves the segment of a parked task while it uses less than a quarter. Whether it did.
///
/// # Errors
/// See [`GrowError`]; on [`GrowError::Memory`] nothing has changed.
///
/// # Safety
/// As [`move_to`].
pub(crate) unsafe fn shrink(
    stack: &mut GoStack,
    cache: &mut StackCache,
    known: &Known,
    innermost: Innermost,
) -> Result<bool, GrowError> {
    // SAFETY: the caller says that the state which `innermost` names is live.
    let used = unsafe { used(stack, innermost) };
    let mut size = stack.size();
    while size > STACK_MIN && used < size / 4 && used + STACK_GUARD < size / 2 {
        size /= 2;
    }
    if size == stack.size() {
        return Ok(false);
    }
    // SAFETY: as the caller says.
    unsafe { move_to(stack, cache, known, innermost, size)? };
    Ok(true)
}

/// Bytes from the innermost mapped stack pointer to the top.
unsafe fn used(stack: &GoStack, innermost: Innermost) -> usize {
    match innermost {
        _ if stack.size() == 0 => STACK_TOP,
        Innermost::Sched => stack.hi - stack.sched.sp,
        // SAFETY: the caller says that the records are live.
        Innermost::Crossing => stack.hi - unsafe { stack.free_sp() },
    }
}

/// Moves the stack to a segment of `size` bytes; its address changes even if its size does not.
///
/// # Errors
/// See [`GrowError`].
///
/// # Safety
/// The stack is not running; `innermost` says where its mapped code stands, and that state and the records are live and
/// true; the frames below hold no pointer into the segment but those their maps name; `size` holds what is in use.
pub(crate) unsafe fn move_to(
    stack: &mut GoStack,
    cache: &mut StackCache,
    known: &Known,
    innermost: Innermost,
    size: usize,
) -> Result<(), GrowError> {
    let hook = move_hook();
    let begin = hook.map(|_| Instant::now());
    // SAFETY: the caller says that the state which `innermost` names is live.
    let used = unsafe { used(stack, innermost) };
    let Some(old) = stack.take_segment() else { return Ok(()) };
    let range = (old.lo(), old.hi());
    let new = match cache.relocate(old, used, size) {
        Ok(new) => new,
        Err((old, error)) => {
            stack.set_segment(old);
            return Err(error.into());
        }
    };
    (stack.lo, stack.hi) = range;
    let delta = new.hi().wrapping_sub(range.1);
    // SAFETY: relocate has put the used part at the top of the new segment, which is `delta` away; the rest is as the
    // caller says.
    let (frames, adjusted) = unsafe { adjust(stack, known, innermost, delta) };
    let moved = Move {
        old: (range.0, range.1 - range.0),
        new: (new.lo(), new.size()),
        used,
        frames,
        time: begin.map_or(Duration::ZERO, |b| b.elapsed()),
    };
    stack.set_segment(new);
    adjusted?;
    let counter = if moved.new.1 < moved.old.1 { &COUNTERS.shrinks } else { &COUNTERS.moves };
    counter.add(1);
    COUNTERS.frames_adjusted.add(frames);
    if let Some(hook) = hook {
        hook(&moved);
    }
    if debug::modes().move_always {
        // SAFETY: the records are live, as the caller says.
        unsafe { nothing_is_left(stack, innermost, range.0..range.1) };
    }
    Ok(())
}

/// Under a debug mode: that nothing leads to where the stack was.
#[cold]
unsafe fn nothing_is_left(stack: &GoStack, innermost: Innermost, old: Range<usize>) {
    // Pages that were moved may overlap.
    if stack.lo < old.end && old.start < stack.hi {
        return;
    }
    let (s, mut words) = (&stack.sched, vec![stack.lo, stack.hi - 1, stack.stackguard1]);
    if innermost == Innermost::Sched {
        words.extend([s.sp, s.bp, s.ctxt]);
    }
    let mut record = stack.to_rust.cast_const();
    // SAFETY: the caller says that the records are live.
    while let Some(r) = unsafe { record.as_ref() } {
        words.extend([record.addr(), r.sp, r.bp]);
        record = r.prev;
    }
    if let Some(word) = words.iter().find(|&word| old.contains(word)) {
        report::fatal(format_args!(
            "{}: {word:#x} was left behind by a move, and its stack's state leads there: {stack:x?}",
            report::Current
        ));
    }
    debug::moved(&old);
}

/// Rewrites what points into the old segment `[stack.lo, stack.hi)`, whose contents stand `delta` further. Frames seen, and
/// the first that could not be understood: the chain of frames is rewritten beyond it, because a report of the failure walks
/// it where it is now, the old segment being gone.
unsafe fn adjust(
    stack: &mut GoStack,
    known: &Known,
    innermost: Innermost,
    delta: usize,
) -> (usize, Result<(), WalkError>) {
    let old = Old { lo: stack.lo, size: stack.size(), delta };
    let (mut frames, mut adjusted) = (0, Ok(()));
    // SAFETY: the caller says so; a frame's words change only after the walk has read them.
    let mut walk = unsafe { Walk::new(known, stack, innermost == Innermost::Sched, delta) };
    while let Some(frame) = walk.next() {
        frames += 1;
        // SAFETY: the frame's words are in the used part, which is at `delta` now.
        if let Err(error) = frame.and_then(|frame| unsafe { old.adjust_frame(&frame) }) {
            adjusted = adjusted.and(Err(error));
        }
        frames += walk.pass_recursion(|at, bp| {
            // SAFETY: the walk has read this word, in which the frame pointer `bp` into the old segment is.
            unsafe { (at.wrapping_add(delta) as *mut usize).write(bp.wrapping_add(delta)) }
        });
    }
    let mut record = stack.to_rust;
    while !record.is_null() {
        // SAFETY: the caller says that the records are live; nothing else refers to them now.
        let r = unsafe { &mut *record };
        r.sp = r.sp.wrapping_add(delta);
        r.bp = old.moved(r.bp);
        record = r.prev;
    }
    if innermost == Innermost::Sched {
        let s = &mut stack.sched;
        s.sp = s.sp.wrapping_add(delta);
        s.bp = old.moved(s.bp);
        s.ctxt = old.moved(s.ctxt);
    }
    (frames, adjusted)
}

/// The old segment and the way to the new one.
struct Old {
    lo: usize,
    size: usize,
    delta: usize,
}

impl Old {
    /// `value`, moved along if it points into the old segment.
    #[inline]
    fn moved(&self, value: usize) -> usize {
        if value.wrapping_sub(self.lo) < self.size { value.wrapping_add(self.delta) } else { value }
    }

    /// Adjusts the word that was at `address`.
    ///
    /// # Safety
    /// `address` is a word in the used part of the old segment.
    #[inline]
    unsafe fn adjust_word(&self, address: usize) {
        let word = address.wrapping_add(self.delta) as *mut usize;
        // SAFETY: the caller says that the word is in the used part, which now stands `delta` further.
        unsafe { *word = self.moved(*word) };
    }

    /// Adjusts the saved frame pointer, which it does in any case, and the words that the frame's maps name.
    ///
    /// # Safety
    /// The frame is one of the stack that is being moved.
    #[inline]
    unsafe fn adjust_frame(&self, frame: &Frame) -> Result<(), WalkError> {
        let f = frame.function;
        if frame.quiet {
            // SAFETY: the walk has checked that bp lies in the segment.
            unsafe { self.adjust_word(frame.bp) };
            return Ok(());
        }
        let map = match frame.place {
            // Nothing but arguments is live at the entry, as at a call that has not begun: map 0.
            Place::Entry => 0,
            Place::Call(site) => {
                // SAFETY: the walk has checked that bp lies in the segment, and so do the `frame` bytes below.
                unsafe { self.adjust_word(frame.bp) };
                match f.locals_map {
                    Some(locals) => {
                        let first = frame.bp - 8 * locals.bits();
                        // SAFETY: the table has checked that the map is no longer than the frame.
                        let all = locals.for_each(site.map, |bit| unsafe { self.adjust_word(first + 8 * bit) });
                        all.ok_or_else(|| no_map(frame, "locals"))?;
                    }
                    None if f.frame == 0 => {}
                    None => return Err(no_map(frame, "locals")),
                }
                site.map
            }
        };
        match f.args_map {
            Some(args) => {
                // SAFETY: the table has checked that the map is no longer than the arguments, which the caller's frame has.
                let all = args.for_each(map, |bit| unsafe { self.adjust_word(frame.args + 8 * bit) });
                all.ok_or_else(|| no_map(frame, "arguments"))
            }
            None if f.args == 0 => Ok(()),
            None => Err(no_map(frame, "arguments")),
        }
    }
}

#[cold]
fn no_map(frame: &Frame, kind: &'static str) -> WalkError {
    WalkError::NoMap { name: frame.function.name, pc: frame.pc(), kind }
}
