//! Guard pages cost no mappings, so a stock kernel's limit of 65 530 does not bound the number of stacks.

mod common;

use std::time::Instant;

use morestack::stack::big::{BigStack, stats};

fn touch_many(count: usize) {
    let before = common::mappings();
    let start = Instant::now();
    let stacks: Vec<BigStack> = (0..count).map(|_| BigStack::new(Some(200 * 1024)).unwrap()).collect();
    let made = start.elapsed();
    for stack in &stacks {
        // SAFETY: the stack is owned and nobody runs on it.
        unsafe { ((stack.hi() - 8) as *mut usize).write(stack.hi()) };
    }
    let touched = start.elapsed() - made;
    let mappings = common::mappings();
    println!("{count} stacks: made in {made:?}, touched in {touched:?}, {before} -> {mappings} mappings");
    assert!(mappings < 100, "{mappings} mappings for {count} stacks");
    assert!(stats().live >= count && stats().allocated >= count);
    for stack in &stacks {
        // SAFETY: written above.
        assert_eq!(unsafe { *((stack.hi() - 8) as *const usize) }, stack.hi(), "each has memory of its own");
    }
    assert!(common::faults(stacks[count / 2].lo() - 1) && common::faults(stacks[count - 1].lo() - 4096));
    let start = Instant::now();
    drop(stacks);
    println!("freed in {:?}: {:?}", start.elapsed(), stats());
    assert!(common::mappings() < 100);
}

#[test]
fn two_hundred_thousand() {
    touch_many(200_000);
}

/// Takes 5 GB.
#[test]
#[ignore = "takes 5 GB of memory"]
fn a_million() {
    touch_many(1_000_000);
}
