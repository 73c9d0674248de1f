//! Go assembly in Rust programs, on goroutine stacks.

pub use goasm_macros::{asm, include};
#[doc(hidden)]
pub use morestack;
pub use morestack::task::{CodeRange, GoSlice, GoStr, MappedFn};
