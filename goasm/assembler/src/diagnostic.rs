//! What is wrong with a source, and where.

use std::fmt;
use std::sync::Arc;

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The file's path as it was named.
    pub file: Arc<str>,
    /// Line, counted from 1; 0 if the whole file is meant.
    pub line: u32,
    /// Column in characters, counted from 1; 0 if the whole line is meant.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One thing that is wrong: where, what, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where. In a macro's expansion: where the macro is used.
    pub position: Position,
    /// What is wrong and what was expected, in one sentence.
    pub message: String,
    /// Further places or advice, a line each.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// Something wrong at `position`.
    pub fn new(position: &Position, message: impl Into<String>) -> Diagnostic {
        Diagnostic { position: position.clone(), message: message.into(), notes: Vec::new() }
    }

    /// The same with one more line of advice.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)?;
        self.notes.iter().try_for_each(|note| write!(f, "\n    {note}"))
    }
}

impl std::error::Error for Diagnostic {}
