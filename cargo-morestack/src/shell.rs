//! Exit codes and lines like cargo's.

use std::io::IsTerminal as _;
use std::process::{ExitCode, ExitStatus};

/// What to exit with when a program that did the work has ended so. One that was ended by a signal counts as a failure.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code() {
        Some(code) => ExitCode::from(code.clamp(0, 255) as u8),
        None => ExitCode::FAILURE,
    }
}

/// Prints a line like cargo's: `   Compiling x`.
pub fn status(verb: &str, what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("\x1b[1m\x1b[32m{verb:>12}\x1b[0m {what}");
    } else {
        eprintln!("{verb:>12} {what}");
    }
}

/// Prints an error like cargo's.
pub fn error(text: &str) {
    eprintln!("error: {text}");
}
