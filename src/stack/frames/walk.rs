//! Walking the mapped frames of a go segment, innermost first.
//!
//! Each frame's function is found by its return address, and its size by the function table; the saved frame pointer must
//! agree with both, or the walk ends with an error. Nothing is guessed.
//!
//! ```text
//!     start: {pc, sp, bp} of G.sched (or of the innermost ToRust record while Rust runs)
//!       pc is a restart point: the function has no frame yet; its return address is at sp
//!       else pc is a return address:
//!            frame  = [sp, bp)          bp == sp + call.pushed + function.frame
//!            *bp    = caller's bp       *(bp + 8) = caller's pc       bp + 16 = caller's sp
//!       function is a top frame: this stretch ends; the next begins at the next ToRust record, or the walk is over
//! ```

use super::known::Known;
use super::table::{CallSite, Found, Function};
use crate::stack::state::{GoStack, ToRust};

/// Why a stack cannot be walked. A stack whose walk fails cannot be moved, and that is fatal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WalkError {
    /// A return address that no call site registered.
    #[error("return address {pc:#x} ({place}) at stack pointer {sp:#x} is no registered call of a mapped function")]
    UnknownCall {
        /// The return address.
        pc: usize,
        /// The function it is in, if any.
        place: String,
        /// Stack pointer of the frame.
        sp: usize,
    },
    /// The saved frame pointer disagrees with the function's frame size, or leaves the segment.
    #[error(
        "corrupt frame of {name} (pc {pc:#x}): frame pointer {bp:#x}, expected {expected:#x} (stack {lo:#x}-{hi:#x})"
    )]
    CorruptFrame {
        /// The function.
        name: &'static str,
        /// Return address into it.
        pc: usize,
        /// Frame pointer found.
        bp: usize,
        /// Frame pointer that the table's frame size gives.
        expected: usize,
        /// Lowest address of the segment.
        lo: usize,
        /// One past the highest.
        hi: usize,
    },
    /// A function has arguments or locals but no stack map for them.
    #[error("{name} (pc {pc:#x}) has no stack map of its {kind}: declare one, or NO_LOCAL_POINTERS / NO_ARG_POINTERS")]
    NoMap {
        /// The function.
        name: &'static str,
        /// Return address into it, or its restart point.
        pc: usize,
        /// `arguments` or `locals`.
        kind: &'static str,
    },
}

/// Where in a function the walk found it.
#[derive(Clone, Copy, Debug)]
pub enum Place<'t> {
    /// At its entry: its check failed, it has no frame yet.
    Entry,
    /// In a call.
    Call(&'t CallSite),
}

/// A mapped frame. Addresses are those before a move.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'t> {
    /// Its function.
    pub function: &'t Function,
    /// Where it stands.
    pub place: Place<'t>,
    /// Where its saved frame pointer is. Meaningless at [`Place::Entry`].
    pub bp: usize,
    /// First word of its arguments.
    pub args: usize,
    /// Nothing in it but the saved frame pointer can point into the stack ([`Found::quiet`]).
    pub(in crate::stack) quiet: bool,
}

impl Frame<'_> {
    /// Program counter: the return address, or the restart point.
    pub fn pc(&self) -> usize {
        match self.place {
            Place::Entry => self.function.restart,
            Place::Call(site) => site.pc,
        }
    }

    /// Source line, 0 if unknown.
    pub fn line(&self) -> u32 {
        match self.place {
            Place::Entry => self.function.line,
            Place::Call(site) => site.line,
        }
    }
}

/// Iterates over the frames of a go segment.
pub struct Walk<'t> {
    known: &'t Known,
    lo: usize,
    hi: usize,
    /// Added to an address before memory is read: the contents may have moved already.
    delta: usize,
    pc: usize,
    sp: usize,
    bp: usize,
    to_rust: *const ToRust,
    state: State,
    /// The last call found: recursion finds it again and again.
    last: Option<Found<'t>>,
}

/// How far ahead of a recursion's walk its cache lines are asked for: 64 small frames, which take as long as a line from
/// memory. Halves the time of walks over more than the caches hold; beyond the segment a prefetch does nothing.
const PREFETCH: usize = 4096;

#[derive(PartialEq)]
enum State {
    /// At the start of a stretch, which may be a restart point.
    Start,
    /// In the middle of one.
    Frames,
    Done,
}

