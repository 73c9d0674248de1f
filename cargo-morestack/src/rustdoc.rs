//! What cargo starts in the place of rustdoc.
//!
//! rustdoc compiles documentation tests by itself, without a wrapper, so their own code is plain: it runs on big stacks. The crates
//! that it is linked with are checked. So the linker has to be ours.

use crate::error::{Error, Result};
use crate::link::Job;
use crate::rustc::{args::Args, configuration};
use crate::session::{self, Session, TARGET};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Runs rustdoc for cargo.
///
/// # Errors
/// When it cannot be run.
pub fn run(words: Vec<OsString>) -> Result<ExitCode> {
    let session = Session::current()?;
    let rustdoc = session.toolchain.rustdoc();
    let mut command = Command::new(&rustdoc);
    let mut args = Args::parse(words.iter().cloned());
    // Procedural macros are documented for the host.
    if args.option("--target") == Some(TARGET) {
        let job = Job::for_doc_tests(&mut args, session.warned.join("doc-tests"));
        command.env(session::LINK, session::send(&job)?);
        args.push_codegen("linker", session.programs.linker.display().to_string());
        command.args(args.words()).args(configuration());
    } else {
        command.args(words);
    }
    Err(Error::run(&rustdoc)(command.exec()))
}
