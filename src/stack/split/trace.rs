//! The frames of a stack of checked code that cannot grow, for the report about it.
//!
//! It is written wherever a check has failed: in the middle of the program's allocator, with its locks held. So nothing is
//! allocated.

use crate::arch;
use crate::stack::names::Names;
use crate::stack::unwinder::walk;
use std::fmt;
use std::ops::ControlFlow;

/// Frames shown at each end of a stack.
const SHOWN: usize = 8;

/// What the unwinder says of the caller of an outermost function: right before address 0.
const NOWHERE: usize = usize::MAX;

/// The innermost and outermost frames, one per line.
pub(super) struct Trace {
    /// An address in the function whose check has failed. It has no frame yet.
    pub(super) innermost: usize,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Names::of_program();
        let line = |f: &mut fmt::Formatter<'_>, depth: usize, pc: usize| write!(f, "\n    #{depth} {}", names.at(pc));
        line(f, 0, self.innermost)?;
        // One walk, because it may pass millions of frames: the outermost ones are kept in turn.
        let (mut depth, mut last, mut result) = (1, [0; SHOWN], Ok(()));
        let mut asked = false;
        walk(|frame| {
            let passage = arch::is_passage(frame.start);
            // The runtime's own frames come first, up to the passage in which the check's failure is dealt with. The last one
            // of a task returns nowhere.
            if passage || !asked || frame.pc == NOWHERE {
                asked |= passage;
                return ControlFlow::Continue(());
            }
            if depth < SHOWN {
                result = line(f, depth, frame.pc);
            } else {
                last[depth % SHOWN] = frame.pc;
            }
            depth += 1;
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        result?;
        if depth > 2 * SHOWN {
            write!(f, "\n    ... {} more", depth - 2 * SHOWN)?;
        }
        for outer in SHOWN.max(depth.saturating_sub(SHOWN))..depth {
            line(f, outer, last[outer % SHOWN])?;
        }
        Ok(())
    }
}
