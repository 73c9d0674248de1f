//! Whether operands fit a form, and the instruction that they make.

use iced_x86::{Instruction, OpKind, Register};

use super::EncodeError;
use super::suffix::Suffixes;
use crate::machine::{Memory, Operand};
use crate::table::{Family, Form, Number, Slot, Vector, Want, Width, wraps_displacement};

/// Why operands do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Their kinds do not.
    Operands,
    /// The suffixes do not go with them.
    Suffix(&'static str),
    /// A number is out of range.
    Number { value: i64, range: (i64, i64) },
}

impl Misfit {
    /// Of two reasons, the one that was nearer to fitting; of equal ones the later, whose form can do more.
    pub(super) fn nearer(self, other: Misfit) -> Misfit {
        let rank = |misfit| match misfit {
            Misfit::Operands => (0, 0),
            Misfit::Suffix(_) => (1, 0),
            Misfit::Number { range: (low, high), .. } => (2, high.abs_diff(low)),
        };
        if rank(other) >= rank(self) { other } else { self }
    }
}

/// The instruction that the operands make in this form.
pub(super) fn fit(form: &Form, operands: &[Operand], suffixes: Suffixes) -> Result<Instruction, Misfit> {
    let (mask, count) = split_mask(form, operands)?;
    let mut instruction = Instruction::default();
    instruction.set_code(form.code);
    // The mask stands before the last operand.
    let unmasked = |position: usize| if mask.is_some() && position + 1 == count { position + 1 } else { position };
    let mut number = None;
    for (position, slot) in form.slots.iter().enumerate() {
        let operand = &operands[unmasked(position)];
        match *slot {
            Slot::Only(register) => {
                if *operand != Operand::Register(register) {
                    return Err(Misfit::Operands);
                }
            }
            Slot::Operand(index) => {
                let want = form.wants[usize::from(index)];
                set(&mut instruction, form.family, u32::from(index), want, operand, &mut number)?;
                if form.twice && index == 1 {
                    set(&mut instruction, form.family, 0, form.wants[0], operand, &mut number)?;
                }
            }
        }
    }
    for (index, want) in (0u32..).zip(&form.wants) {
        set_implied(&mut instruction, index, *want);
    }
    set_suffixes(form, &mut instruction, mask, suffixes)?;
    match number {
        Some(misfit) => Err(misfit),
        None => Ok(instruction),
    }
}

/// Finds the mask among the operands, and says how many there are without it.
fn split_mask(form: &Form, operands: &[Operand]) -> Result<(Option<Register>, usize), Misfit> {
    let count = form.slots.len();
    if operands.len() == count && !form.needs_mask {
        return Ok((None, count));
    }
    if operands.len() != count + 1 || count == 0 || !form.takes_mask {
        return Err(Misfit::Operands);
    }
    match operands[count - 1] {
        // `K0` stands for no mask in the encoding, so it cannot be one.
        Operand::Register(mask) if mask.is_k() && mask != Register::K0 => Ok((Some(mask), count)),
        _ => Err(Misfit::Operands),
    }
}

/// Sets one operand. A number that does not fit is left in `number`, so that kinds are told about before ranges.
fn set(
    instruction: &mut Instruction,
    family: Family,
    index: u32,
    want: Want,
    operand: &Operand,
    number: &mut Option<Misfit>,
) -> Result<(), Misfit> {
    let register = match (want, operand) {
        (Want::Memory, Operand::Memory(memory))
        | (Want::GeneralOrMemory(_), Operand::Memory(memory))
        | (Want::VectorOrMemory(_), Operand::Memory(memory))
        | (Want::MaskOrMemory, Operand::Memory(memory))
        | (Want::MmxOrMemory, Operand::Memory(memory)) => {
            return set_memory(instruction, index, memory, |index| index.is_gpr64() && index != Register::RSP);
        }
        (Want::Sparse(vector), Operand::Memory(memory)) => {
            if memory.index.is_none() {
                return Err(Misfit::Operands);
            }
            return set_memory(instruction, index, memory, |index| is_vector(vector, family, index));
        }
        (Want::Number(kind), Operand::Immediate(value)) => {
            let (low, high) = kind.range();
            if !(low..=high).contains(value) {
                // The number one is a form of its own, and not what anybody missed.
                let range = (low, high);
                *number =
                    Some(if kind == Number::One { Misfit::Operands } else { Misfit::Number { value: *value, range } });
                return Ok(());
            }
            set_number(instruction, index, kind, *value);
            return Ok(());
        }
        (Want::Short | Want::Near, Operand::Target) => {
            instruction.set_op_kind(index, OpKind::NearBranch64);
            instruction.set_near_branch64(0);
            return Ok(());
        }
        (Want::Block(vector), Operand::Range(first, last)) => block(vector, family, *first, *last),
        (want, Operand::Register(register)) => register_for(want, family, *register),
        _ => None,
    };
    instruction.set_op_register(index, register.ok_or(Misfit::Operands)?);
    Ok(())
}

