//! Functions in which something is done that only assembly does, so that they must stay unchecked.

use super::elf::{self, Function};
use crate::error::{Error, Result};
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};
use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind};
use std::collections::{BTreeMap, HashSet};

/// `jmp *symbol@GOTPCREL(%rip)` without its operand.
const JUMP_BY_TABLE: [u8; 2] = [0xff, 0x25];

/// Why functions of an object must stay unchecked, by name. Run unchecked, on a big stack, they may do what they do.
///
/// - One calls something through a pointer, or by way of the global offset table, and not through the thunk: in inline assembly, or
///   because it has target features of its own where the thunk's were given for all others. Calls of `__tls_get_addr` are no calls:
///   the linker makes them loads in every executable.
/// - One moves the stack pointer by something that is not a constant, as coroutine libraries do to change stacks.
///
/// # Errors
/// When `object` is no ELF object.
pub fn unsuitable(object: &[u8]) -> Result<BTreeMap<String, &'static str>> {
    let places = Places::find(object)?;
    let mut info = InstructionInfoFactory::new();
    let mut found = BTreeMap::new();
    for function in elf::functions(object)? {
        if let Some(reason) = judge(object, &function, &places, &mut info) {
            found.insert(function.name, reason);
        }
    }
    Ok(found)
}

/// Where operands of calls and jumps are relocated.
struct Places {
    /// To `__tls_get_addr`.
    thread_locals: HashSet<usize>,
    /// To an entry of the global offset table, in a jump.
    jumps: HashSet<usize>,
}

impl Places {
    fn find(object: &[u8]) -> Result<Self> {
        let file = ElfFile64::<Endianness>::parse(object).map_err(Error::bad_object("an object"))?;
        let (mut thread_locals, mut jumps) = (HashSet::new(), HashSet::new());
        for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
            let Some((start, _)) = section.file_range() else { continue };
            for (offset, relocation) in section.relocations() {
                let at = (start + offset) as usize;
                let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
                if file.symbol_by_index(symbol).is_ok_and(|symbol| symbol.name() == Ok("__tls_get_addr")) {
                    thread_locals.insert(at);
                } else if at >= 2 && object[at - 2..at] == JUMP_BY_TABLE {
                    jumps.insert(at);
                }
            }
        }
        Ok(Self { thread_locals, jumps })
    }
}

fn judge(
    object: &[u8],
    function: &Function,
    places: &Places,
    info: &mut InstructionInfoFactory,
) -> Option<&'static str> {
    let mut decoder = Decoder::new(64, &object[function.code.clone()], DecoderOptions::NONE);
    while decoder.can_decode() {
        let start = decoder.position();
        let instruction = decoder.decode();
        let operand = || function.code.start + start + decoder.get_constant_offsets(&instruction).displacement_offset();
        let bypasses = match instruction.flow_control() {
            FlowControl::IndirectCall => !places.thread_locals.contains(&operand()),
            // Others lead to jump tables.
            FlowControl::IndirectBranch => places.jumps.contains(&operand()),
            _ => false,
        };
        if bypasses {
            return Some("it calls other code past the thunk, by target features of its own or in assembly");
        }
        if moves_stack_freely(&instruction, info) {
            return Some("it moves the stack pointer in assembly");
        }
    }
    None
}

/// Whether RSP gets a value that does not follow from its old one or from the frame pointer and a constant.
fn moves_stack_freely(instruction: &Instruction, info: &mut InstructionInfoFactory) -> bool {
    let is_of_frame = |register: Register| matches!(register, Register::RSP | Register::RBP);
    match instruction.mnemonic() {
        // What these do to RSP is known, but for one that loads it.
        Mnemonic::Pop => instruction.op0_register() == Register::RSP,
        _ if instruction.is_stack_instruction() => false,
        Mnemonic::Add | Mnemonic::Sub | Mnemonic::And if instruction.op0_register() == Register::RSP => {
            !matches!(instruction.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64)
        }
        Mnemonic::Mov if instruction.op0_register() == Register::RSP => !is_of_frame(instruction.op1_register()),
        Mnemonic::Lea if instruction.op0_register() == Register::RSP => {
            !is_of_frame(instruction.memory_base()) || instruction.memory_index() != Register::None
        }
        _ => info.info(instruction).used_registers().iter().any(|used| {
            let writes = matches!(
                used.access(),
                OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
            );
            used.register().full_register() == Register::RSP && writes
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves(code: &[u8]) -> bool {
        let instruction = Decoder::new(64, code, DecoderOptions::NONE).decode();
        moves_stack_freely(&instruction, &mut InstructionInfoFactory::new())
    }

    #[test]
    fn what_compilers_do_to_the_stack_pointer() {
        let codes: [(&str, &[u8]); 8] = [
            ("push %rbp", &[0x55]),
            ("mov %rsp, %rbp", &[0x48, 0x89, 0xe5]),
            ("sub $64, %rsp", &[0x48, 0x83, 0xec, 0x40]),
            ("and $-64, %rsp", &[0x48, 0x83, 0xe4, 0xc0]),
            ("lea -16(%rbp), %rsp", &[0x48, 0x8d, 0x65, 0xf0]),
            ("leave", &[0xc9]),
            ("ret", &[0xc3]),
            ("cmp %r11, %rsp", &[0x4c, 0x39, 0xdc]),
        ];
        for (text, code) in codes {
            assert!(!moves(code), "{text}");
        }
    }

    #[test]
    fn what_only_assembly_does() {
        let codes: [(&str, &[u8]); 5] = [
            ("mov (%rbx), %rsp", &[0x48, 0x8b, 0x23]),
            ("mov %rdi, %rsp", &[0x48, 0x89, 0xfc]),
            ("xchg %rax, %rsp", &[0x48, 0x94]),
            ("pop %rsp", &[0x5c]),
            ("sub %rax, %rsp", &[0x48, 0x29, 0xc4]),
        ];
        for (text, code) in codes {
            assert!(moves(code), "{text}");
        }
    }
}
