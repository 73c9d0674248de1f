//! What each instruction of the source becomes.

use super::frame::{self, Inserted};
use super::lower::{Lowering, MAX_FRAME, machine};
use super::piece::{Place, Reference, Work};
use super::{names, print};
use crate::diagnostic::{Diagnostic, Position};
use crate::syntax::{Base, Instruction, Memory, Operand, Register, Special};
use crate::{machine, registers};

impl<'a> Lowering<'a, '_> {
    pub(super) fn instruction(&mut self, position: &Position, instruction: &'a Instruction) -> Result<(), Diagnostic> {
        let Instruction { mnemonic, suffixes, operands } = instruction;
        let plain: Vec<Operand> = operands.iter().map(|it| self.shown(&it.operand)).collect();
        let text = print::instruction(mnemonic, suffixes, &plain);
        match (mnemonic.as_str(), plain.as_slice()) {
            ("RET", []) => {
                self.epilogue(position)?;
                self.push(position, text, machine("RET", Vec::new(), None), false);
                self.again();
            }
            ("RET", [_]) => {
                let reference = self.target(position, "RET", &operands[0].operand)?;
                self.epilogue(position)?;
                let jump = machine("JMP", vec![machine::Operand::Target], Some(reference));
                self.push(position, text.replacen("RET", "JMP", 1), jump, false);
                self.again();
            }
            ("NOP", _) => self.push(position, text, Work::Nothing, false),
            ("UNDEF", []) => self.push(position, text, Work::Data(vec![0x0f, 0x0b]), false),
            ("BYTE" | "WORD" | "LONG" | "QUAD", [_, ..]) => {
                let work = self.bytes(position, mnemonic, operands.iter().map(|it| &it.operand))?;
                self.push(position, text, work, false);
            }
            ("ADJSP", [Operand::Immediate(bytes)]) if bytes.abs() <= MAX_FRAME && bytes % 8 == 0 => {
                let Inserted { text, work, moves, .. } = frame::adjust(*bytes);
                self.push(position, text, work, false);
                self.moved(moves);
            }
            ("ADJSP", _) => {
                return Err(Diagnostic::new(
                    position,
                    "ADJSP takes the bytes that SP goes down, a multiple of 8: `ADJSP $16`",
                ));
            }
            ("DUFFZERO" | "DUFFCOPY", _) => {
                return Err(Diagnostic::new(
                    position,
                    format!("{mnemonic} is the Go compiler's; write a loop or REP; STOSQ"),
                ));
            }
            ("MOVQ", [Operand::Special(Special::Tls), Operand::Register(_)]) => {
                // Position-dependent code would load the thread pointer; the address that follows has it as a segment.
                self.push(position, text, Work::Nothing, false);
            }
            ("MOVSS" | "MOVSD", [Operand::Float(value), Operand::Register(register)]) if value.to_bits() == 0 => {
                let name = registers::name(*register);
                let work = machine("XORPS", vec![machine::Operand::Register(*register); 2], None);
                self.push(position, format!("XORPS\t{name}, {name}"), work, false);
            }
            _ if is_branch(mnemonic) => {
                let [target] = &operands[..] else {
                    return Err(Diagnostic::new(position, format!("{mnemonic} takes one operand, where to go")));
                };
                let work = self.branch(position, mnemonic, suffixes, &target.operand)?;
                self.push(position, text, work, false);
            }
            _ => self.ordinary(position, instruction, text)?,
        }
        Ok(())
    }

    /// An instruction that the machine has as it stands, but for its operands.
    fn ordinary(&mut self, position: &Position, instruction: &Instruction, text: String) -> Result<(), Diagnostic> {
        let (mut mnemonic, mut text) = (instruction.mnemonic.as_str(), text);
        let mut operands = Vec::with_capacity(instruction.operands.len());
        let mut reference = None;
        for (n, spanned) in instruction.operands.iter().enumerate() {
            let operand = match (&spanned.operand, mnemonic, n) {
                // The address of something is computed, because only loading makes it a constant.
                (Operand::Address(memory), "MOVQ" | "MOVL", 0) => {
                    let lea = if mnemonic == "MOVQ" { "LEAQ" } else { "LEAL" };
                    text = text.replacen(mnemonic, lea, 1).replacen('$', "", 1);
                    mnemonic = lea;
                    &Operand::Memory(memory.clone())
                }
                // Which comparison it is: the one constant that is written without `$`.
                (Operand::Memory(memory), "CMPPS" | "CMPPD" | "CMPSS" | "CMPSD", 2) if is_number(memory) => {
                    &Operand::Immediate(memory.offset)
                }
                (operand, ..) => operand,
            };
            let (operand, its) = self.resolver.operand(&spanned.position, operand, float_width(mnemonic))?;
            operands.push(operand);
            if its.is_some() && std::mem::replace(&mut reference, its).is_some() {
                return Err(Diagnostic::new(position, format!("{mnemonic} has two operands in memory")));
            }
        }
        let moves = moves(mnemonic);
        let hidden = hidden(mnemonic, &operands);
        let work = Work::Machine {
            mnemonic: mnemonic.to_owned(),
            suffixes: instruction.suffixes.clone(),
            operands,
            reference,
        };
        self.push(position, text, work, false);
        self.hidden += hidden;
        self.moved(moves);
        Ok(())
    }

    /// An operand as listings show it: names of arguments and locals with their distance from SP.
    fn shown(&self, operand: &Operand) -> Operand {
        let depth = self.resolver.depth;
        let moved = |memory: &Memory| {
            let by = match memory.base {
                Some(Base::Fp) => depth.bytes + 8,
                Some(Base::VirtualSp) => depth.bytes - depth.bp,
                _ => 0,
            };
            let mut memory = memory.clone();
            memory.offset = memory.offset.wrapping_add(by);
            if let Some(symbol) = &mut memory.symbol
                && symbol.name.starts_with('.')
            {
                symbol.name.insert_str(0, &self.resolver.options.package);
            }
            memory
        };
        match operand {
            Operand::Memory(memory) => Operand::Memory(moved(memory)),
            Operand::Address(memory) => Operand::Address(moved(memory)),
            Operand::Indirect(inner) => Operand::Indirect(Box::new(self.shown(inner))),
            other => other.clone(),
        }
    }

    fn epilogue(&mut self, position: &Position) -> Result<(), Diagnostic> {
        let depth = self.resolver.depth.bytes;
        let own = i64::from(self.frame.need());
        if depth != own {
            let message = format!("{} returns with {} bytes pushed and not popped", self.name, depth - own);
            return Err(
                Diagnostic::new(position, message).note("PUSH, POP and ADJSP are counted in the order of the lines")
            );
        }
        self.insert(position, frame::epilogue(&self.frame));
        Ok(())
    }

    /// What follows a return is reached from elsewhere, with the frame in place.
    fn again(&mut self) {
        self.resolver.depth.bytes = i64::from(self.frame.need());
        (self.hidden, self.bp) = (0, self.frame.bp());
    }

    fn bytes<'o>(
        &self,
        position: &Position,
        mnemonic: &str,
        operands: impl Iterator<Item = &'o Operand>,
    ) -> Result<Work, Diagnostic> {
        let width = match mnemonic {
            "BYTE" => 1,
            "WORD" => 2,
            "LONG" => 4,
            _ => 8,
        };
        let mut bytes = Vec::new();
        for operand in operands {
            let Operand::Immediate(value) = operand else {
                let message = format!("{mnemonic} takes a number of {width} bytes: `{mnemonic} $1`");
                return Err(Diagnostic::new(position, message));
            };
            bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        Ok(Work::Data(bytes))
    }

    fn branch(
        &mut self,
        position: &Position,
        mnemonic: &str,
        suffixes: &[String],
        target: &Operand,
    ) -> Result<Work, Diagnostic> {
        let is_direct = match target {
            Operand::Label(_) | Operand::PcRelative(_) => true,
            Operand::Memory(memory) => memory.base == Some(Base::Sb),
            _ => false,
        };
        let suffixes = suffixes.to_vec();
        if is_direct {
            let reference = Some(self.target(position, mnemonic, target)?);
            let operands = vec![machine::Operand::Target];
            return Ok(Work::Machine { mnemonic: mnemonic.to_owned(), suffixes, operands, reference });
        }
        if !matches!(mnemonic, "CALL" | "JMP") {
            return Err(Diagnostic::new(position, format!("{mnemonic} leads to a label or to n(PC)")));
        }
        let (operand, reference) = self.resolver.operand(position, target, 8)?;
        Ok(Work::Machine { mnemonic: mnemonic.to_owned(), suffixes, operands: vec![operand], reference })
    }

    /// Where a direct call or jump leads.
    fn target(&self, position: &Position, mnemonic: &str, target: &Operand) -> Result<Reference, Diagnostic> {
        let refuse = |message: String| Err(Diagnostic::new(position, message));
        match target {
            Operand::Label(label) if mnemonic != "RET" => match self.labels.get(label.as_str()) {
                Some(number) => Ok(Reference::Inside(Place::Statement(*number))),
                None => refuse(format!("{} has no label {label}", self.name)),
            },
            Operand::PcRelative(distance) if mnemonic != "RET" => {
                let here = self.starts.len() as i64 - 1;
                match here.checked_add(*distance).and_then(|number| usize::try_from(number).ok()) {
                    Some(number) if number < self.count => Ok(Reference::Inside(Place::Statement(number))),
                    _ => refuse(format!("{distance}(PC) leads out of {}", self.name)),
                }
            }
            Operand::Memory(Memory { symbol: Some(symbol), offset, base: Some(Base::Sb), index: None }) => {
                let name = names::linkage(symbol, self.resolver.options);
                if *offset != 0 {
                    return refuse(format!("{mnemonic} leads into the middle of {name}, behind its check"));
                }
                if !matches!(mnemonic, "CALL" | "JMP" | "RET") {
                    return Err(Diagnostic::new(
                        position,
                        format!("{mnemonic} leads to a label, not to another function"),
                    )
                    .note(format!("jump around a `JMP {name}(SB)` instead")));
                }
                if name == self.name && mnemonic == "JMP" && self.frame.need() == 0 {
                    return Ok(Reference::Inside(Place::Entry));
                }
                Ok(Reference::Symbol { name, addend: 0 })
            }
            _ => refuse(format!("{mnemonic} cannot go there: a function is `name(SB)`")),
        }
    }
}

