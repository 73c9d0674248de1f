//! The overflow of a big stack, told from every other fault.

use crate::stack::big::guard_at;
use crate::stack::report;

/// Ends the process with a report if the address lies in the guard page of a big stack: whose it was, and what to change.
pub(super) fn report(address: usize) {
    if let Some(stack) = guard_at(address) {
        report::fatal(format_args!(
            "{} overflowed its stack of {} bytes ({:#x}-{:#x}); give it more with Builder::stack_size or RUST_MIN_STACK",
            report::Current,
            stack.size(),
            stack.lo,
            stack.hi,
        ));
    }
}
