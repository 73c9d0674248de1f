//! What a task's go segment and the records that point into it look like. The layout is ABI: assembly uses it.

use super::layout::{GUARD_PREEMPT, STACK_GUARD, STACK_TOP};
use super::segment::Segment;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where code stands that does not run: of a task, or of mapped code that waits for the system stack.
///
/// The first three words are a *record*: code that works on its behalf elsewhere keeps its frame pointer on it, so that
/// frame-pointer walks read `{bp, pc}` like any frame, and the unwinder finds `sp` behind (`CFI_RECORD`).
#[repr(C)]
#[derive(Debug)]
pub struct Gobuf {
    /// Frame pointer.
    pub bp: usize,
    /// Address to continue at.
    pub pc: usize,
    /// Stack pointer.
    pub sp: usize,
    /// Closure context, loaded into the context register.
    pub ctxt: usize,
}

/// The boundary record of a crossing mapped -> Rust; it lies on Rust's stack. Begins like [`Gobuf`].
#[repr(C)]
#[derive(Debug)]
pub struct ToRust {
    /// Frame pointer of the mapped caller, on the go segment.
    pub bp: usize,
    /// Return address into it.
    pub pc: usize,
    /// Its stack pointer after the return.
    pub sp: usize,
    /// The next older record.
    pub prev: *mut ToRust,
}

/// A task's go segment, its guard, and everything outside that points into it: what a move has to know.
#[repr(C)]
#[derive(Debug)]
pub struct GoStack {
    /// Lowest address of the segment; 0 while there is none.
    pub lo: usize,
    /// One past its highest address.
    pub hi: usize,
    /// What checks compare with; may be poisoned, from other threads too.
    pub stackguard0: AtomicUsize,
    /// The real guard.
    pub stackguard1: usize,
    /// Where the task stands while it does not run.
    pub sched: Gobuf,
    /// Innermost crossing from mapped code to Rust.
    pub to_rust: *mut ToRust,
    /// Largest segment it may grow to, in bytes.
    pub max: usize,
}

/// `stackguard1` of a task without a segment: no stack pointer passes it.
const NO_SEGMENT: usize = usize::MAX;

impl GoStack {
    /// A task that has no segment yet and may grow to `max` bytes.
    pub const fn new(max: usize) -> GoStack {
        GoStack {
            lo: 0,
            hi: 0,
            stackguard0: AtomicUsize::new(NO_SEGMENT),
            stackguard1: NO_SEGMENT,
            sched: Gobuf { bp: 0, pc: 0, sp: 0, ctxt: 0 },
            to_rust: ptr::null_mut(),
            max,
        }
    }

    /// Bytes of its segment, 0 if it has none.
    pub fn size(&self) -> usize {
        self.hi - self.lo
    }

    /// Takes a segment into use; its top words become the zero pair that ends frame-pointer walks.
    pub fn set_segment(&mut self, segment: Segment) {
        (self.lo, self.hi) = (segment.lo(), segment.hi());
        self.stackguard1 = self.lo + STACK_GUARD;
        self.reset_guard();
        // SAFETY: the topmost STACK_TOP bytes of a segment belong to no frame, and this task owns the segment now.
        unsafe { ptr::write_bytes((self.hi - STACK_TOP) as *mut u8, 0, STACK_TOP) };
        let _owned_by_lo_and_hi = segment.into_parts();
    }

    /// Gives the segment up. The caller frees it.
    pub fn take_segment(&mut self) -> Option<Segment> {
        if self.lo == 0 {
            return None;
        }
        // SAFETY: lo and hi came from the segment that set_segment took over, and are forgotten here.
        let segment = unsafe { Segment::new(self.lo, self.size()) };
        (self.lo, self.hi, self.stackguard1) = (0, 0, NO_SEGMENT);
        self.reset_guard();
        Some(segment)
    }

    /// Makes checks compare with the real guard again, unless a debug mode wants each check to fail.
    pub fn reset_guard(&self) {
        let modes = super::debug::modes();
        let guard = match self.stackguard1 {
            NO_SEGMENT => NO_SEGMENT,
            _ if modes.preempt_always => GUARD_PREEMPT,
            // A task that moves at each check does little else: it would overwrite nearly every poison that comes meanwhile.
            _ if modes.move_always && self.stackguard0.load(Ordering::Relaxed) == GUARD_PREEMPT => GUARD_PREEMPT,
            _ if modes.move_always => super::layout::GUARD_MOVE,
            real => real,
        };
        self.stackguard0.store(guard, Ordering::Relaxed);
    }

    /// Where the next mapped frame goes while Rust runs: below the innermost mapped frame, or at the top.
    ///
    /// # Safety
    /// `to_rust` is null or a live record.
    pub unsafe fn free_sp(&self) -> usize {
        if self.to_rust.is_null() {
            self.hi.wrapping_sub(STACK_TOP)
        } else {
            // SAFETY: the caller says that the record is live.
            unsafe { (*self.to_rust).sp }
        }
    }

    /// Whether `address` lies in the segment.
    #[inline]
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.lo) < self.size()
    }

    /// Whether a function that takes `need` bytes and has the stack pointer `sp` at its entry passes the real guard.
    pub fn fits(&self, sp: usize, need: usize) -> bool {
        sp.checked_sub(need.saturating_sub(super::layout::STACK_SMALL)).is_some_and(|low| low > self.stackguard1)
    }
}
