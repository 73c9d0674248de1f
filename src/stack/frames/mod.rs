//! What is known about the frames on a go segment: the function table with its stack maps, and the walk over the frames.

mod chains;
mod function;
pub(crate) mod known;
mod lines;
mod published;
mod section;
mod stackmap;
mod sync;
pub mod table;
pub(crate) mod walk;

pub use lines::Lines;
pub use stackmap::StackMap;
