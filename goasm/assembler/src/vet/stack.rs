//! Uses of SP and BP that reach where they should not. Asked of every function, with a signature or without.

use super::{Function, bytes, memory, spell};
use crate::diagnostic::Diagnostic;
use crate::syntax::{Base, Index, Instruction, Operand, Register};

pub(super) fn check(function: &Function, found: &mut Vec<Diagnostic>) {
    check_sp(function, found);
    check_bp(function, found);
}

/// `off(SP)` above the frame reaches the return address and the arguments, which have names for it.
fn check_sp(function: &Function, found: &mut Vec<Diagnostic>) {
    // `$-8`, in Go's runtime, says that not even a return address is there.
    if function.is_noframe() || function.frame < 0 {
        return;
    }
    // Where the return address is, below which lies the saved BP if there is a frame at all.
    let saved_bp = if function.frame > 0 { 8 } else { 0 };
    let return_address = function.frame.saturating_add(saved_bp);
    let args = return_address.saturating_add(8);
    for (_, instruction) in function.instructions() {
        if moves_sp(instruction) {
            // From here on nothing is known.
            return;
        }
        for spanned in &instruction.operands {
            let Some(memory) = memory(&spanned.operand) else {
                continue;
            };
            let offset = memory.offset;
            // The return address of a function without a frame is at 0(SP), which is how it is read.
            let limit = if function.frame > 0 { return_address } else { args };
            if memory.base != Some(Base::Register(Register::RSP)) || memory.symbol.is_some() || offset < limit {
                continue;
            }
            let name = spell(&function.symbol.name);
            found.push(
                Diagnostic::new(
                    &spanned.position,
                    format!(
                        "`{offset}(SP)` is beyond the frame of {name}, which has {}",
                        bytes(function.frame.unsigned_abs())
                    ),
                )
                .note(if offset < args {
                    "The return address is there.".to_string()
                } else {
                    format!("Arguments and results are `name+{}(FP)`.", offset - args)
                }),
            );
        }
    }
}

/// Whether SP is elsewhere after the instruction.
fn moves_sp(instruction: &Instruction) -> bool {
    let is_sp = |operand: &Operand| matches!(operand, Operand::Register(Register::RSP));
    let mnemonic = instruction.mnemonic.as_str();
    mnemonic == "ADJSP"
        || mnemonic.starts_with("PUSH")
        || mnemonic.starts_with("POP") && !mnemonic.starts_with("POPCNT")
        // `NOP SP` says that it has been moved in a way that cannot be seen.
        || mnemonic == "NOP" && instruction.operands.iter().any(|operand| is_sp(&operand.operand))
        || instruction.operands.iter().skip(1).any(|operand| is_sp(&operand.operand))
}

/// BP is the caller's. Where there is no frame, nobody saves it.
fn check_bp(function: &Function, found: &mut Vec<Diagnostic>) {
    if function.frame > 0 {
        return;
    }
    for (position, instruction) in function.instructions() {
        let mnemonic = instruction.mnemonic.as_str();
        if writes_bp(instruction) {
            let name = spell(&function.symbol.name);
            found
                .push(Diagnostic::new(position, format!("{mnemonic} overwrites BP, which {name} has not saved")).note(
                "It is the caller's. A function with a frame saves it by itself: give it one, or use another register.",
            ));
            return;
        }
        // A function that reads it is taken to save it. Behind a jump other paths begin.
        let reads_bp = instruction.operands.iter().any(|operand| mentions_bp(&operand.operand));
        if reads_bp || mnemonic == "JMP" || mnemonic == "RET" {
            return;
        }
    }
}

fn writes_bp(instruction: &Instruction) -> bool {
    let only_reads = ["CMP", "TEST", "UCOMI", "COMI"].iter().any(|family| instruction.mnemonic.starts_with(family))
        && !instruction.mnemonic.starts_with("CMPXCHG")
        || matches!(instruction.mnemonic.as_str(), "BTW" | "BTL" | "BTQ");
    let last = instruction.operands.last().map(|operand| &operand.operand);
    instruction.operands.len() > 1 && !only_reads && last == Some(&Operand::Register(Register::RBP))
}

fn mentions_bp(operand: &Operand) -> bool {
    let is_bp = |register: Register| register == Register::RBP;
    match operand {
        Operand::Register(register) => is_bp(*register),
        Operand::Pair(first, second) => is_bp(*first) || is_bp(*second),
        Operand::Memory(memory) | Operand::Address(memory) => {
            memory.base == Some(Base::Register(Register::RBP))
                || matches!(memory.index, Some((Index::Register(index), _)) if is_bp(index))
        }
        Operand::Indirect(inner) => mentions_bp(inner),
        _ => false,
    }
}
