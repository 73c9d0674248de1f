//! Wrappers: a function of one calling convention that calls its namesake of the other.
//!
//! ```text
//!     ABI0 -> ABIInternal                            ABIInternal -> ABI0
//!         copies what has no registers                   stores registers as outgoing arguments
//!         loads registers from the arguments             copies what has none
//!         X15 = 0, R14 = g                               CALL
//!         CALL                                           copies results that have no registers
//!         stores registers as results                    loads registers from the others
//!         copies results that have none                  X15 = 0, R14 = g
//! ```
//!
//! They are statements like those of a source, so they are assembled, checked and mapped as those. Nothing that points into the stack
//! is theirs alone: outgoing arguments are in the callee's map.

use crate::diagnostic::Position;
use crate::object::flags;
use crate::signature::registers::{Assignment, G, Part, Place, ZERO};
use crate::signature::{Signature, Value};
use crate::syntax::{Abi, Base, Instruction, Memory, Operand, Register, Spanned, Statement, StatementKind, Symbol};

/// What has no registers is copied word by word up to this size; beyond, a string instruction is shorter.
const MAX_WORDWISE: u64 = 64;

/// `FUNCDATA_LocalsPointerMaps`, with the value of Go's `funcdata.h`.
const LOCALS_POINTER_MAPS: i64 = 1;

/// A wrapper for the function `signature.name`.
#[derive(Clone, Copy, Debug)]
pub struct Wrapper<'s> {
    /// What the function takes and gives; it is of this convention, and the wrapper of the other.
    pub signature: &'s Signature,
    /// The wrapper's symbol, which may be its own: `.add`.
    pub name: &'s str,
    /// The function's `TEXT`, as far as the wrapper's depends on it: `NEEDCTXT`.
    pub flags: u32,
    /// Where the wrapper is taken to be.
    pub position: &'s Position,
}

impl Wrapper<'_> {
    /// Its statements, `TEXT` first.
    pub fn statements(&self) -> Vec<Statement> {
        let assignment = Assignment::of(self.signature);
        let mut out = Out { position: self.position, statements: Vec::new() };
        let frame = match self.signature.abi {
            Abi::Internal => assignment.bytes,
            Abi::Abi0 => self.signature.args().next_multiple_of(8),
        };
        out.push(StatementKind::Text {
            symbol: Symbol {
                name: self.name.to_owned(),
                is_static: false,
                abi: (self.signature.abi == Abi::Abi0).then_some(Abi::Internal),
            },
            flags: flags::WRAPPER | flags::ABIWRAPPER | self.flags & flags::NEEDCTXT,
            frame: frame as i64,
            args: i64::try_from(self.signature.args()).ok(),
        });
        let no_pointers = Symbol { name: "no_pointers_stackmap".into(), is_static: false, abi: None };
        out.push(StatementKind::FuncData { index: LOCALS_POINTER_MAPS, symbol: no_pointers });
        match self.signature.abi {
            Abi::Internal => self.call_internal(&assignment, &mut out),
            Abi::Abi0 => self.call_abi0(&assignment, &mut out),
        }
        out.instruction("RET", []);
        out.statements
    }

    fn call_internal(&self, assignment: &Assignment, out: &mut Out) {
        let params = || self.signature.params.iter().zip(&assignment.params);
        let results = || self.signature.results.iter().zip(&assignment.results);
        for (value, at) in params().filter_map(on_stack) {
            out.copy(value.ty.size(), argument(value, value.offset), outgoing(at));
        }
        for (value, part) in params().flat_map(parts) {
            out.load(part, argument(value, value.offset + part.offset));
        }
        out.fixed_registers();
        out.call(self.signature);
        for (value, part) in results().flat_map(parts) {
            out.store(part, argument(value, value.offset + part.offset));
        }
        for (value, at) in results().filter_map(on_stack) {
            out.copy(value.ty.size(), outgoing(at), argument(value, value.offset));
        }
    }

    fn call_abi0(&self, assignment: &Assignment, out: &mut Out) {
        let params = || self.signature.params.iter().zip(&assignment.params);
        let results = || self.signature.results.iter().zip(&assignment.results);
        for (value, part) in params().flat_map(parts) {
            out.store(part, outgoing(value.offset + part.offset));
        }
        for (value, at) in params().filter_map(on_stack) {
            out.copy(value.ty.size(), argument(value, at), outgoing(value.offset));
        }
        out.call(self.signature);
        for (value, at) in results().filter_map(on_stack) {
            out.copy(value.ty.size(), outgoing(value.offset), argument(value, at));
        }
        for (value, part) in results().flat_map(parts) {
            out.load(part, outgoing(value.offset + part.offset));
        }
        out.fixed_registers();
    }
}

