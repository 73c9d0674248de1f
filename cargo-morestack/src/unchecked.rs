//! Records of functions that had to stay unchecked, each beside the file that it is about.
//!
//! The verifier has to know them: a direct call to one becomes a call of foreign code, a direct call to any other unchecked function
//! is an error.

use crate::codegen::LeftUnchecked;
use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "unchecked";

/// Writes the record of `file`, or removes an old one if there is nothing to record.
///
/// # Errors
/// When it cannot be written.
pub fn write(file: &Path, functions: &[LeftUnchecked]) -> Result<()> {
    let path = path(file);
    if functions.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", &path)(error)),
            _ => Ok(()),
        };
    }
    let text = serde_json::to_vec_pretty(functions).map_err(Error::BadSession)?;
    fs::write(&path, text).map_err(Error::file("write", &path))
}

/// The functions in the record of `file`. Without a record there are none.
///
/// # Errors
/// When there is one that cannot be read.
pub fn read(file: &Path) -> Result<Vec<LeftUnchecked>> {
    let path = path(file);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(Error::BadSession),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::file("read", &path)(error)),
    }
}

fn path(file: &Path) -> PathBuf {
    file.with_added_extension(EXTENSION)
}
