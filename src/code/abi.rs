//! The numbers that generated code needs.

use crate::arch::offsets::G_STACKGUARD0;
use crate::stack::layout::{STACK_BIG, STACK_SMALL};

/// The numbers and addresses that the code of a registered function contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abi {
    /// Where the current `g` is, from `%fs`: negative. The same in every thread.
    pub current_g: i32,
    /// Where in `g` the guard is that the check compares with.
    pub stackguard0: usize,
    /// Up to so many bytes a function compares its stack pointer with the guard as it is.
    pub stack_small: usize,
    /// From so many bytes on the check has to take care of stack pointers that wrap around.
    pub stack_big: usize,
    /// What a function calls when its check fails.
    pub morestack_noctxt: usize,
    /// The same for functions with `NEEDCTXT`: keeps %rdx.
    pub morestack: usize,
}

impl Abi {
    /// Those of this program.
    pub fn of_program() -> Abi {
        let (morestack, morestack_noctxt) = crate::arch::morestacks();
        let (stack_small, stack_big) = (STACK_SMALL, STACK_BIG);
        let current_g = crate::arch::current_g_offset();
        Abi { current_g, stackguard0: G_STACKGUARD0, stack_small, stack_big, morestack_noctxt, morestack }
    }
}
