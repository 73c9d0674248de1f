//! Code as memory: copies of functions' text, and functions that are added while the program runs.
//!
//! Both begin with where code truly is, a [`CodeRange`]. The address of a function as Rust sees it is not that: of a mapped function it is a
//! bridge's, of others perhaps a thunk's. So everything here takes ranges, and no pointer to a function is one. [`mapped!`](crate::mapped)
//! makes `name::code()` for each function that it declares, from address stubs that the assembler has resolved.
//!
//! - [`copy`](copy()) copies a function that does not depend on where it is to memory of its own ([`Text`]); [`sigreturn`] is such a copy.
//! - [`register`](register()) adds functions that a compiler has made (a JIT, or one whose code was loaded) to those whose frames are
//!   known: they run on stacks that start with 2 KB and grow by moving, and are traced, unwound and reported like the program's own.
//!   [`Function`] is what has to be said about each, [`Abi`] the numbers that their code contains.
//!
//! With the feature `code`, which brings a decoder for instructions and is off by default. The example `jit` is a compiler.

mod abi;
mod check;
mod copy;
mod error;
mod function;
mod instructions;
mod memory;
mod register;
mod sigreturn;
mod text;
mod unwind;
mod users;

pub use crate::stack::table::{CallSite, flags};
pub use crate::task::CodeRange;
pub use abi::Abi;
pub use copy::{CopyError, Dependence, copy};
pub use error::{InUse, RegisterError, User};
pub use function::{Function, Map};
pub use memory::RangeError;
pub use register::{LookupError, Registered, Registration, Unregistered, Using, register};
pub use sigreturn::sigreturn;
pub use text::Text;
