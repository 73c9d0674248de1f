//! The compiler and what ships with it.

use crate::error::{Error, Result};
use crate::session::TARGET;
use serde::{Deserialize, Serialize};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiler that cargo uses here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toolchain {
    pub rustc: PathBuf,
    pub sysroot: PathBuf,
    /// What identifies this very compiler: its commit, or its version where none is known.
    pub id: String,
    /// For messages: `rustc 1.95.0 (...)`.
    pub version: String,
}

impl Toolchain {
    /// Asks the compiler.
    ///
    /// # Errors
    /// When it cannot be run, or lacks a part that is needed.
    pub fn find() -> Result<Self> {
        let rustc: PathBuf = env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
        let verbose = ask(&rustc, &["-vV"])?;
        let field = |name: &str| verbose.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let version = verbose.lines().next().unwrap_or_default().to_string();
        let id = match field("commit-hash:") {
            Some(hash) if hash != "unknown" => hash.to_string(),
            _ => blake3::hash(verbose.as_bytes()).to_hex().to_string(),
        };
        if field("host:") != Some(TARGET) {
            return Err(Error::Refused {
                what: format!("a build on {}", field("host:").unwrap_or("this machine")),
                why: "the check reads a slot of glibc's thread control block on x86-64",
                remedy: "use x86_64-unknown-linux-gnu",
            });
        }
        let sysroot = PathBuf::from(ask(&rustc, &["--print", "sysroot"])?.trim());
        // The compiler itself and not rustup's stand-in, which would choose again in another directory.
        let rustc = Some(sysroot.join("bin/rustc")).filter(|path| path.exists()).unwrap_or(rustc);
        let toolchain = Self { rustc, sysroot, id, version };
        let lld = toolchain.lld();
        if !lld.exists() {
            return Err(Error::Refused {
                what: format!("{} without `{}`", toolchain.version, lld.display()),
                why: "its code generator puts in the checks",
                remedy: "install the compiler with rustup",
            });
        }
        Ok(toolchain)
    }

    /// The linker that ships with the compiler, and with it LLVM's code generator.
    pub fn lld(&self) -> PathBuf {
        self.programs().join("rust-lld")
    }

    /// LLVM's objcopy, which ships with the compiler.
    pub fn objcopy(&self) -> PathBuf {
        self.programs().join("rust-objcopy")
    }

    /// cargo of the same toolchain, if it has one.
    pub fn cargo(&self) -> Option<PathBuf> {
        Some(self.sysroot.join("bin/cargo")).filter(|path| path.exists())
    }

    pub fn rustdoc(&self) -> PathBuf {
        self.sysroot.join("bin/rustdoc")
    }

    /// The directory with std's rlibs.
    pub fn libraries(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(TARGET).join("lib")
    }

    fn programs(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(TARGET).join("bin")
    }
}

fn ask(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(Error::run(program))?;
    if !output.status.success() {
        return Err(Error::Failed {
            command: format!("{} {}", program.display(), arguments.join(" ")),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
