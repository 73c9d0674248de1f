//! The debug modes `poison` and `fence` on big stacks. Does something only with the feature and a mode switched on.
#![cfg(feature = "debug-modes")]

mod common;

use morestack::stack::big::BigStack;
use morestack::stack::debug::{POISON_BYTE, modes};

const SIZE: Option<usize> = Some(600 * 1024);

#[test]
fn a_fresh_stack_is_poisoned_in_its_top_page_only() {
    if !modes().poison {
        return;
    }
    let stack = BigStack::new(Some(3 << 20)).unwrap();
    // SAFETY: the top page of a stack that is owned and that nobody runs on.
    let top = unsafe { std::slice::from_raw_parts((stack.hi() - 4096) as *const u8, 4096) };
    assert!(top.iter().all(|&byte| byte == POISON_BYTE));
    assert_eq!(common::resident(stack.lo(), stack.hi()), 4096);
}

#[test]
fn a_freed_stack_is_inaccessible_for_a_while() {
    if !modes().fence {
        return;
    }
    let stack = BigStack::new(SIZE).unwrap();
    let (lo, hi) = (stack.lo(), stack.hi());
    assert!(!common::faults(lo) && !common::faults(hi - 1));
    drop(stack);
    assert!(common::faults(lo) && common::faults(hi - 1));
    for round in 0..200 {
        let stack = BigStack::new(SIZE).unwrap();
        if stack.hi() == hi {
            // SAFETY: the stack is owned and nobody runs on it.
            unsafe { (lo as *mut u8).write(1) };
            assert!(common::faults(lo - 1), "the guard survives");
            println!("used again in round {round}");
            return;
        }
    }
    panic!("the quarantine is bounded");
}
