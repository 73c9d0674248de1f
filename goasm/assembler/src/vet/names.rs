//! Whether each `name+off(FP)` is a value of the signature, at its offset, with its width.

use super::{Function, Known, bytes, memory, width};
use crate::diagnostic::Diagnostic;
use crate::signature::{Component, Type};
use crate::syntax::{Base, Instruction, Operand, Spanned};

pub(super) fn check(function: &Function, known: &Known, found: &mut Vec<Diagnostic>) {
    for (_, instruction) in function.instructions() {
        for operand in &instruction.operands {
            found.extend(check_operand(instruction, operand, known));
        }
    }
}

fn check_operand(instruction: &Instruction, spanned: &Spanned, known: &Known) -> Option<Diagnostic> {
    let memory = memory(&spanned.operand).filter(|memory| memory.base == Some(Base::Fp))?;
    let name = memory.symbol.as_ref()?.name.as_str();
    let written = format!("`{name}{:+}(FP)`", memory.offset);
    let error = |message: String| Some(Diagnostic::new(&spanned.position, message));

    let signature = known.signature;
    let Some(component) = known.named.find(name) else {
        // The frame itself has a name, too.
        if name == "argframe" && memory.offset == 0 {
            return None;
        }
        if let Some(registers) = known.registers(name) {
            return error(format!("{written} is not on the stack: {registers} (ABIInternal)"));
        }
        let there = u64::try_from(memory.offset).ok().and_then(|offset| known.named.find_at(offset));
        return error(match there {
            Some(there) => format!("{written} is no value of `{signature}`: {} is {}", reference(&there), there.what),
            None => format!("{written} is no value of `{signature}`, and nothing is at this offset"),
        });
    };
    if u64::try_from(memory.offset) != Ok(component.offset) {
        let mut right = component.parts(3).iter().map(reference).collect::<Vec<_>>();
        right.insert(0, reference(&component));
        let distance = match memory.offset {
            offset @ ..0 => format!("{} before the arguments", bytes(offset.unsigned_abs())),
            offset => format!("{} into the arguments", bytes(offset.unsigned_abs())),
        };
        return error(format!("{written} is {distance}, but {} is at {}", component.what, right.join(", ")));
    }

    let width = width::of_memory(instruction)?;
    let mnemonic = &instruction.mnemonic;
    if let Operand::Address(_) = spanned.operand {
        return match width {
            8 => None,
            _ => error(format!("{mnemonic} moves {}, but the address of {} has 8", bytes(width), component.what)),
        };
    }
    if fits(width, &component) {
        return None;
    }
    let parts = component.parts(3).iter().map(reference).collect::<Vec<_>>();
    let mut diagnostic = Diagnostic::new(
        &spanned.position,
        format!("{mnemonic} moves {}, but {} has {}", bytes(width), component.what, component.ty.size()),
    );
    if !parts.is_empty() {
        diagnostic = diagnostic.note(format!("Its parts are {}.", parts.join(", ")));
    }
    Some(diagnostic)
}

/// Whether an access of `width` bytes is one of the whole component, or of a slice's or string's first word.
fn fits(width: u64, component: &Component) -> bool {
    match component.ty {
        Type::Slice | Type::String => width == Type::Pointer.size(),
        ref ty => width == ty.size(),
    }
}

fn reference(component: &Component) -> String {
    format!("{}+{}(FP)", component.name, component.offset)
}
