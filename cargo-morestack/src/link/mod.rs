//! The linker that rustc starts.
//!
//! ```text
//!     objects of this crate   -> generated again, checked
//!     std's rlibs             -> checked ones
//!     the runtime             -> added if the program has none
//!     the real linker         -> an executable
//!     verify                  -> the executable, calls resolved
//!     strip                   -> if it was asked for
//! ```

mod command;
mod inputs;
mod strip;

pub use command::Dialect;
pub use strip::Strip;

use crate::codegen::Settings;
use crate::error::{Error, Result};
use crate::rustc::args::Args;
use crate::rustc::kind::Crate;
use crate::session::{self, Session};
use crate::{shell, unchecked, verify};
use inputs::Known;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What our linker has to know beyond its command line.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// The linker that would have been used.
    linker: PathBuf,
    /// How files of the crate begin.
    name: String,
    /// Where the crate's bitcode is.
    directory: PathBuf,
    settings: Settings,
    strip: Strip,
    /// The crate's own objects were not made by the split build, so they are left as they are.
    plain_objects: bool,
    /// Where messages are written that the compiler wrapper is to show: with `.error` behind it one in the place of rustc's, with
    /// `.report` behind it one about what was made.
    messages: PathBuf,
}

impl Job {
    /// Takes the linker out of `args`, so that ours can be put in.
    pub fn new(args: &mut Args, this: &Crate, settings: Settings, strip: Strip, messages: PathBuf) -> Self {
        let linker = take_linker(args);
        let (name, directory) = (this.name.clone(), this.directory.clone());
        Self { linker, name, directory, settings, strip, plain_objects: false, messages }
    }

    /// For crates that rustdoc compiles.
    pub fn for_doc_tests(args: &mut Args, messages: PathBuf) -> Self {
        let linker = take_linker(args);
        let (name, directory, settings) = ("rust_out".into(), PathBuf::new(), Settings::default());
        Self { linker, name, directory, settings, strip: Strip::Nothing, plain_objects: true, messages }
    }
}

/// rustc guesses from a linker's name how to speak to it, and cannot from ours.
fn take_linker(args: &mut Args) -> PathBuf {
    let linker = PathBuf::from(args.codegen("linker").next_back().unwrap_or("cc"));
    args.remove_codegen(&["linker"]);
    let says_flavor = args.codegen("linker-flavor").next().is_some();
    if let Some(flavor) = Dialect::of(&linker).flavor(&linker).filter(|_| !says_flavor) {
        args.push_codegen("linker-flavor", flavor);
    }
    linker
}

/// Links for rustc.
///
/// # Errors
/// When an input cannot be made checked, or the output is not sound. The real linker's errors are its own.
pub fn run(words: Vec<OsString>) -> Result<ExitCode> {
    let session = Session::current()?;
    let job: Job = session::receive(session::LINK)?;
    let linked = link(&session, &job, words);
    if let Err(error) = &linked {
        // Without it rustc shows the message that this process prints, amid its own.
        let _ = fs::write(job.messages.with_added_extension("error"), error.to_string());
    }
    linked
}

fn link(session: &Session, job: &Job, words: Vec<OsString>) -> Result<ExitCode> {
    let mut words = command::expand(words)?;
    let scratch = tempfile::tempdir().map_err(Error::file("make", &std::env::temp_dir()))?;
    let known = inputs::replace(session, job, &mut words, scratch.path())?;
    words.extend(Dialect::of(&job.linker).runtime_arguments());
    let words = command::shortened(words, scratch.path())?;
    let status = Command::new(&job.linker).args(words.iter()).status().map_err(Error::run(&job.linker))?;
    if !status.success() {
        return Ok(shell::exit_code(status));
    }
    let output = words.output();
    finish(session, job, &output, &known).inspect_err(|_| drop(fs::remove_file(&output)))?;
    Ok(ExitCode::SUCCESS)
}

/// What is done to an executable that is linked.
fn finish(session: &Session, job: &Job, output: &Path, known: &Known) -> Result<()> {
    let left_unchecked = known.left_unchecked.iter().map(|left| left.function.clone()).collect();
    let options = verify::Options { plain_objects_allowed: job.plain_objects, left_unchecked };
    let report = verify::process(output, &options)?;
    unchecked::write(output, &known.left_unchecked)?;
    job.strip.apply(session, output)?;
    // Without it the build is as good, and says less.
    let _ = fs::write(job.messages.with_added_extension("report"), report.to_string());
    Ok(())
}

/// Whether a file's name is one of a codegen unit of the crate whose files begin with `name`.
pub fn has_own_name(file: &str, name: &str) -> bool {
    file.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".rcgu.o"))
}

/// The bitcode of a codegen unit, given its object, if there is any.
pub fn bitcode_of(directory: &Path, name: &str, object: &Path) -> Option<PathBuf> {
    let file = object.file_name()?.to_str()?;
    if !has_own_name(file, name) {
        return None;
    }
    let numbered = directory.join(Path::new(file).with_extension("bc"));
    // With one unit only, rustc names its bitcode after the crate.
    let single = directory.join(format!("{name}.bc"));
    [numbered, single].into_iter().find(|path| path.exists())
}
