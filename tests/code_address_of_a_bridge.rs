//! The bug that address stubs are for: who takes a function's address in Rust has a bridge, and a copy from there is a copy of the bridge.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::code::{self, CodeRange};
use morestack::stack::table::Table;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// As much code as the function has, from where Rust says that it is. Only a number can be taken for a range by mistake: the types of
/// functions cannot (`code::copy`'s documentation has what does not compile).
fn by_the_bridge() -> CodeRange {
    let bridge = tasks::add as fn(u64, u64) -> u64 as usize;
    let len = tasks::add::code().end - tasks::add::code().start;
    CodeRange { start: bridge, end: bridge + len }
}

fn bytes(range: CodeRange) -> &'static [u8] {
    // SAFETY: code of this program.
    unsafe { std::slice::from_raw_parts(range.start as *const u8, range.end - range.start) }
}

#[test]
fn copies_the_wrapper() {
    let copy = code::copy(tasks::add::code()).unwrap();
    assert_eq!(copy.bytes(), bytes(tasks::add::code()), "by its true range, the function itself is copied");
    let wrong = by_the_bridge();
    assert_ne!(bytes(wrong), bytes(tasks::add::code()));
    // The wrapper is whatever the compiler made of it. A part of it may pass for code that can be copied; then the copy is this part.
    match code::copy(wrong) {
        Ok(copy) => assert_eq!(copy.bytes(), bytes(wrong)),
        Err(error) => println!("{error}"),
    }
}

#[test]
fn misses_the_function_in_comparisons() {
    let inside = tasks::add::code().start + 1;
    assert!(tasks::add::code().contains(inside));
    assert!(!by_the_bridge().contains(inside), "a program counter in the function is not found");
    assert!(Table::of_program().unwrap().find_function(by_the_bridge().start).is_none());
}
