//! The compiler wrapper: what cargo starts in the place of rustc.
//!
//! ```text
//!     args       the command line, as far as it has to be understood
//!     kind       what a call is: a crate of the split build, or something that is not touched
//!     policy     flags that cannot be, and what becomes of them
//!     messages   rustc's messages, passed on
//! ```

pub mod args;
pub mod kind;
pub mod messages;
pub mod policy;

use crate::codegen::{Cache, Generator, Settings, pool};
use crate::error::{Error, Result};
use crate::link;
use crate::session::{self, CFG, Session};
use crate::{archive, shell, unchecked};
use args::Args;
use kind::{Crate, Kind};
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Runs the compiler `program` for cargo.
///
/// # Errors
/// When the crate cannot be part of a split build, or the second pass fails. rustc's own errors are a matter between it and cargo.
pub fn run(program: OsString, words: Vec<OsString>) -> Result<ExitCode> {
    let session = Session::current()?;
    let program = Path::new(&program);
    let args = Args::parse(words.iter().cloned());
    match Kind::of(&args) {
        Kind::Version => version(&session, program, &words),
        Kind::NotOurs => Err(Error::run(program)(Command::new(program).args(words).exec())),
        Kind::Plain => {
            let command = &mut Command::new(program);
            Err(Error::run(program)(command.args(words).args(configuration()).exec()))
        }
        Kind::Split(this) => compile(&session, program, args, &this),
    }
}

/// The flags by which source code knows a split build.
pub fn configuration() -> [String; 4] {
    ["--cfg".into(), CFG.into(), "--check-cfg".into(), format!("cfg({CFG})")]
}

/// The compiler's version with ours below. cargo makes it part of each crate's fingerprint, so that what another version of this
/// program has made is built again.
fn version(session: &Session, program: &Path, words: &[OsString]) -> Result<ExitCode> {
    let status = Command::new(program).args(words).status().map_err(Error::run(program))?;
    println!("cargo-morestack: {}", session.tool);
    Ok(shell::exit_code(status))
}

fn compile(session: &Session, program: &Path, mut args: Args, this: &Crate) -> Result<ExitCode> {
    policy::refuse(&args)?;
    let strip = policy::adapt(session, &mut args, this)?;
    let settings = policy::settings(&args);
    // Names are unique among the crates of one build, but not among builds.
    let from_linker = session.warned.join(&this.name);
    let (linker_error, linker_report) =
        (from_linker.with_added_extension("error"), from_linker.with_added_extension("report"));
    let mut command = Command::new(program);
    if this.is_executable {
        let job = link::Job::new(&mut args, this, settings.clone(), strip, from_linker);
        command.env(session::LINK, session::send(&job)?);
        args.push_codegen("linker", session.programs.linker.display().to_string());
    }
    command.args(args.words()).args(configuration());
    let result = watch(command, program, this, &linker_error).and_then(|status| {
        if status.success() && this.is_library {
            split_library(session, &args, this, settings)?;
        }
        if let Some(report) = fs::read_to_string(&linker_report).ok().filter(|_| !session.quiet) {
            shell::status("Verified", &format!("{}: {report}", this.title));
        }
        Ok(shell::exit_code(status))
    });
    let _ = fs::remove_file(&linker_error);
    let _ = fs::remove_file(&linker_report);
    remove_bitcode(this);
    result
}

/// Runs rustc and passes its messages on.
fn watch(mut command: Command, program: &Path, this: &Crate, linker_error: &Path) -> Result<std::process::ExitStatus> {
    if this.messages_are_json {
        command.stderr(Stdio::piped());
    }
    let mut child = command.spawn().map_err(Error::run(program))?;
    if let Some(messages) = child.stderr.take() {
        let passed_on =
            messages::pass_on(BufReader::new(messages), io::stderr(), this.bitcode_is_asked_for, linker_error);
        passed_on.map_err(Error::file("pass on the messages of", program))?;
    }
    child.wait().map_err(Error::run(program))
}

/// Replaces the objects in a library by checked ones.
fn split_library(session: &Session, args: &Args, this: &Crate, settings: Settings) -> Result<()> {
    let rlib = match args.emits("link").flatten() {
        Some(path) => path.to_path_buf(),
        None => this.directory.join(format!("lib{}.rlib", this.name)),
    };
    let cache = Cache::new(session.units());
    let lld = session.toolchain.lld();
    let generator = Generator::new(&lld, &session.toolchain.id, settings, Some(&cache));
    let mut members = archive::read(&rlib)?;
    let generated = pool::map(&members, |member| match bitcode_of(this, Path::new(&member.name)) {
        Some(path) => {
            let bitcode = fs::read(&path).map_err(Error::file("read", &path))?;
            generator.generate(&member.name, &bitcode, &member.data).map(Some)
        }
        None if link::has_own_name(&member.name, &this.name) => Err(Error::NoBitcode { object: (&member.name).into() }),
        None => Ok(None),
    });
    let mut left = Vec::new();
    for (member, unit) in members.iter_mut().zip(generated) {
        if let Some(unit) = unit? {
            member.data = unit.object;
            left.extend(unit.left_unchecked);
        }
    }
    archive::write(&rlib, &members)?;
    unchecked::write(&rlib, &left)
}

/// The file with the bitcode of a codegen unit, given the unit's object.
fn bitcode_of(this: &Crate, object: &Path) -> Option<PathBuf> {
    link::bitcode_of(&this.directory, &this.name, object)
}

/// Removes the bitcode that only the second pass needed.
fn remove_bitcode(this: &Crate) {
    if this.bitcode_is_asked_for {
        return;
    }
    let Ok(entries) = fs::read_dir(&this.directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&this.name));
        if rest.is_some_and(|rest| rest == ".bc" || (rest.starts_with('.') && rest.ends_with(".rcgu.bc"))) {
            // What stays is removed when this crate is compiled again.
            let _ = fs::remove_file(entry.path());
        }
    }
}
