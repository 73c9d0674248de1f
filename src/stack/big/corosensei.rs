//! A [`corosensei::Coroutine`](::corosensei) may run on a pooled big stack.

use ::corosensei::stack::{MIN_STACK_SIZE, STACK_ALIGNMENT, Stack, StackPointer};

use super::BigStack;
use crate::stack::layout::PAGE;

const _: () = assert!(MIN_STACK_SIZE <= PAGE && PAGE.is_multiple_of(STACK_ALIGNMENT));

// SAFETY: the guard page between `limit` and `lo` faults for as long as the stack is owned, and the smallest class has a
// usable page, which is `MIN_STACK_SIZE`.
unsafe impl Stack for BigStack {
    #[inline]
    fn base(&self) -> StackPointer {
        StackPointer::new(self.hi()).expect("a stack does not end at address 0")
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.lo() - PAGE).expect("a stack does not begin at address 0")
    }
}
