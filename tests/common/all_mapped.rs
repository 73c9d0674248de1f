//! The assembly of the tests in one program: those files that need no Rust functions beside them, and are not wrong on purpose.

use morestack::stack::layout::{STACK_GUARD, STACK_NOSPLIT};

morestack::mapped_asm!(
    ".set STACK_GUARD, {guard}; .set STACK_NOSPLIT, {nosplit}; .set SEGMENT, 16384",
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/check_boundary.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/deep_recursion.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/prologue_forms.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/argument_words.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/pointers_into_the_stack.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/nosplit_chains.s"));
    guard = const STACK_GUARD, nosplit = const STACK_NOSPLIT
);

goasm::include! {
    "tests/asm/several_doublings_amd64.s";

    unsafe extern "ABI0" {
        fn frame_3k(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_3k";
        fn frame_40k(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_40k";
        fn frame_300k(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_300k";
        fn frame_5m(arg: u64, entered: *mut u64) -> u64 = "doublings·frame_5m";
    }
}

goasm::include! {
    "tests/asm/recursive_arithmetic_amd64.s";

    unsafe extern "ABI0" {
        safe fn add(x: u64, y: u64) -> u64 = "peano·add";
        safe fn mul(x: u64, y: u64) -> u64 = "peano·mul";
        safe fn factorial(n: u64) -> u64 = "peano·factorial";
        safe fn ackermann(m: u64, n: u64) -> u64;
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "exported.square")]
    fn exported_square(x: u64) -> u64 { x * x }
}
