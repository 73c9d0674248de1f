//! `GLOBL` and `DATA`, and the constants that instructions need.

use super::names;
use crate::diagnostic::{Diagnostic, Position};
use crate::object::{Fixup, FixupKind, Map, Options, Variable, flags};
use crate::syntax::{Base, Memory, Operand, Statement, StatementKind};
use std::collections::{BTreeMap, HashMap};

/// The largest variable. Go's assembler has the same bound.
const MAX_SIZE: i64 = 1 << 30;

/// Variables are aligned to the largest power of two that is not above their size, up to this: the width of the widest operands
/// that instructions demand to be aligned.
const MAX_ALIGN: u64 = 64;

/// The variables of a file.
pub(super) struct Variables<'s> {
    options: &'s Options,
    data: Vec<(String, &'s Statement)>,
    globals: Vec<(String, &'s Statement)>,
    /// Constants that are made as they are needed.
    floats: BTreeMap<String, Variable>,
}

impl<'s> Variables<'s> {
    pub(super) fn new(options: &'s Options) -> Variables<'s> {
        Variables { options, data: Vec::new(), globals: Vec::new(), floats: BTreeMap::new() }
    }

    /// Notes a statement, if it is about a variable.
    pub(super) fn take(&mut self, statement: &'s Statement) -> Result<(), Diagnostic> {
        match &statement.kind {
            StatementKind::Data { symbol, .. } => self.data.push((names::linkage(symbol, self.options), statement)),
            StatementKind::Globl { symbol, .. } => {
                let name = names::linkage(symbol, self.options);
                if let Some((_, first)) = self.globals.iter().find(|(known, _)| *known == name) {
                    return Err(Diagnostic::new(&statement.position, format!("{name} is declared twice"))
                        .note(format!("first at {}", first.position)));
                }
                self.globals.push((name, statement));
            }
            _ => {}
        }
        Ok(())
    }

    /// The name of a constant with this value, as wide as that.
    pub(super) fn float(&mut self, value: f64, width: u32, position: &Position) -> String {
        let (bytes, name) = match width {
            4 => ((value as f32).to_le_bytes().to_vec(), format!("$f32.{:08x}", (value as f32).to_bits())),
            _ => (value.to_le_bytes().to_vec(), format!("$f64.{:016x}", value.to_bits())),
        };
        let name = format!("{name}<{}>", self.options.unit);
        self.floats.entry(name.clone()).or_insert_with(|| Variable {
            name: name.clone(),
            is_static: true,
            position: position.clone(),
            flags: flags::RODATA | flags::NOPTR,
            align: width,
            bytes,
            fixups: Vec::new(),
        });
        name
    }

    /// The stack maps that the variable `name` of this file holds: how many, bits of each, the bitmaps.
    pub(super) fn map(&self, name: &str, position: &Position) -> Result<Map, Diagnostic> {
        let refuse = |message: String| {
            Err(Diagnostic::new(position, message).note(
                "a map is two 4-byte numbers (how many bitmaps, bits of each) and the bitmaps, each from a fresh byte: \
                 `DATA name<>+0(SB)/4, $1`, ..., `GLOBL name<>(SB), RODATA, $size`",
            ))
        };
        let Some((_, globl)) = self.globals.iter().find(|(known, _)| known == name) else {
            return refuse(format!("the stack map {name} is not in this file"));
        };
        let variable = self.variable(name, globl)?;
        let number =
            |at: usize| variable.bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
        let (Some(count), Some(bits)) = (number(0), number(4)) else {
            return refuse(format!("the stack map {name} has {} bytes: too few for its head", variable.bytes.len()));
        };
        let length = u64::from(count) * u64::from(bits.div_ceil(8));
        match variable.bytes[8..].get(..length as usize) {
            Some(bytes) => Ok(Map { count, bits, bytes: bytes.to_vec() }),
            None => refuse(format!("the stack map {name} announces {length} bytes of bitmaps and has fewer")),
        }
    }

    /// All variables, or what is wrong with them.
    pub(super) fn finish(self) -> Result<Vec<Variable>, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let mut variables = Vec::new();
        for (name, globl) in &self.globals {
            match self.variable(name, globl) {
                Ok(variable) => variables.push(variable),
                Err(error) => errors.push(error),
            }
        }
        let mut missing = HashMap::new();
        for (name, data) in &self.data {
            if !self.globals.iter().any(|(known, _)| known == name) && missing.insert(name, ()).is_none() {
                let message = format!("DATA for {name}, which no GLOBL in this file declares with its size");
                errors.push(Diagnostic::new(&data.position, message));
            }
        }
        variables.extend(self.floats.into_values());
        if errors.is_empty() { Ok(variables) } else { Err(errors) }
    }

    /// The variable that `globl` declares, with its first value.
    fn variable(&self, name: &str, globl: &Statement) -> Result<Variable, Diagnostic> {
        let StatementKind::Globl { symbol, flags, size } = &globl.kind else {
            return Err(Diagnostic::new(&globl.position, "no GLOBL"));
        };
        if !(0..=MAX_SIZE).contains(size) {
            return Err(Diagnostic::new(&globl.position, format!("{name} cannot have {size} bytes")));
        }
        if flags & flags::TLSBSS != 0 {
            return Err(Diagnostic::new(
                &globl.position,
                format!("{name}: thread-local variables belong to the runtime"),
            ));
        }
        let mut variable = Variable {
            name: name.to_owned(),
            is_static: symbol.is_static,
            position: globl.position.clone(),
            flags: *flags,
            align: 1 << (*size as u64).clamp(1, MAX_ALIGN).ilog2(),
            bytes: vec![0; *size as usize],
            fixups: Vec::new(),
        };
        // Which statement has written each byte, so that none is written twice unnoticed.
        let mut written: Vec<Option<&Statement>> = vec![None; *size as usize];
        for (_, data) in self.data.iter().filter(|(of, _)| of == name) {
            self.write(&mut variable, &mut written, data)?;
        }
        Ok(variable)
    }

    /// Puts the value of a `DATA` where it belongs.
    fn write<'d>(
        &self,
        variable: &mut Variable,
        written: &mut [Option<&'d Statement>],
        data: &'d Statement,
    ) -> Result<(), Diagnostic> {
        let StatementKind::Data { offset, width, value, .. } = &data.kind else { return Ok(()) };
        let refuse = |message: String| Err(Diagnostic::new(&data.position, message));
        let (name, size) = (variable.name.clone(), variable.bytes.len());
        let width = *width as usize;
        let place = usize::try_from(*offset).ok().and_then(|start| Some(start..start.checked_add(width)?));
        let Some(place) = place.filter(|place| place.end <= size) else {
            return refuse(format!("{width} bytes at {offset} do not lie in {name}, which has {size}"));
        };
        if let Some(first) = written[place.clone()].iter().flatten().next() {
            return Err(Diagnostic::new(&data.position, format!("{width} bytes at {offset} of {name} are set twice"))
                .note(format!("first at {}", first.position)));
        }
        written[place.clone()].fill(Some(data));
        let bytes = &mut variable.bytes[place.clone()];
        match value {
            Operand::Immediate(value) if matches!(width, 1 | 2 | 4 | 8) => {
                let low = if width == 8 { i64::MIN } else { -(1 << (8 * width - 1)) };
                let high = if width == 8 { i64::MAX } else { (1 << (8 * width)) - 1 };
                if *value < low || *value > high {
                    return refuse(format!("{value} does not fit into {width} bytes"));
                }
                bytes.copy_from_slice(&value.to_le_bytes()[..width]);
            }
            Operand::Float(value) if width == 4 => bytes.copy_from_slice(&(*value as f32).to_le_bytes()),
            Operand::Float(value) if width == 8 => bytes.copy_from_slice(&value.to_le_bytes()),
            Operand::String(text) if text.len() <= width => bytes[..text.len()].copy_from_slice(text),
            Operand::String(text) => {
                return refuse(format!("a string of {} bytes does not fit into {width}", text.len()));
            }
            Operand::Address(Memory { symbol: Some(symbol), offset, base: Some(Base::Sb), index: None })
                if width == 8 =>
            {
                variable.fixups.push(Fixup {
                    at: place.start as u32,
                    kind: FixupKind::Address,
                    symbol: names::linkage(symbol, self.options),
                    addend: *offset,
                });
            }
            Operand::Address(_) => {
                return refuse("an address takes 8 bytes, and is that of a symbol: `$name(SB)`".into());
            }
            Operand::Immediate(_) => return refuse(format!("a number takes 1, 2, 4 or 8 bytes, not {width}")),
            Operand::Float(_) => return refuse(format!("a floating-point number takes 4 or 8 bytes, not {width}")),
            _ => return refuse("DATA takes a constant, a string or an address: `$1`, `$\"text\"`, `$name(SB)`".into()),
        }
        Ok(())
    }
}
