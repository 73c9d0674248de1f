//! The second pass: code generation with the check in every function.
//!
//! rustc has left the bitcode of each codegen unit after all optimisation. What is here gives the functions in it the attribute
//! `split-stack` and generates code with the code generator that ships with the compiler, inside its `rust-lld`.
//!
//! ```text
//!     names    which functions: those that rustc's own object defines, so the passes cannot disagree
//!     unit     one codegen unit: bitcode -> object, again until every prologue in it is sound
//!     check    the check in machine code: its two forms and the path that grows the stack
//!     realign  prologues of over-aligned frames, which LLVM gets wrong: what is mended, what is left unchecked
//!     assembly what only assembly does, so that a function must stay unchecked
//!     elf      the changes made to an object's bytes
//!     cache    objects by the hash of what they are made from
//!     pool     several units at a time, within cargo's limit of jobs
//! ```

pub mod assembly;
pub mod cache;
pub mod check;
pub mod elf;
pub mod names;
pub mod pool;
pub mod realign;
pub mod unit;

pub use cache::Cache;
pub use unit::{Generator, LeftUnchecked, Settings, Unit};
