//! What can go wrong, each with what happened, to what, and what to do.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },

    #[error("cannot run `{}`: {source}", program.display())]
    Run { program: PathBuf, source: io::Error },

    #[error("`{command}` failed ({status}){}", indented(output))]
    Failed { command: String, status: String, output: String },

    #[error("cannot read {what}: {reason}")]
    BadObject { what: String, reason: String },

    #[error("the compiler's code generator made nothing of the bitcode of {unit}{}", indented(output))]
    NoObject { unit: String, output: String },

    #[error(
        "the code generator does not settle on {unit}: after {rounds} rounds it still makes functions that it did not make \
         before, the last of them `{function}`; please report this with the compiler's version"
    )]
    Unsettled { unit: String, rounds: usize, function: String },

    #[error(
        "there is no bitcode for `{}`, which the compiler passed to the linker as an object of this crate; \
         if a tool stands between cargo and the compiler, leave it out",
        object.display()
    )]
    NoBitcode { object: PathBuf },

    #[error("{what} cannot be part of a split build: {why}; {remedy}")]
    Refused { what: String, why: &'static str, remedy: &'static str },

    #[error(
        "{compiler} cannot make split builds: expected {expected}; found {found}; \
         use a compiler that this version of cargo-morestack is tested with, or a later version of cargo-morestack"
    )]
    Probe { compiler: String, expected: String, found: String },

    #[error(transparent)]
    Unsound(#[from] crate::verify::Error),

    #[error("{0}")]
    NothingToExplain(String),

    #[error("there is no place for what is made once per compiler: {reason}; set `HOME` or `XDG_CACHE_HOME`")]
    NoCache { reason: String },

    #[error(
        "`{variable}` is not set: `cargo-morestack` sets it for the programs it starts; use `cargo morestack build` and its like"
    )]
    NoSession { variable: &'static str },

    #[error(
        "this is no message between parts of cargo-morestack: {0}; a build with one version only is needed, so build again"
    )]
    BadSession(serde_json::Error),
}

impl Error {
    /// For `map_err` at file operations: `.map_err(Error::file("write", path))`.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.into(), source }
    }

    /// For `map_err` at the start of programs.
    pub fn run(program: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Run { program: program.into(), source }
    }

    /// For `map_err` at parsers of objects and archives.
    pub fn bad_object<E: Display>(what: impl Display) -> impl FnOnce(E) -> Self {
        move |reason| Self::BadObject { what: what.to_string(), reason: reason.to_string() }
    }
}

/// A program's output below a message, or nothing if it said nothing.
fn indented(output: &str) -> String {
    let lines = output.lines().filter(|line| !line.trim().is_empty());
    lines.flat_map(|line| ["\n    ", line]).collect()
}
