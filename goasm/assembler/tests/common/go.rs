//! Go, where it is installed: its assembler to compare with, and the assembly of its standard library.
//!
//! `.ci/install-go` installs it in `target/go`; `$GOASM_GOROOT` names another one. Its build cache and the headers that its compiler
//! makes stay in `target/goasm`, so that only the first test that wants them waits for them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

/// An installed Go.
pub struct Go {
    root: PathBuf,
    cache: PathBuf,
}

/// An assembly file of Go's standard library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssemblyFile {
    /// The import path of its package: `crypto/md5`.
    pub package: String,
    /// Where it is.
    pub path: PathBuf,
}

impl AssemblyFile {
    /// Its package and its name: `crypto/md5/md5block_amd64.s`.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("{}/{}", self.package, name.to_string_lossy())
    }
}

impl Go {
    /// The Go that is installed; without one, `None` and a line that says that the test is skipped.
    pub fn find() -> Option<Go> {
        let target = target_dir();
        let root = match env::var_os("GOASM_GOROOT") {
            Some(root) => Some(PathBuf::from(root)),
            None => installed_below(&target.join("go")),
        };
        match root.filter(|root| root.join("bin/go").is_file()) {
            Some(root) => Some(Go { root, cache: target.join("goasm") }),
            None => {
                println!("SKIPPED: Go is not installed. `.ci/install-go` does that, or set GOASM_GOROOT.");
                None
            }
        }
    }

    /// Its directory: `$GOROOT`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the headers are that come with it: `textflag.h`, `funcdata.h`.
    pub fn include_dir(&self) -> PathBuf {
        self.root.join("pkg/include")
    }

    /// `go tool asm` for amd64 and Linux, with what `go build` defines for it. Its output (`-o`) must be a file of the test's own: Go
    /// removes whatever has that name when something is wrong with the source.
    pub fn assembler(&self) -> Command {
        let mut command = self.command();
        command.args(["tool", "asm", "-D", "GOOS_linux", "-D", "GOARCH_amd64", "-D", "GOAMD64_v1"]);
        command.arg("-I").arg(self.include_dir());
        command
    }

    /// A file for what the assembler makes and nobody wants. Never `/dev/null`: Go removes its output when it finds an error, and
    /// whoever runs as root would have no such device any more.
    pub fn unwanted(&self) -> Unwanted {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        fs::create_dir_all(&self.cache).expect("a directory in target");
        Unwanted(self.cache.join(format!("unwanted-{}-{count}.o", process::id())))
    }

