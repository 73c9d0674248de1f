//! `cargo morestack explain FUNCTION`: how a function was compiled, in a binary that is built already.

use crate::cargo_command;
use crate::error::{Error, Result};
use crate::session::TARGET;
use crate::{unchecked, verify};
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(Args)]
pub struct Explain {
    /// A function's path, a part of it, or its symbol
    function: String,
    /// Look into this executable, and not into the one that was built last
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Look at executables of this name: a program, a test, an example
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
    /// Look at executables of this profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Look at executables of the release profile
    #[arg(long, short)]
    release: bool,
    /// The package's manifest
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<OsString>,
    /// cargo's target directory
    #[arg(long, value_name = "DIRECTORY")]
    target_dir: Option<OsString>,
}

/// Prints what is known.
///
/// # Errors
/// When there is no such function or no executable.
pub fn run(asked: &Explain) -> Result<ExitCode> {
    let binary = match &asked.binary {
        Some(path) => path.clone(),
        None => newest(asked)?,
    };
    println!("in {}:", binary.display());
    print!("{}", verify::explain(&binary, &asked.function)?);
    for left in unchecked::read(&binary)? {
        let name = format!("{:#}", rustc_demangle::demangle(&left.function));
        if left.function == asked.function || name.contains(&asked.function) {
            println!("{name} was left unchecked: {}", left.reason);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The executable that was made last, of those that fit.
fn newest(asked: &Explain) -> Result<PathBuf> {
    let mut arguments = Vec::new();
    for (name, value) in [("--manifest-path", &asked.manifest_path), ("--target-dir", &asked.target_dir)] {
        arguments.extend(value.iter().flat_map(|value| [OsString::from(name), value.clone()]));
    }
    let directory = cargo_command::split_directory(&arguments)?.join(TARGET);
    let profile = asked.profile.as_deref().or(asked.release.then_some("release"));
    // cargo's name for its directory is an older one.
    let profile = profile.map(|profile| if profile == "dev" { "debug" } else { profile });
    let profiles = entries(&directory).filter(|path| profile.is_none_or(|name| path.ends_with(name)));
    let files =
        profiles.flat_map(|path| ["deps", "examples"].map(|part| path.join(part))).flat_map(|path| entries(&path));
    let fitting = files.filter(|path| asked.bin.as_ref().is_none_or(|name| is_of(path, name)) && is_executable(path));
    let newest = fitting.max_by_key(|path| {
        let modified = fs::metadata(path).and_then(|data| data.modified());
        modified.unwrap_or(SystemTime::UNIX_EPOCH)
    });
    newest.ok_or_else(|| {
        let text =
            format!("nothing to look into in `{}`; build first, with `cargo morestack build`", directory.display());
        Error::NothingToExplain(text)
    })
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Whether a file is an executable of this name: cargo writes `-` as `_` and adds a hash.
fn is_of(path: &Path, name: &str) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = file.rsplit_once('-').map_or(&*file, |(stem, _)| stem);
    stem.replace('-', "_") == name.replace('-', "_")
}

fn is_executable(path: &Path) -> bool {
    let mut magic = [0; 4];
    let is_elf = fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF";
    // Objects and libraries have extensions; executables here have none.
    is_elf && path.extension().is_none()
}
