//! Why an instruction cannot be encoded.

use crate::machine::{Memory, Operand};
use crate::registers;
use crate::table::{self, Form};

use super::fit::Misfit;

/// Why an instruction cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// There is none of this name.
    #[error("unknown instruction {mnemonic}{}", near(.nearest))]
    Unknown {
        /// The name.
        mnemonic: String,
        /// A known name that is nearly the same.
        nearest: Option<String>,
    },
    /// It does not take such operands.
    #[error("{mnemonic} does not take ({given}); it takes {expected}")]
    Operands {
        /// The instruction.
        mnemonic: String,
        /// The operands in Go's syntax.
        given: String,
        /// What it takes instead, in Go's order.
        expected: String,
    },
    /// A number is too large or too small.
    #[error("{mnemonic}: the {what} {value} does not fit: expected {low} to {high}")]
    Range {
        /// The instruction.
        mnemonic: String,
        /// What the number is: `number`, or `offset` for an address.
        what: &'static str,
        /// The number.
        value: i64,
        /// The smallest that fits.
        low: i64,
        /// The largest that fits.
        high: i64,
    },
    /// It does not take this suffix, or not here.
    #[error("{mnemonic}: suffix .{suffix}: {what}")]
    Suffix {
        /// The instruction.
        mnemonic: String,
        /// The suffix.
        suffix: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Its suffixes do not go with its operands.
    #[error("{mnemonic} {what}")]
    Suffixes {
        /// The instruction.
        mnemonic: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The machine refuses to use a register twice.
    #[error("{mnemonic}: {registers} registers should be distinct")]
    Distinct {
        /// The instruction.
        mnemonic: String,
        /// Which of its registers.
        registers: &'static str,
    },
}

impl EncodeError {
    pub(super) fn unknown(mnemonic: &str) -> EncodeError {
        EncodeError::Unknown { mnemonic: mnemonic.into(), nearest: table::nearest(mnemonic).map(String::from) }
    }

    pub(super) fn misfit(mnemonic: &str, operands: &[Operand], forms: &[Form], misfit: Misfit) -> EncodeError {
        let mnemonic = mnemonic.to_string();
        match misfit {
            Misfit::Operands => EncodeError::Operands { mnemonic, given: given(operands), expected: expected(forms) },
            Misfit::Suffix(what) => EncodeError::Suffixes { mnemonic, what },
            Misfit::Number { value, range: (low, high) } => {
                EncodeError::Range { mnemonic, what: "number", value, low, high }
            }
        }
    }
}

fn near(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// The forms of an instruction, each once.
fn expected(forms: &[Form]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for form in forms {
        let text = form.describe();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() { "no operands".into() } else { texts.join(" | ") }
}

/// Operands as a source has them.
fn given(operands: &[Operand]) -> String {
    operands.iter().map(operand).collect::<Vec<String>>().join(", ")
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Register(register) => registers::name(*register),
        Operand::Special(special) => registers::special_name(*special).into(),
        Operand::Pair(first, second) => format!("{}:{}", registers::name(*first), registers::name(*second)),
        Operand::Range(first, last) => format!("[{}-{}]", registers::name(*first), registers::name(*last)),
        Operand::Immediate(value) => format!("${value}"),
        Operand::Memory(place) => memory(place),
        Operand::Target => "target".into(),
    }
}

fn memory(memory: &Memory) -> String {
    if memory.is_symbol {
        return "symbol(SB)".into();
    }
    let mut text = String::new();
    if memory.displacement != 0 || (memory.base.is_none() && memory.index.is_none()) {
        text += &memory.displacement.to_string();
    }
    if memory.is_thread_local {
        text += "(TLS)";
    }
    if let Some(base) = memory.base {
        text += &format!("({})", registers::name(base));
    }
    if let Some((index, scale)) = memory.index {
        text += &format!("({}*{scale})", registers::name(index));
    }
    text
}
