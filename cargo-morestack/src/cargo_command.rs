//! The front end: prepares what a split build needs, and runs cargo.

use crate::cargo_config::CargoConfig;
use crate::codegen::Cache;
use crate::error::{Error, Result};
use crate::session::{self, Programs, Session, TARGET};
use crate::toolchain::Toolchain;
use crate::{probe, runtime, shell, stdlib};
use serde::Deserialize;
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
    /// `passed_on` begins with `--`, unless it is empty.
    pub fn new(
        subcommand: &'static str,
        mut small_threads: bool,
        mut arguments: Vec<OsString>,
        passed_on: Vec<OsString>,
    ) -> Self {
        // Our option may stand amid cargo's.
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
    let config = CargoConfig::load();
    refuse_other_targets(&request.arguments, &config)?;
    note_other_wrappers(&config);
    let session = prepare(request)?;
    let mut command = cargo();
    put_in_place(&mut command, request.subcommand, &session)?;
    command.args(without_our_settings(&request.arguments)).args(&request.passed_on);
    // The linker writes its messages there.
    fs::create_dir_all(&session.warned).map_err(Error::file("make", &session.warned))?;
    if request.small_threads {
        command.env("MORESTACK_SMALL_THREADS", "1");
    }
    let status = command.status().map_err(Error::run(Path::new("cargo")));
    let _ = fs::remove_dir_all(&session.warned);
    Cache::new(session.units()).trim();
    Ok(shell::exit_code(status?))
}

/// Gives cargo a subcommand, and our programs to start in the place of the compiler's.
///
/// # Errors
/// When a path is not UTF-8.
pub fn put_in_place(command: &mut Command, subcommand: &str, session: &Session) -> Result<()> {
    command.arg(subcommand).args(["--target", TARGET]).arg("--target-dir").arg(&session.target_directory);
    command.env(session::SESSION, session::send(session)?);
    command.env("RUSTC_WRAPPER", &session.programs.rustc).env("RUSTDOC", &session.programs.rustdoc);
    // Settings of the environment that the command line above would contradict.
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET");
    Ok(())
}

/// Where split builds go, given arguments for cargo.
///
/// # Errors
/// When cargo does not know.
pub fn split_directory(arguments: &[OsString]) -> Result<PathBuf> {
    Project::ask(arguments).map(|project| project.target_directory)
}

/// Removes the directory of split builds.
///
/// # Errors
/// When it cannot be removed.
pub fn clean(arguments: &[OsString]) -> Result<ExitCode> {
    let directory = split_directory(arguments)?;
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", &directory)(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn prepare(request: &Request) -> Result<Session> {
    let project = Project::ask(&request.arguments)?;
    let toolchain = Toolchain::find()?;
    let target_directory = project.target_directory;
    let programs = programs(&target_directory)?;
    let mut session = Session {
        toolchain,
        warned: target_directory.join(format!("warned-{}", std::process::id())),
        target_directory,
        programs,
        checked_std: None,
        runtime: Vec::new(),
        is_runtime: false,
        quiet: request.arguments.iter().any(|word| word == "-q" || word == "--quiet"),
        tool: identity()?,
    };
    if request.subcommand != "check" {
        probe::ensure(&session.toolchain)?;
        session.checked_std = stdlib::ensure(&session.toolchain)?;
        if !project.has_runtime {
            session.runtime = runtime::ensure(&session)?;
        }
    }
    Ok(session)
}

/// Links to this program, under names by which it knows its role.
///
/// # Errors
/// When they cannot be made.
pub fn programs(target_directory: &Path) -> Result<Programs> {
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
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// What cargo knows of the packages to be built.
struct Project {
    /// Where split builds go: into cargo's target directory, so that cleaning that one removes them, too.
    target_directory: PathBuf,
    /// The runtime is among the dependencies.
    has_runtime: bool,
}

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
    packages: Vec<Package>,
    #[serde(skip)]
    has_dependencies: bool,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Project {
    fn ask(arguments: &[OsString]) -> Result<Self> {
        // The second hardly ever fails where the first does, for want of a network for example.
        let known = metadata(arguments, false).or_else(|_| metadata(arguments, true))?;
        let target_directory = match values(arguments, &["--target-dir"]).last() {
            Some((_, directory)) => {
                std::path::absolute(directory).map_err(Error::file("find", Path::new(directory)))?
            }
            None => known.target_directory,
        };
        // Where the dependencies are not known, the linker will see.
        let has_runtime = !known.has_dependencies || known.packages.iter().any(|package| package.name == "morestack");
        Ok(Self { target_directory: target_directory.join("morestack"), has_runtime })
    }
}

fn metadata(arguments: &[OsString], without_dependencies: bool) -> Result<Metadata> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1"]);
    if without_dependencies {
        command.arg("--no-deps");
    }
    for (name, value) in values(arguments, &["--manifest-path", "--config", "-Z"]) {
        command.arg(name).arg(value);
    }
    // Whatever forbids cargo to look for newer packages forbids it here.
    command.args(arguments.iter().filter(|word| ["--offline", "--locked", "--frozen"].iter().any(|flag| word == flag)));
    // Flags and wrappers are for the build. Here they could only be in the way.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTC_WRAPPER", "");
    let output = command.stdin(Stdio::null()).output().map_err(Error::run(Path::new("cargo")))?;
    let metadata = serde_json::from_slice::<Metadata>(&output.stdout).ok().filter(|_| output.status.success());
    let metadata = metadata.ok_or_else(|| Error::Failed {
        command: "cargo metadata".into(),
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })?;
    Ok(Metadata { has_dependencies: !without_dependencies, ..metadata })
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

/// The targets that cargo would build for: as with cargo, the command line counts before the environment, and that before files.
fn refuse_other_targets(arguments: &[OsString], config: &CargoConfig) -> Result<()> {
    let mut targets: Vec<_> = values(arguments, &["--target"]).map(|(_, value)| value.to_os_string()).collect();
    if targets.is_empty() {
        targets.extend(env::var_os("CARGO_BUILD_TARGET").filter(|target| !target.is_empty()));
    }
    if targets.is_empty() {
        targets.extend(config.targets.iter().map(OsString::from));
    }
    match targets.into_iter().find(|target| target != TARGET) {
        None => Ok(()),
        Some(target) => Err(Error::Refused {
            what: format!("the target `{}`", target.to_string_lossy()),
            why: "the check reads a slot that only glibc's thread control block has, on x86-64",
            remedy: "build for x86_64-unknown-linux-gnu",
        }),
    }
}

fn note_other_wrappers(config: &CargoConfig) {
    let wrapper = match env::var_os("RUSTC_WRAPPER") {
        // An empty one switches off what a file says.
        Some(wrapper) => wrapper.to_string_lossy().into_owned(),
        None => config.wrapper.clone().unwrap_or_default(),
    };
    if !wrapper.is_empty() {
        eprintln!("note: the compiler wrapper `{wrapper}` is left out of split builds");
    }
}
