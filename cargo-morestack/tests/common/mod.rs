//! Small projects, and split builds of them.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No build of these projects takes that long, the first one included, which prepares std and the runtime.
const LIMIT: Duration = Duration::from_secs(420);

/// A project in a directory of its own.
pub struct Project {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Project {
    /// A package `sample` with these files. Without a `Cargo.toml` among them it gets one without dependencies.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let project = Self { directory, environment: Vec::new() };
        if !files.iter().any(|(path, _)| *path == "Cargo.toml") {
            project.write("Cargo.toml", MANIFEST);
        }
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// A program.
    pub fn program(main: &str) -> Self {
        Self::new(&[("src/main.rs", main)])
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Adds to the manifest.
    pub fn manifest(self, text: &str) -> Self {
        let manifest = fs::read_to_string(self.path("Cargo.toml")).expect("a manifest");
        self.write("Cargo.toml", &format!("{manifest}\n{text}\n"));
        self
    }

    /// Sets a variable for builds.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Where a split build puts what it makes.
    pub fn made(&self, profile: &str, name: &str) -> PathBuf {
        self.path("target/morestack/x86_64-unknown-linux-gnu").join(profile).join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-morestack"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        // What is made once per compiler is shared by all tests.
        command.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
        // What cargo, running these tests, or a split build of these tests set for themselves, and what the user set for builds.
        let set = [
            "CARGO_BUILD_TARGET",
            "CARGO_INCREMENTAL",
            "CARGO_TARGET_DIR",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
        ];
        for (name, _) in std::env::vars() {
            if set.contains(&&*name) || name.starts_with("CARGO_MORESTACK_") || name.starts_with("MORESTACK_") {
                command.env_remove(name);
            }
        }
        command.env("CARGO_TERM_COLOR", "never").env("RUST_BACKTRACE", "0");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `cargo morestack` to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        finish(self.command(arguments))
    }

    /// Runs `cargo morestack` and returns what it printed to standard output. It must succeed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?} failed:\n{}\n{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    /// Runs `cargo morestack` and returns its messages. It must fail, and not by a panic.
    pub fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let messages = stderr(&output);
        assert!(!output.status.success(), "{arguments:?} succeeded:\n{messages}");
        assert!(!messages.contains("panicked at"), "{messages}");
        messages
    }
}

const MANIFEST: &str = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";

/// Runs a command to its end, within the limit of time.
pub fn finish(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let id = child.id();
    let (done, wait) = std::sync::mpsc::channel();
    let watch = thread::spawn(move || {
        if wait.recv_timeout(LIMIT).is_err() {
            // Its children end when their pipes do.
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            return false;
        }
        true
    });
    let mut err = child.stderr.take().expect("a pipe");
    let read = thread::spawn(move || {
        let mut text = Vec::new();
        std::io::copy(&mut err, &mut text).expect("read");
        text
    });
    let output = child.wait_with_output().expect("waited for");
    let _ = done.send(());
    assert!(watch.join().expect("watched"), "not done after {LIMIT:?}: {command:?}");
    Output { stderr: read.join().expect("read"), ..output }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a program that was built, and returns its output.
pub fn run_program(path: &Path) -> String {
    let output = finish(Command::new(path));
    assert!(output.status.success(), "{} failed:\n{}", path.display(), stderr(&output));
    stdout(&output)
}

/// Waits until `done`, within the limit of time.
pub fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LIMIT, "nothing happened within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The first bytes of the function of a binary whose symbol contains `name`.
pub fn code_of(binary: &Path, name: &str) -> Vec<u8> {
    use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
    let data = fs::read(binary).expect("a binary");
    let file = object::File::parse(&*data).expect("an ELF file");
    let symbol = file.symbols().find(|symbol| {
        symbol.kind() == object::SymbolKind::Text && symbol.name().is_ok_and(|this| this.contains(name))
    });
    let symbol = symbol.unwrap_or_else(|| panic!("no function `{name}` in {}", binary.display()));
    let section = file.section_by_index(symbol.section_index().expect("a section")).expect("a section");
    section.data_range(symbol.address(), symbol.size()).expect("in bounds").expect("data").to_vec()
}

/// Whether a function of a binary begins with a check.
pub fn is_checked(binary: &Path, name: &str) -> bool {
    cargo_morestack::codegen::check::begins_with_check(&code_of(binary, name))
}
