//! What the front end tells the programs that cargo starts for it.

use crate::error::{Error, Result};
use crate::toolchain::Toolchain;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::env;
use std::path::PathBuf;

/// The variable that holds a [`Session`] as JSON.
pub const SESSION: &str = "CARGO_MORESTACK_SESSION";
/// The variable that holds a [`crate::link::Job`] as JSON.
pub const LINK: &str = "CARGO_MORESTACK_LINK";

/// The only target there is.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The configuration name by which source code knows a split build.
pub const CFG: &str = "morestack_split";

/// One build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    pub toolchain: Toolchain,
    /// Where the build's own files go.
    pub target_directory: PathBuf,
    /// Links to this program under the names by which it knows what to do.
    pub programs: Programs,
    /// The checked rlibs of std, or nothing if std stays foreign.
    pub checked_std: Option<PathBuf>,
    /// Rlibs with the runtime for programs that have none, if they are built already.
    pub runtime: Vec<PathBuf>,
    /// This is the build of that runtime.
    pub is_runtime: bool,
    /// Nothing is to be said about what goes well.
    pub quiet: bool,
    /// Files by which warnings that are given once know that they were.
    pub warned: PathBuf,
    /// What identifies this program: builds of another one are not up to date.
    pub tool: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Programs {
    pub rustc: PathBuf,
    pub linker: PathBuf,
    pub rustdoc: PathBuf,
}

impl Session {
    /// The session that this process belongs to.
    ///
    /// # Errors
    /// When it was not started by a build.
    pub fn current() -> Result<Self> {
        receive(SESSION)
    }

    /// Where the objects of the second pass are kept.
    pub fn units(&self) -> PathBuf {
        self.target_directory.join("units")
    }

    /// Prints a warning like cargo's, the first time in this build that `name` is warned of.
    pub fn warn_once(&self, name: &str, text: &str) {
        let first =
            std::fs::create_dir_all(&self.warned).and_then(|()| std::fs::File::create_new(self.warned.join(name)));
        match first {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            // Better twice than never.
            _ => eprintln!("warning: {text}"),
        }
    }
}

/// Reads what [`send`] has written.
///
/// # Errors
/// When `variable` is not set or was set by something else.
pub fn receive<T: DeserializeOwned>(variable: &'static str) -> Result<T> {
    let text = env::var(variable).map_err(|_| Error::NoSession { variable })?;
    serde_json::from_str(&text).map_err(Error::BadSession)
}

/// The contents of a variable for [`receive`].
///
/// # Errors
/// When `value` holds a path that is not UTF-8.
pub fn send<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Error::BadSession)
}
