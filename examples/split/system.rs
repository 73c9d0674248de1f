//! The program of `main.rs` with the system's allocator.

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main("the system's allocator")
}
