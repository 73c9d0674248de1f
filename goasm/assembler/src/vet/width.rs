//! How many bytes of memory an instruction reads or writes, by its mnemonic.

use crate::syntax::{Instruction, Operand};

/// Bytes that `instruction` reads or writes in memory; `None` if the mnemonic does not say, or if it only computes the address.
pub(super) fn of_memory(instruction: &Instruction) -> Option<u64> {
    let name = instruction.mnemonic.as_str();
    irregular(name).unwrap_or_else(|| {
        if instruction.operands.iter().any(|operand| is_vector(&operand.operand)) {
            scalar(name)
        } else {
            scalar(name).or_else(|| letter(name.chars().next_back()))
        }
    })
}

/// Mnemonics whose end says something else. The inner `None`: not to be known, or no access.
fn irregular(name: &str) -> Option<Option<u64>> {
    let known = match name {
        "LEAW" | "LEAL" | "LEAQ" => None,
        "MOVO" | "MOVOU" | "MOVOA" | "CMPXCHG16B" => Some(16),
        "CMPXCHG8B" => Some(8),
        "LDMXCSR" | "STMXCSR" | "VLDMXCSR" | "VSTMXCSR" => Some(4),
        "VMOVD" => Some(4),
        "MOVQ" | "MOVD" | "VMOVQ" => Some(8),
        "MOVL" => Some(4),
        "MOVHPD" | "MOVLPD" | "MOVHPS" | "MOVLPS" | "VMOVHPD" | "VMOVLPD" | "VMOVHPS" | "VMOVLPS" => Some(8),
        _ => return irregular_family(name),
    };
    Some(known)
}

/// Families of mnemonics that have the width in their middle.
fn irregular_family(name: &str) -> Option<Option<u64>> {
    let letter_at = |index: usize| letter(name.chars().nth(index));
    if name.starts_with("SET") {
        return Some(Some(1));
    }
    // CMOVLEQ is a move of 4 bytes, if equal.
    if name.starts_with("CMOV") {
        return Some(letter_at(4));
    }
    // MOVBLZX reads a byte and extends it with zeros.
    if name.starts_with("MOV") && (name.ends_with("ZX") || name.ends_with("SX")) {
        return Some(letter_at(3));
    }
    let scalar_name = name.strip_prefix('V').unwrap_or(name);
    // CVTSQ2SD, CVTTSD2SL: what it reads stands before the 2, behind a second T if it truncates.
    if let Some((from, _)) = scalar_name.strip_prefix("CVT").and_then(|rest| rest.split_once('2')) {
        return Some(match from.strip_prefix('T').unwrap_or(from) {
            "SD" | "SQ" | "USIQ" => Some(8),
            "SS" | "SL" | "USIL" => Some(4),
            "SI" | "USI" => letter(name.chars().next_back()),
            _ => None,
        });
    }
    if ["PINSR", "PEXTR", "PBROADCAST"].iter().any(|family| scalar_name.starts_with(family)) {
        return Some(match scalar_name.chars().next_back() {
            Some('D') => Some(4),
            last => letter(last),
        });
    }
    // The x87 unit: FMOVD, FADDDP; FMOVF, FMULF.
    if let Some(rest) = name.strip_prefix('F') {
        return Some(match rest.strip_suffix('P').unwrap_or(rest).chars().next_back() {
            Some('F' | 'L') => Some(4),
            Some('D' | 'V') => Some(8),
            Some('W') => Some(2),
            _ => None,
        });
    }
    if name.starts_with("KMOV") {
        return Some(match name.chars().next_back() {
            Some('D') => Some(4),
            last => letter(last),
        });
    }
    None
}

/// MOVSD, VADDSS: one floating-point number.
fn scalar(name: &str) -> Option<u64> {
    if name.ends_with("SD") {
        Some(8)
    } else if name.ends_with("SS") {
        Some(4)
    } else {
        None
    }
}

/// The suffixes of general instructions.
fn letter(suffix: Option<char>) -> Option<u64> {
    match suffix? {
        'B' => Some(1),
        'W' => Some(2),
        'L' => Some(4),
        'Q' => Some(8),
        _ => None,
    }
}

fn is_vector(operand: &Operand) -> bool {
    matches!(operand, Operand::Register(register) if register.is_vector_register() || register.is_mm())
}