fn on_stack<'v>((value, place): (&'v Value, &'v Place)) -> Option<(&'v Value, u64)> {
    match place {
        Place::Stack(at) => Some((value, *at)),
        Place::Registers { .. } => None,
    }
}

fn parts<'v>((value, place): (&'v Value, &'v Place)) -> impl Iterator<Item = (&'v Value, &'v Part)> {
    let parts = match place {
        Place::Stack(_) => &[],
        Place::Registers { parts, .. } => parts.as_slice(),
    };
    parts.iter().map(move |part| (value, part))
}

/// A place in the wrapper's own arguments and results.
fn argument(value: &Value, offset: u64) -> Memory {
    let name = Symbol { name: value.name.clone(), is_static: false, abi: None };
    Memory { symbol: Some(name), offset: offset as i64, base: Some(Base::Fp), index: None }
}

/// A place in the callee's.
fn outgoing(offset: u64) -> Memory {
    Memory { symbol: None, offset: offset as i64, base: Some(Base::Register(Register::RSP)), index: None }
}

/// The statements so far.
struct Out<'p> {
    position: &'p Position,
    statements: Vec<Statement>,
}

impl Out<'_> {
    fn push(&mut self, kind: StatementKind) {
        self.statements.push(Statement { position: self.position.clone(), kind });
    }

    fn instruction<const N: usize>(&mut self, mnemonic: &str, operands: [Operand; N]) {
        let spanned = |operand| Spanned { position: self.position.clone(), operand };
        let operands = operands.into_iter().map(spanned).collect();
        let mnemonic = mnemonic.to_owned();
        self.push(StatementKind::Instruction(Instruction { mnemonic, suffixes: Vec::new(), operands }));
    }

    fn load(&mut self, part: &Part, from: Memory) {
        self.instruction(part.load(), [Operand::Memory(from), Operand::Register(part.register)]);
    }

    fn store(&mut self, part: &Part, to: Memory) {
        self.instruction(part.store(), [Operand::Register(part.register), Operand::Memory(to)]);
    }

    /// Copies so many bytes, while no register but R12 (of small ones), SI, DI and CX (of large ones) is used up.
    fn copy(&mut self, bytes: u64, from: Memory, to: Memory) {
        if bytes > MAX_WORDWISE {
            self.instruction("LEAQ", [Operand::Memory(from), Operand::Register(Register::RSI)]);
            self.instruction("LEAQ", [Operand::Memory(to), Operand::Register(Register::RDI)]);
            self.instruction("MOVQ", [Operand::Immediate(bytes as i64), Operand::Register(Register::RCX)]);
            self.instruction("REP", []);
            self.instruction("MOVSB", []);
            return;
        }
        let mut at = 0;
        while at < bytes {
            let (load, store, width) = match bytes - at {
                8.. => ("MOVQ", "MOVQ", 8),
                4.. => ("MOVL", "MOVL", 4),
                2.. => ("MOVWLZX", "MOVW", 2),
                _ => ("MOVBLZX", "MOVB", 1),
            };
            let there =
                |memory: &Memory| Operand::Memory(Memory { offset: memory.offset + at as i64, ..memory.clone() });
            self.instruction(load, [there(&from), Operand::Register(Register::R12)]);
            self.instruction(store, [Operand::Register(Register::R12), there(&to)]);
            at += width;
        }
    }

    /// What ABIInternal has in two registers at each call and return.
    fn fixed_registers(&mut self) {
        let tls = Memory { symbol: None, offset: 0, base: Some(Base::Tls), index: None };
        self.instruction("MOVQ", [Operand::Memory(tls), Operand::Register(G)]);
        self.instruction("XORPS", [Operand::Register(ZERO), Operand::Register(ZERO)]);
    }

    fn call(&mut self, signature: &Signature) {
        let abi = (signature.abi == Abi::Internal).then_some(Abi::Internal);
        let symbol = Symbol { name: signature.name.clone(), is_static: false, abi };
        let target = Memory { symbol: Some(symbol), offset: 0, base: Some(Base::Sb), index: None };
        self.instruction("CALL", [Operand::Memory(target)]);
    }
}
