//! Whether each result is written before the function returns.
//!
//! As in `go vet`, it is enough that the result or a part of it is named somewhere in the function: who takes its address writes it, too.

use super::{Function, Known, bytes, memory};
use crate::diagnostic::Diagnostic;
use crate::signature::registers::Place;
use crate::syntax::{Abi, Base, Instruction, Memory, Operand, Register};

pub(super) fn check(function: &Function, known: &Known, found: &mut Vec<Diagnostic>) {
    let operands = || function.instructions().flat_map(|(_, instruction)| &instruction.operands);
    // `RET f(SB)` goes on to f, which writes the results.
    let returns = || function.instructions().filter(|(_, ret)| ret.mnemonic == "RET" && ret.operands.is_empty());
    let signature = known.signature;
    if signature.results.iter().all(|result| result.ty.size() == 0) {
        return;
    }

    let in_registers = |place: &Place| matches!(place, Place::Registers { .. });
    if known.assignment.is_some_and(|assignment| assignment.results.iter().any(in_registers)) {
        let is_written = function.instructions().any(|(_, instruction)| mentions_result_register(instruction));
        if !is_written {
            found.extend(returns().map(|(position, _)| {
                Diagnostic::new(position, format!("RET, but nothing has written to a result register of `{signature}`"))
            }));
        }
    }

    let reaches_all = operands().filter_map(|operand| memory(&operand.operand)).any(|memory| match memory.base {
        Some(Base::Fp) => memory.symbol.as_ref().is_some_and(|symbol| symbol.name == "argframe"),
        Some(Base::Register(Register::RSP)) => function.is_noframe(),
        _ => false,
    });
    if reaches_all {
        return;
    }
    for result in known.named.results.iter().filter(|result| result.ty.size() > 0) {
        let component = result.component();
        let is_named = operands().filter_map(|operand| memory(&operand.operand)).any(|memory| {
            memory.base == Some(Base::Fp)
                && memory.symbol.as_ref().is_some_and(|symbol| is_part(&symbol.name, &component.name))
        });
        if !is_named {
            found.extend(returns().map(|(position, _)| {
                let (what, offset, size) = (&component.what, component.offset, bytes(component.ty.size()));
                let name = &component.name;
                Diagnostic::new(
                    position,
                    format!("RET, but nothing has written the {size} of {what} at {name}+{offset}(FP)"),
                )
            }));
        }
    }
}

/// Whether it is meant as the result or a part of it. A part that it does not have is another mistake, which is reported as such.
fn is_part(name: &str, result: &str) -> bool {
    name.strip_prefix(result).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// The first result registers; the system call, which writes one of them; a call that may leave its own results there.
fn mentions_result_register(instruction: &Instruction) -> bool {
    let is_abi0 = |operand: &Operand| match operand {
        Operand::Memory(Memory { base: Some(Base::Sb), symbol: Some(symbol), .. }) => symbol.abi != Some(Abi::Internal),
        _ => false,
    };
    let calls_internal = || !instruction.operands.iter().any(|operand| is_abi0(&operand.operand));
    instruction.mnemonic == "SYSCALL"
        || instruction.mnemonic == "CALL" && calls_internal()
        || instruction.operands.iter().any(|operand| match &operand.operand {
            Operand::Register(register) => {
                matches!(register.full_register(), Register::RAX)
                    || register.number() == 0 && register.is_vector_register()
            }
            _ => false,
        })
}
