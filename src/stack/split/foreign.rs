//! The big stacks that foreign code runs on when small segments call it.
//!
//! ```text
//!     | Top: next, what its task stood at | <- hi - TOP
//!     | the unwinder's area               |
//!     |-----------------------------------| <- sp, at the outset
//!     | frames of foreign code,           |
//!     |   of checked code it calls back   |
//!     |-----------------------------------| <- guard: checked code goes on in a segment from here
//!     | HEADROOM: foreign code only       |
//!     | guard page                        | <- lo
//! ```

use super::{Foreign, UNWINDER_AREA};
use crate::stack::StackError;
use crate::stack::big::{BigStack, MIN_DEFAULT_SIZE, is_big};
use std::cell::Cell;
use std::mem::offset_of;

/// Bytes that foreign code has for itself below the deepest checked frame on a big stack: glibc's hungriest calls take 16 KB, an unwind with names 24.
const HEADROOM: usize = 256 << 10;

/// When checked code that foreign code called goes on in a segment, foreign code from there must have as much on the same big stack,
/// else it goes to another.
const ENOUGH: usize = HEADROOM / 2;

/// At the top of each big stack that serves here.
struct Top {
    /// The big stack behind this one (its `hi`), in use or cached; 0 for none.
    next: usize,
    /// Where the task stood that keeps this stack while it is parked.
    kept: Foreign,
}

/// Where assembly finds `kept`, from a stack's `hi` on.
pub const KEPT: isize = offset_of!(Top, kept) as isize - TOP as isize;

/// Bytes for it, which keep what is below aligned to a cache line.
const TOP: usize = 64;
const _: () = assert!(size_of::<Top>() <= TOP);
// What checked code has for itself, between the unwinder's area and its guard, is half of the smallest there is.
const _: () = assert!(MIN_DEFAULT_SIZE / 2 > HEADROOM + UNWINDER_AREA + TOP);

fn top(hi: usize) -> *mut Top {
    std::ptr::with_exposed_provenance_mut(hi - TOP)
}

impl Foreign {
    /// A big stack from the pool.
    ///
    /// # Errors
    /// As [`BigStack::new`].
    pub(crate) fn new() -> Result<Foreign, StackError> {
        let stack = BigStack::new(None)?;
        let foreign = Foreign::on(&stack);
        let _ = stack.into_hi();
        Ok(foreign)
    }

    /// The beginning of a stack on which nothing is, and which stays its owner's.
    pub(crate) fn on(stack: &BigStack) -> Foreign {
        let (lo, hi) = (stack.lo(), stack.hi());
        // SAFETY: the stack is larger than that.
        unsafe { top(hi).write(Top { next: 0, kept: Foreign::NONE }) };
        Foreign { sp: Foreign::first_sp(hi), guard: lo + HEADROOM, lo, hi }
    }

    fn first_sp(hi: usize) -> usize {
        (hi - TOP - UNWINDER_AREA) & !63
    }

    /// Whether nothing is on the first of its stacks: `hi` is that one's.
    pub(crate) fn is_unused(&self, hi: usize) -> bool {
        self.sp == Foreign::first_sp(hi)
    }

    /// Gives it back, and those that are cached behind it.
    ///
    /// # Safety
    /// It came from [`new`](Foreign::new), and nothing is on it.
    pub(crate) unsafe fn give_back(self) {
        // SAFETY: each `hi` was given up by `into_hi` and stands here only.
        unsafe {
            let mut hi = self.hi;
            while hi != 0 {
                let next = (*top(hi)).next;
                drop(BigStack::from_hi(hi));
                hi = next;
            }
        }
    }

    /// Gives back those behind the one that ends at `hi`, on which nothing is.
    ///
    /// # Safety
    /// As for [`give_back`](Foreign::give_back).
    pub(crate) unsafe fn trim(hi: usize) {
        // SAFETY: the caller's.
        unsafe {
            let next = std::mem::take(&mut (*top(hi)).next);
            if next != 0 {
                Foreign { hi: next, ..Foreign::NONE }.give_back();
            }
        }
    }

    /// Keeps where a task stands in the stack that it keeps, which ends at `hi`.
    ///
    /// # Safety
    /// The stack came from [`new`](Foreign::new) or has been used with [`on`](Foreign::on).
    pub(crate) unsafe fn keep(self, hi: usize) {
        // SAFETY: the top of such a stack is a `Top`.
        unsafe { (*top(hi)).kept = self };
    }

    /// What [`keep`](Foreign::keep) kept.
    ///
    /// # Safety
    /// As there.
    pub(crate) unsafe fn kept(hi: usize) -> Foreign {
        // SAFETY: as there.
        unsafe { (*top(hi)).kept }
    }

    /// Where foreign code goes when checked code with its frame at `frame`, on this big stack, goes on in a small segment.
    ///
    /// # Errors
    /// There is no room, and no other big stack.
    pub(super) fn below(self, frame: usize) -> Result<Foreign, StackError> {
        thread_local! {
            /// The stack behind one that has no `Top`: a thread's own.
            static BEHIND: Cell<usize> = const { Cell::new(0) };
        }
        let sp = (frame - TOP - UNWINDER_AREA) & !63;
        if sp >= self.lo + ENOUGH {
            return Ok(Foreign { sp, ..self });
        }
        let ours = is_big(self.hi - 1);
        // SAFETY: such stacks have a `Top`.
        let cached = if ours { unsafe { (*top(self.hi)).next } } else { BEHIND.get() };
        if cached != 0 {
            // SAFETY: as above; it is cached, so it was given up by `into_hi`, and is again.
            let stack = unsafe { BigStack::from_hi(cached) };
            let lo = stack.lo();
            let hi = stack.into_hi();
            return Ok(Foreign { sp: Foreign::first_sp(hi), guard: lo + HEADROOM, lo, hi });
        }
        let new = Foreign::new()?;
        if ours {
            // SAFETY: as above.
            unsafe { (*top(self.hi)).next = new.hi };
        } else {
            BEHIND.set(new.hi);
        }
        Ok(new)
    }
}
