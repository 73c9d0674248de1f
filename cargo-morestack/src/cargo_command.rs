//! The front end: prepares what a split build needs, and runs cargo.

use crate::error::{Error, Result};
use crate::session::{self, Programs, Session, TARGET};
use crate::shell;
use crate::toolchain::Toolchain;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What cargo is to do.
#[derive(Debug)]
pub struct Request {
    subcommand: &'static str,
    small_threads: bool,
    /// For cargo.
    arguments: Vec<OsString>,
    /// For the program: what follows `--`, and that itself.
    passed_on: Vec<OsString>,
}

impl Request {
    pub fn new(subcommand: &'static str, mut small_threads: bool, mut arguments: Vec<OsString>) -> Self {
        let end = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
        let passed_on = arguments.split_off(end);
        arguments.retain(|word| {
            let is_ours = word == "--small-threads";
            small_threads |= is_ours;
            !is_ours
        });
        Self { subcommand, small_threads, arguments, passed_on }
    }
}

/// Runs cargo.
///
/// # Errors
/// When the compiler cannot make split builds, or something that is needed cannot be prepared.
pub fn run(request: &Request) -> Result<ExitCode> {
    refuse_other_targets(&request.arguments)?;
    let target_directory = target_directory(&request.arguments)?;
    let session = prepare(target_directory)?;
    let mut command = cargo();
    command.arg(request.subcommand).args(["--target", TARGET]);
    command.arg("--target-dir").arg(&session.target_directory);
    command.args(without_our_settings(&request.arguments)).args(&request.passed_on);
    command.env(session::SESSION, session::send(&session)?);
    command.env("RUSTC_WRAPPER", &session.programs.rustc).env("RUSTDOC", &session.programs.rustdoc);
    // Settings of the environment that the command line above would contradict.
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET");
    if request.small_threads {
        command.env("MORESTACK_SMALL_THREADS", "1");
    }
    let status = command.status().map_err(Error::run(Path::new("cargo")));
    let _ = fs::remove_dir_all(&session.warned);
    crate::codegen::Cache::new(session.units()).trim();
    Ok(shell::exit_code(status?))
}

/// Removes the directory of split builds.
///
/// # Errors
/// When it cannot be removed.
pub fn clean(arguments: &[OsString]) -> Result<ExitCode> {
    let directory = target_directory(arguments)?;
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", &directory)(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn prepare(target_directory: PathBuf) -> Result<Session> {
    let toolchain = Toolchain::find()?;
    let programs = programs(&target_directory)?;
    let warned = target_directory.join(format!("warned-{}", std::process::id()));
    let tool = identity()?;
    Ok(Session {
        toolchain,
        target_directory,
        programs,
        checked_std: None,
        runtime: None,
        is_runtime: false,
        warned,
        tool,
    })
}

/// Links to this program, under names by which it knows its role.
fn programs(target_directory: &Path) -> Result<Programs> {
    let this = env::current_exe().map_err(Error::file("find", Path::new("/proc/self/exe")))?;
    let directory = target_directory.join("programs");
    fs::create_dir_all(&directory).map_err(Error::file("make", &directory))?;
    let link = |name: &str| {
        let path = directory.join(name);
        if fs::read_link(&path).is_ok_and(|target| target == this) {
            return Ok(path);
        }
        // Made aside and renamed, so that a build that runs at the same time finds either.
        let aside = directory.join(format!("{name}-{}", std::process::id()));
        let made = std::os::unix::fs::symlink(&this, &aside).and_then(|()| fs::rename(&aside, &path));
        made.map(|()| path.clone()).map_err(Error::file("make", &path))
    };
    Ok(Programs {
        rustc: link("morestack-rustc")?,
        linker: link("morestack-linker")?,
        rustdoc: link("morestack-rustdoc")?,
    })
}

/// What identifies this program: its version and contents.
fn identity() -> Result<String> {
    let this = env::current_exe().map_err(Error::file("find", Path::new("/proc/self/exe")))?;
    let contents = fs::read(&this).map_err(Error::file("read", &this))?;
    Ok(format!("{} {}", env!("CARGO_PKG_VERSION"), blake3::hash(&contents).to_hex()))
}

/// cargo, as it started us or as it is found.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where split builds of this workspace go: into cargo's target directory, so that cleaning that one removes them, too.
fn target_directory(arguments: &[OsString]) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    for (name, value) in values(arguments, &["--manifest-path", "--config"]) {
        command.arg(name).arg(value);
    }
    if let Some((_, directory)) = values(arguments, &["--target-dir"]).last() {
        let directory = std::path::absolute(directory).map_err(Error::file("find", Path::new(directory)))?;
        return Ok(directory.join("morestack"));
    }
    let output = command.stdin(Stdio::null()).output().map_err(Error::run(Path::new("cargo")))?;
    let metadata: Option<serde_json::Value> =
        serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success());
    match metadata.as_ref().and_then(|metadata| metadata["target_directory"].as_str()) {
        Some(directory) => Ok(Path::new(directory).join("morestack")),
        None => Err(Error::Failed {
            command: "cargo metadata".into(),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}

/// The options among `names` with their values, for `--name value` and `--name=value`.
fn values<'a>(arguments: &'a [OsString], names: &'a [&'static str]) -> impl Iterator<Item = (&'static str, &'a OsStr)> {
    arguments.iter().enumerate().filter_map(move |(index, word)| {
        names.iter().find_map(|name| {
            use std::os::unix::ffi::OsStrExt as _;
            let rest = word.as_bytes().strip_prefix(name.as_bytes())?;
            match rest {
                [] => arguments.get(index + 1).map(|value| (*name, value.as_os_str())),
                [b'=', value @ ..] => Some((*name, OsStr::from_bytes(value))),
                _ => None,
            }
        })
    })
}

/// The arguments without those that we give to cargo ourselves.
fn without_our_settings(arguments: &[OsString]) -> Vec<&OsString> {
    let mut kept = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--target" || text == "--target-dir" {
            words.next();
        } else if !text.starts_with("--target=") && !text.starts_with("--target-dir=") {
            kept.push(word);
        }
    }
    kept
}

fn refuse_other_targets(arguments: &[OsString]) -> Result<()> {
    let of_environment = env::var_os("CARGO_BUILD_TARGET");
    let named = values(arguments, &["--target"]).map(|(_, value)| value.to_os_string());
    match named.chain(of_environment).find(|target| target != TARGET) {
        None => Ok(()),
        Some(target) => Err(Error::Refused {
            what: format!("the target `{}`", target.to_string_lossy()),
            why: "the check reads a slot that only glibc's thread control block has, on x86-64",
            remedy: "build for x86_64-unknown-linux-gnu",
        }),
    }
}
