//! What is made once per compiler and kept in the user's cache directory.

use crate::error::{Error, Result};
use crate::toolchain::Toolchain;
use etcetera::BaseStrategy as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Bytes of a compiler's id that name its directory: enough for no two compilers to meet, short enough to read.
const ID_LENGTH: usize = 16;

/// The directory for what belongs to one compiler.
///
/// # Errors
/// When the environment names no home, or the directory cannot be made.
pub fn directory(toolchain: &Toolchain) -> Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy().map_err(|error| Error::NoCache { reason: error.to_string() })?;
    let id = toolchain.id.get(..ID_LENGTH).unwrap_or(&toolchain.id);
    let directory = strategy.cache_dir().join("cargo-morestack").join(id);
    fs::create_dir_all(&directory).map_err(Error::file("make", &directory))?;
    Ok(directory)
}

/// Makes the directory `name` in `parent` by calling `make` with an empty one, unless it is there.
///
/// Two builds at a time make it once; one that is interrupted leaves nothing under the name.
///
/// # Errors
/// Those of `make`, or when files cannot be written.
pub fn once(parent: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let directory = parent.join(name);
    if directory.exists() {
        return Ok(directory);
    }
    let _lock = lock(parent, name)?;
    if !directory.exists() {
        let aside = parent.join(format!("{name}.unfinished"));
        // What an interrupted build has left.
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(Error::file("remove", &aside))?;
        }
        fs::create_dir(&aside).map_err(Error::file("make", &aside))?;
        make(&aside)?;
        fs::rename(&aside, &directory).map_err(Error::file("rename", &aside))?;
    }
    Ok(directory)
}

/// Waits for its turn with what `name` stands for. The turn ends when the file is dropped, or the process.
///
/// # Errors
/// When the file cannot be made or locked.
pub fn lock(parent: &Path, name: &str) -> Result<File> {
    let path = parent.join(format!("{name}.lock"));
    let lock = File::create(&path).map_err(Error::file("make", &path))?;
    lock.lock().map_err(Error::file("lock", &path))?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_once_and_repairs_what_was_interrupted() {
        let parent = tempfile::tempdir().expect("a directory");
        let failing = once(parent.path(), "x", |aside| {
            fs::write(aside.join("half"), "").expect("written");
            Err(Error::NoCache { reason: "interrupted".into() })
        });
        assert!(failing.is_err() && !parent.path().join("x").exists());
        let made = once(parent.path(), "x", |aside| {
            assert_eq!(fs::read_dir(aside).expect("listed").count(), 0);
            fs::write(aside.join("whole"), "").map_err(Error::file("write", aside))
        });
        assert!(made.expect("made").join("whole").exists());
        once(parent.path(), "x", |_| panic!("made again")).expect("there");
    }
}
