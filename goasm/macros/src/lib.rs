//! The macros of `goasm`, which has their documentation.
//!
//! ```text
//!     tokens
//!       | grammar      the path or text, options, declarations (types: what ABI0 passes)
//!       | assembly     goasm-assembler: text for `mapped_asm!`, or diagnostics
//!       | wrappers     which functions get a namesake of the other calling convention
//!       | expand       Rust functions, rebuild tracking
//!       | report       diagnostics as `compile_error!`
//!       v
//!     tokens
//! ```

mod assembly;
mod expand;
mod grammar;
mod report;
mod types;
mod wrappers;

use proc_macro::TokenStream;

/// Assembles a file. See `goasm::include!`.
#[proc_macro]
pub fn include(input: TokenStream) -> TokenStream {
    expand::include(input.into(), &assembly::Surroundings::of_process()).into()
}

/// Assembles a text. See `goasm::asm!`.
#[proc_macro]
pub fn asm(input: TokenStream) -> TokenStream {
    expand::asm(input.into(), &assembly::Surroundings::of_process()).into()
}
