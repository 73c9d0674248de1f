//! Stripping, which has to wait until everything else is done: verification needs the symbols.

use crate::error::{Error, Result};
use crate::session::Session;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};

/// What `-C strip` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strip {
    Nothing,
    DebugInfo,
    Symbols,
}

impl Strip {
    /// Strips an executable in place.
    ///
    /// # Errors
    /// When that fails.
    pub fn apply(self, session: &Session, executable: &Path) -> Result<()> {
        let option = match self {
            Self::Nothing => return Ok(()),
            Self::DebugInfo => "--strip-debug",
            Self::Symbols => "--strip-all",
        };
        let objcopy = session.toolchain.objcopy();
        let mut command = Command::new(&objcopy);
        command.arg(option).arg(executable).stdin(Stdio::null());
        // The compiler's own programs find LLVM beside the compiler.
        command.env("LD_LIBRARY_PATH", session.toolchain.sysroot.join("lib"));
        let output = command.output().map_err(Error::run(&objcopy))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            command: format!("{} {option} {}", objcopy.display(), executable.display()),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
