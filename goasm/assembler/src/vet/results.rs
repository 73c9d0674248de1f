//! Whether each result is written before the function returns.
//!
//! As in `go vet`, it is enough that the result or a part of it is named somewhere in the function: who takes its address writes it, too.

use super::{Function, bytes, memory};
use crate::diagnostic::Diagnostic;
use crate::signature::Signature;
use crate::syntax::{Base, Instruction, Operand, Register};

pub(super) fn check(function: &Function, signature: &Signature, found: &mut Vec<Diagnostic>) {
    let operands = || function.instructions().flat_map(|(_, instruction)| &instruction.operands);
    // `RET f(SB)` goes on to f, which writes the results.
    let returns = || function.instructions().filter(|(_, ret)| ret.mnemonic == "RET" && ret.operands.is_empty());
    if signature.results.iter().all(|result| result.ty.size() == 0) {
        return;
    }

    if function.is_internal() {
        let is_written = function.instructions().any(|(_, instruction)| mentions_result_register(instruction));
        if !is_written {
            found.extend(returns().map(|(position, _)| {
                Diagnostic::new(position, format!("RET, but nothing has written to a result register of `{signature}`"))
            }));
        }
        return;
    }

    let reaches_all = operands().filter_map(|operand| memory(&operand.operand)).any(|memory| match memory.base {
        Some(Base::Fp) => memory.symbol.as_ref().is_some_and(|symbol| symbol.name == "argframe"),
        Some(Base::Register(Register::RSP)) => function.is_noframe(),
        _ => false,
    });
    if reaches_all {
        return;
    }
    for result in signature.results.iter().filter(|result| result.ty.size() > 0) {
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

/// The first result registers, and the system call, which writes one of them.
fn mentions_result_register(instruction: &Instruction) -> bool {
    instruction.mnemonic == "SYSCALL"
        || instruction.operands.iter().any(|operand| match &operand.operand {
            Operand::Register(register) => {
                matches!(register.full_register(), Register::RAX)
                    || register.number() == 0 && register.is_vector_register()
            }
            _ => false,
        })
}
