//! What a binary consists of, in numbers.

use std::fmt;

/// The counts of a binary that was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Functions that check the stack before they use it.
    pub checked: usize,
    /// Those of them whose frames may be moved.
    pub movable: usize,
    /// Functions without a check that take so little stack that they may be called directly all the same.
    pub leaf: usize,
    /// Assembly with a stated bound.
    pub hand_written: usize,
    /// All others: they run on a big stack.
    pub foreign: usize,
    /// Calls in checked code that lead directly to code that runs on a small stack.
    pub direct: usize,
    /// Calls through the thunk that became direct ones.
    pub resolved: usize,
    /// Calls of foreign code that may get arguments on the stack.
    pub foreign_calls: usize,
    /// Calls of foreign code that gets its arguments in registers.
    pub foreign_register_calls: usize,
    /// Calls whose target is known only when they are made.
    pub indirect: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} functions checked ({} movable), {} leaf, {} hand-written, {} foreign; calls: {} direct, {} resolved, {} foreign, {} \
             indirect",
            self.checked,
            self.movable,
            self.leaf,
            self.hand_written,
            self.foreign,
            self.direct,
            self.resolved,
            self.foreign_calls + self.foreign_register_calls,
            self.indirect
        )
    }
}
