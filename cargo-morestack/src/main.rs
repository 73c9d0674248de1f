//! See the library's documentation.

use cargo_morestack::{Result, cli, link, rustc, rustdoc, shell};
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = env::args_os();
    let program = words.next().unwrap_or_default();
    let role = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_string();
    match run(&role, words.collect()) {
        Ok(code) => code,
        Err(error) => {
            shell::error(&error.to_string());
            // As cargo and rustc do for errors that are not the user's program's.
            ExitCode::from(101)
        }
    }
}

fn run(role: &str, mut words: Vec<OsString>) -> Result<ExitCode> {
    match role {
        "morestack-rustc" if !words.is_empty() => {
            let compiler = words.remove(0);
            rustc::run(compiler, words)
        }
        "morestack-linker" => link::run(words),
        "morestack-rustdoc" => rustdoc::run(words),
        _ => cli::run(words),
    }
}
