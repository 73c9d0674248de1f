//! The files that a source consists of, and places in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};

/// A place in one of the [`Files`]: small, because every token has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index into [`Files`].
    pub file: u32,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

/// The names of all files, headers that were never on a disk among them.
#[derive(Debug, Default)]
pub(crate) struct Files {
    names: Vec<Arc<str>>,
}

impl Files {
    /// Remembers a name, and says by which number places have it.
    pub fn add(&mut self, name: &str) -> u32 {
        let number = self.names.len() as u32;
        self.names.push(name.into());
        number
    }

    /// A place in words.
    pub fn position(&self, place: Place) -> Position {
        Position { file: self.names[place.file as usize].clone(), line: place.line, column: place.column }
    }
}

/// Reads a source file.
///
/// # Errors
///
/// It is not there, is no file (reading a device or a pipe may never end), or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display().to_string();
    let whole = Position { file: name.as_str().into(), line: 0, column: 0 };
    let cannot = |error: std::io::Error| Diagnostic::new(&whole, format!("this source cannot be read: {error}"));
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(Diagnostic::new(&whole, "this is no file, so it is not read"));
    }
    String::from_utf8(fs::read(path).map_err(cannot)?).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        let line = valid.matches('\n').count() as u32 + 1;
        let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
        Diagnostic::new(&Position { line, column, ..whole.clone() }, "this is not UTF-8, which sources are written in")
    })
}

/// The first of the files of that name in the directories.
pub(crate) fn find(name: &str, dirs: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    dirs.map(|dir| dir.join(name)).find(|path| path.is_file())
}