    /// `go`, for amd64 and Linux, without cgo, whatever the environment says.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.root.join("bin/go"));
        command.env("GOROOT", &self.root).env("GOCACHE", self.cache.join("cache"));
        command.env("GOOS", "linux").env("GOARCH", "amd64").env("GOAMD64", "v1").env("CGO_ENABLED", "0");
        command.env("GOFLAGS", "").env("GOENV", "off").env("GOTOOLCHAIN", "local").current_dir(self.root.join("src"));
        command
    }

    /// All assembly files of the standard library that are built for amd64 and Linux, sorted.
    pub fn assembly_files(&self) -> Vec<AssemblyFile> {
        let template = "{{range .SFiles}}{{$.ImportPath}}\t{{$.Dir}}/{{.}}\n{{end}}";
        let list = self.list(&["-f", template, "std"]);
        let mut files: Vec<_> = list
            .lines()
            .filter_map(|line| line.split_once('\t'))
            // Functions for a test of their package, which Go lists with the rest because they are no Go source.
            .filter(|(_, path)| !path.ends_with("_test.s"))
            .map(|(package, path)| AssemblyFile { package: package.to_owned(), path: path.into() })
            .collect();
        files.sort();
        files
    }

    /// Directories that are searched for what a file includes: the headers that come with Go, and, where the file includes `go_asm.h`,
    /// where that is.
    pub fn include_dirs(&self, file: &AssemblyFile) -> Vec<PathBuf> {
        let mut dirs = vec![self.include_dir()];
        let text = fs::read_to_string(&file.path).expect("an assembly file");
        if text.contains("\"go_asm.h\"") {
            dirs.push(self.header_dir(&file.package));
        }
        dirs
    }

    /// The directory with the `go_asm.h` of a package: the constants and the offsets of fields of its Go source, which its compiler
    /// writes down.
    pub fn header_dir(&self, package: &str) -> PathBuf {
        let dir = self.cache.join("headers").join(self.version()).join(package);
        if dir.join("go_asm.h").is_file() {
            return dir;
        }
        // Made elsewhere and moved here when it is complete, because other tests may be about the same.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let work = self.cache.join(format!("work-{}-{count}", process::id()));
        fs::create_dir_all(&work).expect("a directory in target");
        fs::create_dir_all(&dir).expect("a directory in target");
        self.make_header(package, &work);
        fs::rename(work.join("made.h"), dir.join("go_asm.h")).expect("the header is there");
        fs::remove_dir_all(&work).expect("the directory was ours");
        dir
    }

    /// Makes `made.h` in `work`, as `go build` does: the assembler tells which functions are assembly, then the compiler writes it.
    fn make_header(&self, package: &str, work: &Path) {
        fs::write(work.join("go_asm.h"), "").expect("a file in target");
        let of = |field: &str| {
            self.list(&["-f", &format!("{{{{range .{field}}}}}{{{{$.Dir}}}}/{{{{.}}}}\n{{{{end}}}}"), package])
        };
        let mut functions = self.assembler();
        functions.arg("-I").arg(work).args(["-p", package, "-gensymabis", "-o"]).arg(work.join("symabis"));
        run(functions.args(of("SFiles").lines()));

        let export = "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}";
        fs::write(work.join("importcfg"), self.list(&["-export", "-deps", "-f", export, package]))
            .expect("a file in target");
        let mut compiler = self.command();
        compiler.args(["tool", "compile", "-std", "-p", package, "-o"]).arg(work.join("unused.a"));
        if package == "runtime" {
            compiler.arg("-+");
        }
        compiler.arg("-importcfg").arg(work.join("importcfg")).arg("-symabis").arg(work.join("symabis"));
        run(compiler.arg("-asmhdr").arg(work.join("made.h")).args(of("GoFiles").lines()));
    }

    fn version(&self) -> String {
        fs::read_to_string(self.root.join("VERSION"))
            .expect("Go's VERSION")
            .lines()
            .next()
            .unwrap_or("unknown")
            .to_owned()
    }

    fn list<S: AsRef<OsStr>>(&self, args: &[S]) -> String {
        run(self.command().arg("list").args(args))
    }
}

/// What a command prints, whether it succeeds or not.
pub fn output(command: &mut Command) -> String {
    both(command).0
}

/// What a command prints, and what it has to say against it, whether it succeeds or not.
pub fn both(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8(bytes).expect("Go prints UTF-8");
    (text(output.stdout), text(output.stderr))
}

/// A file that is removed when nobody uses it any more.
pub struct Unwanted(PathBuf);

impl AsRef<OsStr> for Unwanted {
    fn as_ref(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Drop for Unwanted {
    fn drop(&mut self) {
        // Go has removed it if it found an error.
        let _ = fs::remove_file(&self.0);
    }
}

/// What a command prints. It must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("Go prints UTF-8")
}

/// `target` of the workspace, or where it was moved to.
fn target_dir() -> PathBuf {
    // This program is in `target/debug/deps`.
    let program = env::current_exe().expect("the test's own path");
    let own = program.ancestors().nth(3).expect("a target directory").to_owned();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").join("target");
    if workspace.is_dir() { workspace } else { own }
}

/// The newest Go in `target/go`, whose directories are named after versions.
fn installed_below(dir: &Path) -> Option<PathBuf> {
    let mut roots: Vec<_> = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path().join("go")).collect();
    roots.sort();
    roots.into_iter().rev().find(|root| root.join("bin/go").is_file())
}