/// Whether it is a number without anything else.
fn is_number(memory: &Memory) -> bool {
    memory.symbol.is_none() && memory.base.is_none() && memory.index.is_none()
}

/// By how much an instruction moves SP down, as Go's assembler counts it.
fn moves(mnemonic: &str) -> i64 {
    match mnemonic {
        "PUSHQ" | "PUSHFQ" => 8,
        "PUSHL" | "PUSHFL" => 4,
        "PUSHW" | "PUSHFW" => 2,
        "POPQ" | "POPFQ" => -8,
        "POPL" | "POPFL" => -4,
        "POPW" | "POPFW" => -2,
        _ => 0,
    }
}

/// By how much arithmetic moves SP down, which Go's assembler does not count.
fn hidden(mnemonic: &str, operands: &[machine::Operand]) -> i64 {
    use machine::Operand::{Immediate, Memory, Register as InRegister};
    match (mnemonic, operands) {
        ("SUBQ", [Immediate(bytes), InRegister(Register::RSP)]) => *bytes,
        ("ADDQ", [Immediate(bytes), InRegister(Register::RSP)]) => -bytes,
        ("LEAQ", [Memory(memory), InRegister(Register::RSP)])
            if memory.base == Some(Register::RSP) && memory.index.is_none() =>
        {
            -memory.displacement
        }
        _ => 0,
    }
}

/// Bytes of a floating-point constant that the instruction takes.
fn float_width(mnemonic: &str) -> u32 {
    let is_single =
        mnemonic.ends_with("SS") || mnemonic.ends_with("PS") || mnemonic.starts_with('F') && mnemonic.ends_with('F');
    if is_single { 4 } else { 8 }
}

/// Whether the instruction's operand says where to go on.
fn is_branch(mnemonic: &str) -> bool {
    mnemonic == "CALL" || mnemonic.starts_with('J') || mnemonic.starts_with("LOOP") || mnemonic == "XBEGIN"
}
