//! What a function is made of before it has addresses.

use crate::diagnostic::Position;
use crate::machine;

/// A machine instruction, data among the code, or a pseudo-instruction that takes no room.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// The statement that it is from, or for which it is inserted.
    pub(super) position: Position,
    /// As listings show it.
    pub(super) text: String,
    pub(super) is_inserted: bool,
    /// Bytes between the stack pointer and the return address before it.
    pub(super) depth: i64,
    /// What BP is before it.
    pub(super) bp: Bp,
    /// Index of the stack maps in force (`PCDATA $1`).
    pub(super) map: u32,
    pub(super) work: Work,
}

/// What BP is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bp {
    /// The caller's, and nobody has saved it.
    Caller,
    /// The caller's, but it has been pushed already.
    Pushed,
    /// It leads to where the caller's is saved, unless the function has put something else into it.
    Frame,
}

/// What a piece becomes.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Nothing.
    Nothing,
    /// Padding up to a multiple of this.
    Align(u32),
    /// These bytes.
    Data(Vec<u8>),
    /// An instruction.
    Machine { mnemonic: String, suffixes: Vec<String>, operands: Vec<machine::Operand>, reference: Option<Reference> },
}

/// What an instruction refers to by address.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reference {
    /// A place in this function.
    Inside(Place),
    /// A symbol, by its linkage name.
    Symbol { name: String, addend: i64 },
    /// The word that holds the current `g`, plus so many bytes.
    CurrentG { addend: i64 },
}

/// A place in a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The function's first instruction.
    Entry,
    /// The piece with this index.
    Piece(usize),
    /// The first piece of the statement with this index.
    Statement(usize),
    /// Where a failed check goes.
    Slow,
}
