//! Why functions are not registered, or not taken away.

use super::memory::RangeError;
use super::register::Registration;

/// Why functions are refused. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The range is none of code.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// There is nothing to register.
    #[error("no functions are given for the range {start:#x}-{end:#x}")]
    Nothing {
        /// First address.
        start: usize,
        /// One past the last.
        end: usize,
    },
    /// The range has addresses in common with functions that are known already.
    #[error("the range {start:#x}-{end:#x} overlaps {function} at {at:#x}: unregister that first")]
    Taken {
        /// First address.
        start: usize,
        /// One past the last.
        end: usize,
        /// A function there, or the first one of the other range.
        function: String,
        /// Where it, or its range, begins.
        at: usize,
    },
    /// A function does not lie in the range that is registered.
    #[error("function {function} ({entry:#x}-{end:#x}) lies outside the range {start:#x}-{stop:#x}, or has no end")]
    Outside {
        /// The function.
        function: String,
        /// Its entry.
        entry: usize,
        /// Its end.
        end: usize,
        /// First address of the range.
        start: usize,
        /// One past the last.
        stop: usize,
    },
    /// Two functions have the same name.
    #[error("two functions are called {function}, the second one at {entry:#x}: they are found by their names")]
    SameName {
        /// The name.
        function: String,
        /// Entry of the second.
        entry: usize,
    },
    /// What is said about a function is impossible whatever its code.
    #[error("function {function} at {entry:#x}: {what}")]
    Impossible {
        /// The function.
        function: String,
        /// Its entry.
        entry: usize,
        /// What is impossible.
        what: String,
    },
    /// What is said about a function is not what its code does.
    #[error("function {function}: at {at:#x} there is `{instruction}`, but {expected}")]
    Contradiction {
        /// The function.
        function: String,
        /// Where in it.
        at: usize,
        /// What is there, disassembled.
        instruction: String,
        /// What should be.
        expected: String,
    },
    /// Something that is said about the functions contradicts something else, or a chain of NOSPLIT functions is too long: see
    /// [`TableError`](crate::stack::table::TableError).
    #[error("functions at {start:#x}-{end:#x}: {what}")]
    Table {
        /// First address of the range.
        start: usize,
        /// One past the last.
        end: usize,
        /// The table's error.
        what: String,
    },
    /// A function calls one of another registration, which is just being taken away.
    #[error("function {function}: at {at:#x} it calls {callee:#x}, which is being unregistered")]
    Leaving {
        /// The function.
        function: String,
        /// Its call: where that returns to.
        at: usize,
        /// What it calls.
        callee: usize,
    },
    /// The program's own table of functions is refused, so nothing can be added to it.
    #[error("the program's own table of mapped functions is refused: {0}")]
    Program(String),
}

/// The functions are in use, and so they stay. [`into_registration`](InUse::into_registration) gives them back.
#[derive(Debug, thiserror::Error)]
#[error(
    "{count} call(s) of registered functions have not ended, so they stay: function {function} at {entry:#x} is in use by {user}"
)]
pub struct InUse {
    pub(super) registration: Registration,
    pub(super) count: usize,
    pub(super) function: String,
    pub(super) entry: usize,
    pub(super) user: User,
}

impl InUse {
    /// To try again later.
    pub fn into_registration(self) -> Registration {
        self.registration
    }

    /// How many uses there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The name of a function that was in use.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// By whom.
    pub fn user(&self) -> User {
        self.user
    }
}

/// Who uses a registered function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum User {
    /// The task with this number.
    Task(u64),
    /// A thread outside any task.
    Thread,
    /// The functions of another registration, which call it.
    Registration,
    /// One of more users than are told apart.
    Unknown,
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            User::Task(id) => write!(f, "task {id}"),
            User::Thread => f.write_str("a thread outside any task"),
            User::Registration => f.write_str("another registration, whose functions call it"),
            User::Unknown => f.write_str("one of very many"),
        }
    }
}
