//! Go's own style of function on 2 KB stacks: a tree is added up in Go assembly, whose stack check nobody has written.
//!
//!     cargo run --release --example go_assembly
//!
//! Prints the listing of the file, with `+` before each instruction that the assembler has inserted, and then what a task saw: the sum,
//! and how its stack grew from 2 KB.

use goasm_assembler::list::Listing;
use goasm_assembler::parse::{Options, parse_file};
use goasm_assembler::{assemble, object};
use morestack::stack::stats;
use morestack::thread;
use std::error::Error;
use std::path::Path;
use std::ptr;

goasm::include! {
    "examples/go_assembly/tree_amd64.s";
    unsafe extern "ABI0" {
        /// Adds the values below a node; and how many nodes there are.
        ///
        /// # Safety
        /// The node and all below it are alive, and nobody changes them.
        fn sum(tree: *const Node) -> (total: u64, nodes: u64);
    }
}

/// A node of a binary tree, as the assembly knows it.
#[repr(C)]
struct Node {
    value: u64,
    left: *const Node,
    right: *const Node,
}

/// A tree that is as deep as it has nodes: each is the left of the next.
fn chain(nodes: u64) -> Vec<Node> {
    let mut chain: Vec<Node> = (1..=nodes).map(|value| Node { value, left: ptr::null(), right: ptr::null() }).collect();
    for at in 1..chain.len() {
        chain[at].left = &raw const chain[at - 1];
    }
    chain
}

fn main() -> Result<(), Box<dyn Error>> {
    list()?;
    for depth in [3, 30, 3_000, 300_000] {
        let before = stats();
        let (total, nodes) = thread::spawn(move || {
            let tree = chain(depth);
            // SAFETY: the tree lives to the end of the task, and only this task knows it.
            tree.last().map_or((0, 0), |root| unsafe { sum(root) })
        })
        .join()
        .map_err(|_| "the task panicked")?;
        let after = stats();
        println!("{nodes:>7} nodes, total {total:>11}: the stack moved {} times", after.moves - before.moves);
    }
    Ok(())
}

/// Prints what the assembler makes of the file.
fn list() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/go_assembly/tree_amd64.s");
    let failed = |errors: Vec<_>| format!("{}", errors.first().expect("a reason"));
    let parsed = parse_file(&file, &Options::default()).map_err(failed)?;
    let options = object::Options { package: "go_assembly".into(), unit: "tree_amd64.s".into(), ..Default::default() };
    let object = assemble::assemble(&parsed.statements, &options).map_err(failed)?;
    println!("{}", Listing(&object));
    Ok(())
}
