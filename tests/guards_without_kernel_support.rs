//! On kernels before 6.13 a guard page takes a mapping, and their limit is reported as what it is.

mod common;

use morestack::stack::StackError;
use morestack::stack::big::{BigStack, use_mprotect};

#[test]
fn the_limit_on_mappings_is_named() {
    use_mprotect();
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse::<usize>().unwrap();
    if limit > 1_000_000 {
        println!("skipped: this machine allows {limit} mappings");
        return;
    }
    let mut stacks = Vec::with_capacity(limit);
    let error = loop {
        match BigStack::new(None) {
            Ok(stack) => stacks.push(stack),
            Err(error) => break error,
        }
    };
    let made = stacks.len();
    let guarded = common::faults(stacks[made / 2].lo() - 1) && !common::faults(stacks[made / 2].lo());
    // Everything else needs mappings too, so free some before saying more.
    drop(stacks);
    println!("{made} stacks, then: {error}");
    assert!(matches!(error, StackError::TooManyMappings { .. }), "{error:?}");
    assert!(guarded && made < limit);
}
