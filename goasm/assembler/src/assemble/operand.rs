//! Operands of the source become operands of the machine: pseudo-registers, names and constants.

use super::names;
use super::piece::Reference;
use super::variables::Variables;
use crate::diagnostic::{Diagnostic, Position};
use crate::machine;
use crate::object::Options;
use crate::syntax::{Base, Index, Memory, Operand, Register, Special};

/// Where names of arguments and locals lead at some instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    /// Bytes between the stack pointer and the return address, as the assembler counts them.
    pub(super) bytes: i64,
    /// Of which the saved BP takes these.
    pub(super) bp: i64,
}

/// What an instruction is made with.
pub(super) struct Resolver<'a, 's> {
    pub(super) options: &'a Options,
    pub(super) variables: &'a mut Variables<'s>,
    pub(super) depth: Depth,
}

impl Resolver<'_, '_> {
    /// A memory operand, and what linking has to fill in.
    pub(super) fn memory(
        &self,
        position: &Position,
        memory: &Memory,
    ) -> Result<(machine::Memory, Option<Reference>), Diagnostic> {
        let mut it = machine::Memory { displacement: memory.offset, ..machine::Memory::default() };
        let mut reference = None;
        match memory.base {
            Some(Base::Register(register)) => it.base = Some(register),
            Some(Base::Fp) => {
                it.base = Some(Register::RSP);
                it.displacement += self.depth.bytes + 8;
            }
            Some(Base::VirtualSp) => {
                it.base = Some(Register::RSP);
                it.displacement += self.depth.bytes - self.depth.bp;
            }
            Some(Base::Tls) => it.is_thread_local = true,
            Some(Base::Sb) => {
                let Some(symbol) = &memory.symbol else {
                    return Err(Diagnostic::new(position, "(SB) needs a symbol before it: `name(SB)`"));
                };
                if memory.index.is_some() {
                    let message = "a symbol cannot be indexed: its address is found relative to the program counter";
                    return Err(Diagnostic::new(position, message)
                        .note("take the address into a register first: `LEAQ name(SB), R8`, then `(R8)(CX*8)`"));
                }
                it.is_symbol = true;
                let addend = std::mem::take(&mut it.displacement);
                reference = Some(Reference::Symbol { name: names::linkage(symbol, self.options), addend });
            }
            None => {}
        }
        match memory.index {
            // In position-dependent code the register holds the thread pointer; here the segment does.
            Some((Index::Tls, _)) => (it.is_thread_local, it.base) = (true, None),
            Some((Index::Register(register), scale)) => it.index = Some((register, scale)),
            None => {}
        }
        if it.is_thread_local {
            if it.index.is_some() {
                return Err(Diagnostic::new(position, "(TLS) cannot be indexed: load g into a register first"));
            }
            reference = Some(Reference::CurrentG { addend: std::mem::take(&mut it.displacement) });
        }
        Ok((it, reference))
    }

    /// Any operand but an address. `width`: bytes of a floating-point constant.
    pub(super) fn operand(
        &mut self,
        position: &Position,
        operand: &Operand,
        width: u32,
    ) -> Result<(machine::Operand, Option<Reference>), Diagnostic> {
        let refuse = |message: &str| Err(Diagnostic::new(position, message));
        let simple = match operand {
            Operand::Register(register) => machine::Operand::Register(*register),
            Operand::Special(Special::Tls) => {
                return refuse("TLS stands only in `MOVQ TLS, register` and in addresses: `0(CX)(TLS*1)`");
            }
            Operand::Special(special) => machine::Operand::Special(*special),
            Operand::Pair(first, second) => machine::Operand::Pair(*first, *second),
            Operand::Range(first, last) => machine::Operand::Range(*first, *last),
            Operand::Immediate(value) => machine::Operand::Immediate(*value),
            Operand::Float(value) => {
                let name = self.variables.float(*value, width, position);
                let memory = machine::Memory { is_symbol: true, ..machine::Memory::default() };
                return Ok((machine::Operand::Memory(memory), Some(Reference::Symbol { name, addend: 0 })));
            }
            Operand::Memory(memory) => {
                let (memory, reference) = self.memory(position, memory)?;
                return Ok((machine::Operand::Memory(memory), reference));
            }
            Operand::Indirect(inner) => return self.operand(position, inner, width),
            Operand::Address(_) => {
                return refuse("an address is no constant here: programs are loaded anywhere; take it with LEAQ");
            }
            Operand::String(_) => return refuse("a string stands in DATA only"),
            Operand::Label(label) => {
                return refuse(&format!(
                    "{label} is a label, which only jumps take; a register or constant is misspelt?"
                ));
            }
            Operand::PcRelative(_) => return refuse("n(PC) stands in jumps only"),
        };
        Ok((simple, None))
    }
}