impl<'t> Walk<'t> {
    /// A walk from the place where mapped code stands: `G.sched` if `from_sched`, else the innermost ToRust record.
    ///
    /// # Safety
    /// That state and the records describe this stack, whose contents from the innermost stack pointer to `hi` can be read
    /// at their addresses plus `delta`; all this stays so while the walk lives, except that words already passed may change.
    pub unsafe fn new(known: &'t Known, stack: &GoStack, from_sched: bool, delta: usize) -> Walk<'t> {
        let (lo, hi) = (stack.lo, stack.hi);
        let s = &stack.sched;
        let (pc, sp, bp) = (s.pc, s.sp, s.bp);
        let mut walk =
            Walk { known, lo, hi, delta, pc, sp, bp, to_rust: stack.to_rust, state: State::Start, last: None };
        if !from_sched {
            walk.next_stretch();
        }
        walk
    }

    /// Continues at the next older crossing, if there is one.
    fn next_stretch(&mut self) {
        if self.to_rust.is_null() {
            self.state = State::Done;
            return;
        }
        // SAFETY: `new`'s caller says that the records are live and describe this stack.
        let record = unsafe { &*self.to_rust };
        (self.pc, self.sp, self.bp, self.to_rust) = (record.pc, record.sp, record.bp, record.prev);
        self.state = State::Start;
    }

    /// The word at `address`, wherever the contents are now.
    #[inline]
    fn read(&self, address: usize) -> usize {
        debug_assert!(address >= self.lo && address < self.hi);
        // SAFETY: callers have checked that the word lies in the used part, which `new`'s caller says can be read.
        unsafe { (address.wrapping_add(self.delta) as *const usize).read() }
    }

    #[cold]
    fn unknown_call(&self) -> WalkError {
        let place = self.known.find_function(self.pc).map_or("no mapped function", |f| f.name).to_owned();
        WalkError::UnknownCall { pc: self.pc, place, sp: self.sp }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Frame<'t>>, WalkError> {
        if self.state == State::Start {
            self.state = State::Frames;
            if let Some(function) = self.known.find_restart(self.pc) {
                let args = self.sp + 8;
                if self.sp < self.lo || args >= self.hi {
                    return Err(self.corrupt(function, self.sp));
                }
                self.pc = self.read(self.sp);
                self.sp = args;
                return Ok(Some(Frame { function, place: Place::Entry, bp: 0, args, quiet: false }));
            }
        }
        loop {
            if self.state == State::Done {
                return Ok(None);
            }
            let Found { function, site, quiet } = match self.last {
                Some(last) if last.site.pc == self.pc => last,
                _ => {
                    let found = self.known.look_up(self.pc).ok_or_else(|| self.unknown_call())?;
                    if found.function.is_top() {
                        self.next_stretch();
                        continue;
                    }
                    *self.last.insert(found)
                }
            };
            let expected = self.sp + function.frame as usize + site.pushed as usize;
            if self.bp != expected || expected < self.lo || expected + 16 > self.hi {
                return Err(self.corrupt(function, expected));
            }
            let bp = self.bp;
            (self.bp, self.pc, self.sp) = (self.read(bp), self.read(bp + 8), bp + 16);
            return Ok(Some(Frame { function, place: Place::Call(site), bp, args: bp + 16, quiet }));
        }
    }

    /// Passes over the recursion that comes next: quiet frames in the same call as the last one, up to the outermost of
    /// them, which is left to the iterator. Frames passed.
    ///
    /// Calls `each` with the address of each saved frame pointer and its value. Each frame is checked as the iterator does
    /// it: its saved frame pointer and return address must be those of a caller in that very call. But the next frame's
    /// address comes from the frame size, not from memory, so the processor works on many frames at once.
    #[inline]
    pub(in crate::stack) fn pass_recursion(&mut self, mut each: impl FnMut(usize, usize)) -> usize {
        let Some(Found { function, site, quiet: true }) = self.last else { return 0 };
        let frame = function.frame as usize + site.pushed as usize;
        let (pc, step) = (site.pc, frame + 16);
        let mut bp = self.sp + frame;
        if self.state != State::Frames || self.pc != pc || self.bp != bp || bp < self.lo || bp + 16 > self.hi {
            return 0;
        }
        // The caller must lie in the segment as a whole before it is looked at.
        let most = (self.hi - bp - 16) / step;
        let mut passed = 0;
        while passed < most && self.read(bp) == bp + step && self.read(bp + 8) == pc {
            each(bp, bp + step);
            crate::arch::prefetch_write(bp.wrapping_add(self.delta).wrapping_add(PREFETCH));
            bp += step;
            passed += 1;
        }
        (self.bp, self.sp) = (bp, bp - frame);
        passed
    }

    #[cold]
    fn corrupt(&self, function: &Function, expected: usize) -> WalkError {
        let (name, pc, bp) = (function.name, self.pc, self.bp);
        WalkError::CorruptFrame { name, pc, bp, expected, lo: self.lo, hi: self.hi }
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Result<Frame<'t>, WalkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let item = self.step().transpose();
        if matches!(item, Some(Err(_))) {
            self.state = State::Done;
        }
        item
    }
}
