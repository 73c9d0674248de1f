//! From a machine instruction to its bytes.
//!
//! Among the ways in which the tables write an instruction, the oldest family of encodings that has it is taken, so
//! nothing of AVX-512 where AVX does, and in it the shortest, but for a few where Go's assembler takes a longer one.

mod error;
mod fit;
mod suffix;

pub use error::EncodeError;

use iced_x86::{Encoder, Instruction, OpKind, Register};

use crate::machine::{Memory, Operand};
use crate::table::{self, Form, Want};
use fit::Misfit;
use suffix::Suffixes;

/// An encoded instruction.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Its bytes, at most 15. What the fixup fills in is zero.
    pub bytes: Vec<u8>,
    /// What is not known yet.
    pub fixup: Option<Fixup>,
    /// The same for who wants to know what it does. Of a prefix, which is an instruction of its own here, it is a byte
    /// of data.
    pub instruction: Instruction,
}

/// A field whose value is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixup {
    /// Where it is in the bytes.
    pub at: usize,
    /// How many bytes it has: 1 or 4.
    pub size: usize,
    /// How many bytes it is from the field's first to the next instruction, from where targets and symbols are counted.
    pub end: usize,
    /// What belongs there.
    pub kind: FixupKind,
}

/// What belongs in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixupKind {
    /// How far it is from the next instruction to the target of a jump or call.
    Target,
    /// How far it is from the next instruction to a symbol.
    Symbol,
    /// How far it is from the thread pointer to a thread-local variable.
    ThreadLocal,
}

/// How far a jump reaches, if it has a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// 127 bytes.
    Short,
    /// Two gigabytes.
    Near,
}

/// Encodes an instruction.
///
/// `mnemonic` is Go's, in capitals and without suffixes, `operands` are in Go's order. Of a jump that has both a short
/// and a near form, `reach` takes one; others do not ask.
///
/// # Errors
/// If there is no such instruction, or not with these operands or suffixes, or a number does not fit.
pub fn encode(mnemonic: &str, suffixes: &[String], operands: &[Operand], reach: Reach) -> Result<Encoded, EncodeError> {
    let suffixes = Suffixes::parse(mnemonic, suffixes)?;
    if let Some(bytes) = table::raw(mnemonic) {
        return encode_raw(mnemonic, bytes, operands, suffixes);
    }
    let written = mnemonic;
    let (mnemonic, operands) = plain(mnemonic, operands);
    let forms = table::forms(mnemonic).ok_or_else(|| EncodeError::unknown(written))?;
    fit::check_memory(written, &operands)?;
    let has_near = forms.iter().any(is_near);
    let mut encoder = Encoder::new(64);
    let mut best: Option<(&Form, Encoded)> = None;
    let mut misfit = Misfit::Operands;
    for form in forms {
        if best.as_ref().is_some_and(|(best, _)| best.class() != form.class()) {
            break;
        }
        if reach == Reach::Near && has_near && is_short(form) {
            continue;
        }
        let encoded = fit::fit(form, &operands, suffixes).and_then(|instruction| finish(&mut encoder, instruction));
        match encoded {
            Ok(encoded) if best.as_ref().is_none_or(|(_, best)| encoded.bytes.len() < best.bytes.len()) => {
                best = Some((form, encoded));
            }
            Ok(_) => {}
            Err(reason) => misfit = misfit.nearer(reason),
        }
    }
    let (_, encoded) = best.ok_or_else(|| EncodeError::misfit(written, &operands, forms, misfit))?;
    fit::check_distinct(written, &encoded.instruction)?;
    Ok(encoded)
}

fn is_short(form: &Form) -> bool {
    form.wants.contains(&Want::Short)
}

fn is_near(form: &Form) -> bool {
    form.wants.contains(&Want::Near)
}

/// The instruction without what only Go writes: moves of special registers, pairs of registers, bare numbers.
fn plain<'a>(mnemonic: &'a str, operands: &[Operand]) -> (&'a str, Vec<Operand>) {
    if let [from, to] = operands {
        let (special, other, loads) = match (from, to) {
            (other, Operand::Special(special)) => (Some(special), other, true),
            (Operand::Special(special), other) => (Some(special), other, false),
            _ => (None, from, false),
        };
        if let Some(name) = special.and_then(|special| table::special_move(mnemonic, *special, loads)) {
            return (name, vec![other.clone()]);
        }
    }
    let mut plain = Vec::with_capacity(operands.len() + 1);
    for operand in operands {
        match operand {
            // The old way to write double shifts: `CX, R11:AX` is `CX, AX, R11`.
            Operand::Pair(first, second) => plain.extend([Operand::Register(*second), Operand::Register(*first)]),
            operand => plain.push(operand.clone()),
        }
    }
    if table::has_bare_number(mnemonic)
        && let Some(last) = plain.last_mut()
        && let Operand::Memory(memory) = last
        && *memory == (Memory { displacement: memory.displacement, ..Memory::default() })
    {
        *last = Operand::Immediate(memory.displacement);
    }
    (mnemonic, plain)
}

/// A prefix, or whatever else has no operands for Go.
fn encode_raw(mnemonic: &str, bytes: &[u8], operands: &[Operand], suffixes: Suffixes) -> Result<Encoded, EncodeError> {
    if suffixes.any() {
        return Err(EncodeError::misfit(mnemonic, operands, &[], Misfit::Suffix("takes no suffix")));
    }
    if !operands.is_empty() {
        return Err(EncodeError::misfit(mnemonic, operands, &[], Misfit::Operands));
    }
    let instruction = Instruction::with_declare_byte(bytes)
        .map_err(|_| EncodeError::misfit(mnemonic, operands, &[], Misfit::Operands))?;
    Ok(Encoded { bytes: bytes.to_vec(), fixup: None, instruction })
}

/// Encodes what iced-x86 is to encode, and finds the field that is not known yet.
fn finish(encoder: &mut Encoder, mut instruction: Instruction) -> Result<Encoded, Misfit> {
    let encoded = encoder.encode(&instruction, 0);
    let offsets = encoder.get_constant_offsets();
    let mut bytes = encoder.take_buffer();
    // What the tables allow and the machine does not: `AH` beside a register that needs a prefix.
    encoded.map_err(|_| Misfit::Operands)?;
    instruction.set_len(bytes.len());
    let has_target = (0..instruction.op_count()).any(|index| instruction.op_kind(index) == OpKind::NearBranch64);
    let field = if has_target {
        Some((offsets.immediate_offset(), offsets.immediate_size(), FixupKind::Target))
    } else if instruction.memory_base() == Register::RIP {
        Some((offsets.displacement_offset(), offsets.displacement_size(), FixupKind::Symbol))
    } else if instruction.segment_prefix() == Register::FS {
        Some((offsets.displacement_offset(), offsets.displacement_size(), FixupKind::ThreadLocal))
    } else {
        None
    };
    let fixup = field.map(|(at, size, kind)| Fixup { at, size, end: bytes.len() - at, kind });
    if let Some(Fixup { at, size, .. }) = fixup {
        bytes[at..at + size].fill(0);
    }
    Ok(Encoded { bytes, fixup, instruction })
}
