//! The split build: `cargo morestack build` compiles ordinary Rust so that every function checks its stack pointer.
//!
//! One program in four roles, told apart by the name it is started under:
//!
//! ```text
//!     cargo-morestack      [cargo_command]  the front end: prepares, runs cargo with the other three in place
//!     morestack-rustc      [rustc]          cargo's compiler wrapper: first pass by rustc, second pass by [codegen]
//!     morestack-linker     [link]           rustc's linker: the second pass for programs, std, verification, stripping
//!     morestack-rustdoc    [rustdoc]        for documentation tests
//! ```

pub mod archive;
pub mod cargo_command;
mod cargo_config;
pub mod cli;
pub mod codegen;
pub mod error;
pub mod explain;
pub mod link;
pub mod probe;
pub mod runtime;
pub mod rustc;
pub mod rustdoc;
pub mod session;
pub mod shell;
pub mod stdlib;
pub mod toolchain;
pub mod unchecked;
pub mod user_cache;
pub mod verify;

pub use error::{Error, Result};