/// What the encoding calls a register; `None` if it cannot be this one.
fn register_for(want: Want, family: Family, register: Register) -> Option<Register> {
    let is = match want {
        Want::General(width) | Want::GeneralOrMemory(width) => return general(register, width),
        Want::Fixed(fixed) => {
            return (register.full_register() == fixed.full_register() && !is_high(register)).then_some(fixed);
        }
        Want::Vector(vector) | Want::VectorOrMemory(vector) => is_vector(vector, family, register),
        Want::Mask | Want::MaskOrMemory => register.is_k(),
        Want::Mmx | Want::MmxOrMemory => register.is_mm(),
        Want::Segment => register.is_segment_register(),
        // The others have names in the encoding and are not in any processor.
        Want::Control => register.is_cr() && matches!(register.number(), 0 | 2 | 3 | 4 | 8),
        Want::Debug => register.is_dr() && register.number() < 8,
        Want::Stack => register.is_st(),
        _ => false,
    };
    is.then_some(register)
}

/// The part of a general register that has this width.
fn general(register: Register, width: Width) -> Option<Register> {
    if is_high(register) {
        return (width == Width::Byte).then_some(register);
    }
    if !register.is_gpr64() {
        return None;
    }
    Some(match width {
        Width::Quad => register,
        Width::Long => register.full_register32(),
        Width::Word => Register::AX + register.number() as u32,
        // The table of byte registers has four more after the first four.
        Width::Byte if register.number() < 4 => Register::AL + register.number() as u32,
        Width::Byte => Register::SPL + (register.number() as u32 - 4),
    })
}

/// Whether it is one of the second bytes.
fn is_high(register: Register) -> bool {
    matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
}

/// Whether it is a vector register that this family of encodings can name.
fn is_vector(vector: Vector, family: Family, register: Register) -> bool {
    let is = match vector {
        Vector::X => register.is_xmm(),
        Vector::Y => register.is_ymm(),
        Vector::Z => register.is_zmm(),
    };
    is && (register.number() < 16 || family == Family::Evex)
}

/// The first of four registers in a row.
fn block(vector: Vector, family: Family, first: Register, last: Register) -> Option<Register> {
    let is = is_vector(vector, family, first) && is_vector(vector, family, last);
    (is && last.number() == first.number() + 3).then_some(first)
}

fn set_memory(
    instruction: &mut Instruction,
    index: u32,
    memory: &Memory,
    is_index: impl Fn(Register) -> bool,
) -> Result<(), Misfit> {
    if (memory.is_symbol || memory.is_thread_local) && (memory.base.is_some() || memory.index.is_some()) {
        return Err(Misfit::Operands);
    }
    if memory.base.is_some_and(|base| !base.is_gpr64()) {
        return Err(Misfit::Operands);
    }
    instruction.set_op_kind(index, OpKind::Memory);
    if let Some((register, scale)) = memory.index {
        if !is_index(register) || !matches!(scale, 1 | 2 | 4 | 8) {
            return Err(Misfit::Operands);
        }
        instruction.set_memory_index(register);
        instruction.set_memory_index_scale(scale.into());
    }
    if memory.is_symbol {
        instruction.set_memory_base(Register::RIP);
        instruction.set_memory_displ_size(8);
        return Ok(());
    }
    if memory.is_thread_local {
        instruction.set_segment_prefix(Register::FS);
        instruction.set_memory_displ_size(8);
        return Ok(());
    }
    // Where the range was that of 32 bits without a sign, this is the same address.
    instruction.set_memory_displacement64(i64::from(memory.displacement as i32) as u64);
    match memory.base {
        Some(base) => {
            instruction.set_memory_base(base);
            // One byte, or four where it does not fit.
            instruction.set_memory_displ_size(u32::from(memory.displacement != 0));
        }
        // An address without a base has all four bytes, and 64 bits all the same: what iced-x86 calls 8.
        None => instruction.set_memory_displ_size(8),
    }
    Ok(())
}

