//! How an unwinder finds the caller from each instruction.

use super::piece::{Bp, Piece};
use crate::object::{Cfa, Function, Unwind};
use iced_x86::{InstructionInfoFactory, OpAccess, Register};

/// The rows for a function whose code is laid out; `pieces` are what its instructions are from, one by one.
///
/// From BP while it leads to the frame, as in all code of the runtime: then pushes and pops need no rows. A function that uses BP for
/// something else is unwound from SP, whose depth is known everywhere.
pub(super) fn rows(function: &Function, pieces: &[Piece]) -> Vec<Unwind> {
    let is_bp_lent = writes_bp(function);
    let mut rows: Vec<Unwind> = Vec::new();
    for (placed, piece) in function.instructions.iter().zip(pieces) {
        let cfa = match piece.bp {
            Bp::Frame if !is_bp_lent => Cfa::Bp(16),
            _ => Cfa::Sp(piece.depth + 8),
        };
        let row = Unwind { at: placed.at, cfa, is_bp_saved: piece.bp != Bp::Caller };
        // Several pieces without bytes begin where the next one does, which counts.
        while rows.last().is_some_and(|last| last.at == row.at) {
            rows.pop();
        }
        if rows.last().is_none_or(|last| (last.cfa, last.is_bp_saved) != (row.cfa, row.is_bp_saved)) {
            rows.push(row);
        }
    }
    rows
}

/// Whether an instruction that nobody inserted changes BP.
fn writes_bp(function: &Function) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let own = function.instructions.iter().filter(|placed| !placed.is_inserted).filter_map(|placed| placed.machine);
    own.into_iter().any(|machine| writes(&mut factory, &machine, Register::RBP))
}

/// Whether `machine` changes a register or a part of it.
pub(crate) fn writes(
    factory: &mut InstructionInfoFactory,
    machine: &iced_x86::Instruction,
    register: Register,
) -> bool {
    factory.info(machine).used_registers().iter().any(|used| {
        used.register().full_register() == register
            && !matches!(used.access(), OpAccess::None | OpAccess::Read | OpAccess::CondRead)
    })
}
