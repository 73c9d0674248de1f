//! Tasks: their control block, how they start and end, and the bridges between Rust and mapped code.

pub(crate) mod abi;
pub mod bridge;
pub(crate) mod g;
pub(crate) mod report;
pub(crate) mod slab;
pub(crate) mod thread;

pub use abi::{AbiArgs, AbiResults, AbiValue, GoSlice, GoStr};
pub use bridge::{CodeRange, MappedFn};