fn set_number(instruction: &mut Instruction, index: u32, kind: Number, value: i64) {
    // The range has been looked at: what is cut off here is sign or nothing.
    match kind {
        Number::Byte | Number::TwoBits | Number::One => {
            instruction.set_op_kind(index, OpKind::Immediate8);
            instruction.set_immediate8(value as u8);
        }
        Number::ByteToWord => {
            instruction.set_op_kind(index, OpKind::Immediate8to16);
            instruction.set_immediate8to16(value as i16);
        }
        Number::ByteToLong => {
            instruction.set_op_kind(index, OpKind::Immediate8to32);
            instruction.set_immediate8to32(value as i32);
        }
        Number::ByteToQuad => {
            instruction.set_op_kind(index, OpKind::Immediate8to64);
            instruction.set_immediate8to64(value);
        }
        Number::Word => {
            instruction.set_op_kind(index, OpKind::Immediate16);
            instruction.set_immediate16(value as u16);
        }
        Number::Long | Number::LongToZero => {
            instruction.set_op_kind(index, OpKind::Immediate32);
            instruction.set_immediate32(value as u32);
        }
        Number::LongToQuad => {
            instruction.set_op_kind(index, OpKind::Immediate32to64);
            instruction.set_immediate32to64(value);
        }
        Number::Quad => {
            instruction.set_op_kind(index, OpKind::Immediate64);
            instruction.set_immediate64(value as u64);
        }
    }
}

/// Sets what nobody writes.
fn set_implied(instruction: &mut Instruction, index: u32, want: Want) {
    match want {
        Want::Fixed(register) => instruction.set_op_register(index, register),
        Want::StringSource => instruction.set_op_kind(index, OpKind::MemorySegRSI),
        Want::StringTarget => instruction.set_op_kind(index, OpKind::MemoryESRDI),
        Want::MaskedTarget => instruction.set_op_kind(index, OpKind::MemorySegRDI),
        Want::Translation => {
            instruction.set_op_kind(index, OpKind::Memory);
            instruction.set_memory_base(Register::RBX);
            instruction.set_memory_index(Register::AL);
        }
        _ => {}
    }
}

fn set_suffixes(
    form: &Form,
    instruction: &mut Instruction,
    mask: Option<Register>,
    suffixes: Suffixes,
) -> Result<(), Misfit> {
    if let Some(mask) = mask {
        instruction.set_op_mask(mask);
    }
    if !suffixes.any() {
        return Ok(());
    }
    if form.family != Family::Evex {
        return Err(Misfit::Suffix("takes no suffix with such operands"));
    }
    let has_memory = (0..instruction.op_count()).any(|index| instruction.op_kind(index) == OpKind::Memory);
    if suffixes.zero {
        match mask {
            Some(_) if form.can_zero => instruction.set_zeroing_masking(true),
            Some(_) => return Err(Misfit::Suffix("cannot be .Z with such operands")),
            None => return Err(Misfit::Suffix("is .Z: a mask register must be specified")),
        }
    }
    if suffixes.broadcast {
        if !form.can_broadcast {
            return Err(Misfit::Suffix("cannot broadcast"));
        }
        if !has_memory {
            return Err(Misfit::Suffix("is .BCST: one operand must be memory"));
        }
        instruction.set_is_broadcast(true);
    }
    if suffixes.suppress {
        if !form.can_suppress {
            return Err(Misfit::Suffix("cannot be .SAE with such operands"));
        }
        if has_memory {
            return Err(Misfit::Suffix("is .SAE: no operand can be memory"));
        }
        instruction.set_suppress_all_exceptions(true);
    }
    if suffixes.rounds() {
        if !form.can_round {
            return Err(Misfit::Suffix("cannot be told how to round with such operands"));
        }
        if has_memory {
            return Err(Misfit::Suffix("is told how to round: no operand can be memory"));
        }
        instruction.set_rounding_control(suffixes.rounding);
    }
    Ok(())
}

/// Looks at the displacements, whatever the instruction.
pub(super) fn check_memory(mnemonic: &str, operands: &[Operand]) -> Result<(), EncodeError> {
    let high = if wraps_displacement(mnemonic) { u32::MAX.into() } else { i32::MAX.into() };
    let range = i64::from(i32::MIN)..=high;
    for operand in operands {
        if let Operand::Memory(Memory { displacement: value, is_symbol: false, is_thread_local: false, .. }) = *operand
            && !range.contains(&value)
        {
            return Err(EncodeError::Range {
                mnemonic: mnemonic.into(),
                what: "offset",
                value,
                low: *range.start(),
                high,
            });
        }
    }
    Ok(())
}

/// Looks for registers that gathering instructions must not use twice.
pub(super) fn check_distinct(mnemonic: &str, instruction: &Instruction) -> Result<(), EncodeError> {
    let info = instruction.op_code();
    if !instruction.is_vsib() || !info.requires_unique_reg_nums() && !info.requires_unique_dest_reg_num() {
        return Ok(());
    }
    let mut numbers = vec![instruction.memory_index().number()];
    for index in 0..instruction.op_count() {
        if instruction.op_kind(index) == OpKind::Register {
            numbers.push(instruction.op_register(index).number());
        }
    }
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() == count {
        return Ok(());
    }
    let registers = if count == 3 { "mask, index, and destination" } else { "index and destination" };
    Err(EncodeError::Distinct { mnemonic: mnemonic.into(), registers })
}
