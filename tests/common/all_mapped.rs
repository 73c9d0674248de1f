//! The assembly of the tests in one program: those files that need no Rust functions beside them, and are not wrong on purpose.

use morestack::stack::layout::{STACK_GUARD, STACK_NOSPLIT};

morestack::mapped_asm!(
    ".set STACK_GUARD, {guard}; .set STACK_NOSPLIT, {nosplit}; .set SEGMENT, 16384",
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/check_boundary.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/several_doublings.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/deep_recursion.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/recursive_arithmetic.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/prologue_forms.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/argument_words.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/pointers_into_the_stack.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/nosplit_chains.s"));
    guard = const STACK_GUARD, nosplit = const STACK_NOSPLIT
);

morestack::mapped_export! {
    #[unsafe(export_name = "exported.square")]
    fn exported_square(x: u64) -> u64 { x * x }
}
