//! The runtime for programs that do not depend on it.
//!
//! Every program of a split build needs it: the checks call it. It is compiled like any crate of a split build, in a project of its
//! own in the user's cache, and its rlibs are given to the linker.

use crate::cargo_command;
use crate::error::{Error, Result};
use crate::session::{self, Session};
use crate::{shell, user_cache};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The sources that this program was built beside, if they are still there: then the runtime is theirs.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Where the list of rlibs is in the project's directory.
const RLIBS: &str = "rlibs.json";

/// One of cargo's messages, as far as it matters here.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The rlibs with the runtime and all that it depends on but std, built if need be.
///
/// # Errors
/// When it cannot be built.
pub fn ensure(session: &Session) -> Result<Vec<PathBuf>> {
    let parent = user_cache::directory(&session.toolchain)?;
    let checkout = checkout();
    let stamp = stamp(session, checkout.as_deref());
    let directory = parent.join(format!("runtime-{}", &stamp[..16]));
    let list = directory.join(RLIBS);
    if let Some(rlibs) = known(&list) {
        return Ok(rlibs);
    }
    let _lock = user_cache::lock(&parent, "runtime")?;
    if let Some(rlibs) = known(&list) {
        return Ok(rlibs);
    }
    shell::status("Compiling", "the runtime, for programs that do not depend on it");
    write_project(&directory, checkout.as_deref())?;
    let rlibs = build(session, &directory)?;
    let text = serde_json::to_vec(&rlibs).map_err(Error::BadSession)?;
    fs::write(&list, text).map_err(Error::file("write", &list))?;
    Ok(rlibs)
}

/// The rlibs of an earlier build, if all of them are still there.
fn known(list: &Path) -> Option<Vec<PathBuf>> {
    let rlibs: Vec<PathBuf> = serde_json::from_slice(&fs::read(list).ok()?).ok()?;
    rlibs.iter().all(|rlib| rlib.exists()).then_some(rlibs)
}

fn checkout() -> Option<PathBuf> {
    let root = fs::canonicalize(CHECKOUT).ok()?;
    let manifest = fs::read_to_string(root.join("Cargo.toml")).ok()?;
    manifest.contains("name = \"morestack\"").then_some(root)
}

/// What the runtime is made from: this program, and the sources where they may change under it.
fn stamp(session: &Session, checkout: Option<&Path>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(session.tool.as_bytes());
    if let Some(root) = checkout {
        hasher.update(root.as_os_str().as_encoded_bytes());
        for part in ["Cargo.toml", "build.rs", "build", "src", "asm", "macros"] {
            add_files(&mut hasher, &root.join(part));
        }
    }
    hasher.finalize().to_hex().to_string()
}

fn add_files(hasher: &mut blake3::Hasher, path: &Path) {
    if let Ok(contents) = fs::read(path) {
        hasher.update(&contents);
        return;
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        hasher.update(path.as_os_str().as_encoded_bytes());
        add_files(hasher, &path);
    }
}

fn write_project(directory: &Path, checkout: Option<&Path>) -> Result<()> {
    let source = match checkout {
        Some(root) => format!("path = {:?}", root.display().to_string()),
        None => format!("version = \"={}\"", env!("CARGO_PKG_VERSION")),
    };
    let manifest = format!(
        "[package]\nname = \"morestack-runtime\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\npath = \"lib.rs\"\n\n\
         [dependencies]\nmorestack = {{ {source}, default-features = false }}\n\n[workspace]\n"
    );
    fs::create_dir_all(directory).map_err(Error::file("make", directory))?;
    for (name, text) in [("Cargo.toml", manifest.as_str()), ("lib.rs", "pub use morestack;\n")] {
        let path = directory.join(name);
        fs::write(&path, text).map_err(Error::file("write", &path))?;
    }
    Ok(())
}

fn build(session: &Session, directory: &Path) -> Result<Vec<PathBuf>> {
    let target_directory = directory.join("target");
    let programs = cargo_command::programs(&target_directory)?;
    let warned = target_directory.join("warned");
    fs::create_dir_all(&warned).map_err(Error::file("make", &warned))?;
    let inner = Session { target_directory, programs, warned, is_runtime: true, ..session.clone() };
    let mut command = session.toolchain.cargo().map_or_else(cargo_command::cargo, Command::new);
    cargo_command::put_in_place(&mut command, "build", &inner)?;
    command.args(["--release", "--quiet", "--message-format", "json-render-diagnostics"]).current_dir(directory);
    // The user's settings are for the user's program. The compiler stays the one that was found.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env_remove(name);
    }
    command.env("RUSTC", &session.toolchain.rustc).stdin(Stdio::null());
    let output = command.output().map_err(Error::run(Path::new("cargo")))?;
    if !output.status.success() {
        return Err(Error::Failed {
            command: "cargo build of the runtime".into(),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let artifacts = lines.filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
    let files =
        artifacts.filter(|artifact| artifact.reason == "compiler-artifact").flat_map(|artifact| artifact.filenames);
    let of_the_target = inner.target_directory.join(session::TARGET);
    let rlibs: Vec<_> = files
        .filter(|file| file.starts_with(&of_the_target) && file.extension().is_some_and(|e| e == "rlib"))
        .collect();
    Ok(rlibs)
}
