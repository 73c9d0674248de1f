//! Instructions as the machine has them: what is left when pseudo-registers are resolved and the frame is known.

use crate::syntax::Register;

/// An operand of a machine instruction, in Go's order.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A register; general ones without a width, as in [`crate::syntax::Operand::Register`].
    Register(Register),
    /// A register of a special instruction. Never `Tls`.
    Special(crate::syntax::Special),
    /// The pair of a double shift.
    Pair(Register, Register),
    /// A range of vector registers.
    Range(Register, Register),
    /// A number.
    Immediate(i64),
    /// Memory.
    Memory(Memory),
    /// The target of a direct jump or call, whose distance is filled in later.
    Target,
}

/// Memory, with nothing but the machine's registers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// A general register, or none.
    pub base: Option<Register>,
    /// A general or vector register, and what it is multiplied with.
    pub index: Option<(Register, u8)>,
    /// Added to them. If `is_symbol`, its value is filled in later.
    pub displacement: i64,
    /// The address is that of a symbol, found relative to the program counter: no base, no index.
    pub is_symbol: bool,
    /// The address is relative to the thread pointer (`%fs:`), and the displacement a fixed 32-bit one that is filled in later.
    pub is_thread_local: bool,
}
