//! Assembles Go's (Plan 9) amd64 assembly for goroutine stacks in Rust.
//!
//! ```text
//!     source text
//!       | preprocess     #include, #define, #ifdef: tokens, each with its position
//!       | parse          statements (syntax)
//!       | wrapper        more statements: functions for callers of the other calling convention
//!       | function       pseudo-registers, checks, frames, returns; what moves the stack pointer
//!       | encode         instructions from tables (machine)
//!       | layout         short and long jumps, addresses
//!       v
//!     object             bytes, relocations, calls, maps, lines, unwind directives
//!       | vet            signatures, NOSPLIT chains: what the assembler itself does not ask
//!       | emit, list     assembly for `morestack::mapped_asm!`; Go's style of listing
//! ```
//!
//! The language is described in "A Quick Guide to Go's Assembler" (go.dev/doc/asm).

#![forbid(unsafe_code)]

pub mod assemble;
pub mod diagnostic;
pub mod emit;
pub mod encode;
mod expression;
mod headers;
mod lex;
pub mod list;
mod literal;
pub mod machine;
pub mod nosplit;
pub mod object;
mod operand;
pub mod parse;
mod preprocess;
pub mod registers;
pub mod signature;
pub mod sound;
mod source;
pub mod syntax;
pub mod table;
pub mod vet;
pub mod wrapper;
