//! Statements as Go's listings write them.

use crate::registers::{name, special_name};
use crate::syntax::{Base, Index, Memory, Operand};
use std::fmt::Write as _;

/// An instruction with its operands.
pub(super) fn instruction(mnemonic: &str, suffixes: &[String], operands: &[Operand]) -> String {
    let mut text = mnemonic.to_owned();
    for suffix in suffixes {
        let _ = write!(text, ".{suffix}");
    }
    for (n, it) in operands.iter().enumerate() {
        text.push_str(if n == 0 { "\t" } else { ", " });
        operand(&mut text, it);
    }
    text
}

fn operand(text: &mut String, operand_: &Operand) {
    // Writing to a string does not fail.
    let _ = match operand_ {
        Operand::Register(register) => write!(text, "{}", name(*register)),
        Operand::Special(special) => write!(text, "{}", special_name(*special)),
        Operand::Pair(first, second) => write!(text, "{}:{}", name(*first), name(*second)),
        Operand::Range(first, last) => write!(text, "[{}-{}]", name(*first), name(*last)),
        Operand::Immediate(value) => write!(text, "${value}"),
        Operand::Float(value) => write!(text, "$({value:?})"),
        Operand::String(bytes) => write!(text, "$\"{}\"", bytes.escape_ascii()),
        Operand::Address(it) => {
            text.push('$');
            memory(text, it)
        }
        Operand::Memory(it) => memory(text, it),
        Operand::Indirect(inner) => {
            text.push('*');
            operand(text, inner);
            Ok(())
        }
        Operand::Label(label) => write!(text, "{label}"),
        Operand::PcRelative(distance) => write!(text, "{distance}(PC)"),
    };
}

fn memory(text: &mut String, memory: &Memory) -> std::fmt::Result {
    match &memory.symbol {
        Some(symbol) => {
            text.push_str(&symbol.name);
            if symbol.is_static {
                text.push_str("<>");
            }
            if memory.offset != 0 || matches!(memory.base, Some(Base::Fp | Base::VirtualSp)) {
                write!(text, "{:+}", memory.offset)?;
            }
        }
        None if memory.offset != 0 => write!(text, "{}", memory.offset)?,
        None => {}
    }
    match memory.base {
        Some(Base::Sb) => text.push_str("(SB)"),
        Some(Base::Fp) => text.push_str("(FP)"),
        Some(Base::VirtualSp) => text.push_str("(SP)"),
        Some(Base::Tls) => text.push_str("(TLS)"),
        Some(Base::Register(register)) => write!(text, "({})", name(register))?,
        None => {}
    }
    match memory.index {
        Some((Index::Register(register), scale)) => write!(text, "({}*{scale})", name(register)),
        Some((Index::Tls, scale)) => write!(text, "(TLS*{scale})"),
        None => Ok(()),
    }
}
