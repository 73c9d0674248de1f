//! Stacks: where their memory comes from, how they grow, what is known about the frames on them.
//!
//! The lowest layer; it knows nothing of tasks and schedulers.

pub mod debug;
mod error;
pub mod layout;

pub use error::StackError;
