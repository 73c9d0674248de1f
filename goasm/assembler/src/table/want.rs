//! What an instruction wants in the place of an operand, which is iced-x86's description with what is the same to a
//! programmer thrown together.

use iced_x86::{OpCodeOperandKind as Kind, Register};

/// How much of a general register is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Byte,
    Word,
    Long,
    Quad,
}

impl Width {
    /// The letter that ends the names of such instructions.
    pub(crate) fn letter(self) -> char {
        match self {
            Width::Byte => 'B',
            Width::Word => 'W',
            Width::Long => 'L',
            Width::Quad => 'Q',
        }
    }
}

/// How long a vector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vector {
    X,
    Y,
    Z,
}

impl Vector {
    /// The letter that begins the names of such registers.
    pub(crate) fn letter(self) -> char {
        match self {
            Vector::X => 'X',
            Vector::Y => 'Y',
            Vector::Z => 'Z',
        }
    }
}

/// How a number is written into the instruction, and so which numbers fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// One byte, read with sign or without.
    Byte,
    /// One byte, of which an instruction uses the lowest two bits.
    TwoBits,
    /// One byte, extended with its sign to 16, 32, 64 bits.
    ByteToWord,
    ByteToLong,
    ByteToQuad,
    /// Two or four bytes, read with sign or without.
    Word,
    Long,
    /// Four bytes, extended with their sign to 64 bits.
    LongToQuad,
    /// Four bytes, extended with zeros, because a write of half a register clears the other half.
    LongToZero,
    /// Eight bytes.
    Quad,
    /// The one that is not written at all.
    One,
}

impl Number {
    /// Smallest and largest number that fits.
    pub(crate) fn range(self) -> (i64, i64) {
        match self {
            Number::Byte => (i8::MIN.into(), u8::MAX.into()),
            Number::TwoBits => (0, 3),
            Number::ByteToWord | Number::ByteToLong | Number::ByteToQuad => (i8::MIN.into(), i8::MAX.into()),
            Number::Word => (i16::MIN.into(), u16::MAX.into()),
            Number::Long => (i32::MIN.into(), u32::MAX.into()),
            Number::LongToQuad => (i32::MIN.into(), i32::MAX.into()),
            Number::LongToZero => (0, u32::MAX.into()),
            Number::Quad => (i64::MIN, i64::MAX),
            Number::One => (1, 1),
        }
    }
}

/// What stands in the place of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    General(Width),
    GeneralOrMemory(Width),
    Memory,
    /// Memory at as many places as the index, a vector, has elements.
    Sparse(Vector),
    Vector(Vector),
    VectorOrMemory(Vector),
    /// Four vector registers in a row.
    Block(Vector),
    Mask,
    MaskOrMemory,
    Mmx,
    MmxOrMemory,
    Segment,
    Control,
    Debug,
    /// A register of the x87 stack.
    Stack,
    /// This register and no other.
    Fixed(Register),
    Number(Number),
    /// The distance to a jump's target, in one byte or in four.
    Short,
    Near,
    /// Memory that only the instruction's name tells.
    StringSource,
    StringTarget,
    MaskedTarget,
    Translation,
}

impl Want {
    /// What iced-x86 calls `kind`; `None` for operands that no instruction of this language has.
    pub(super) fn from_kind(kind: Kind) -> Option<Want> {
        Some(match kind {
            Kind::mem => Want::Memory,
            Kind::mem_vsib32x | Kind::mem_vsib64x => Want::Sparse(Vector::X),
            Kind::mem_vsib32y | Kind::mem_vsib64y => Want::Sparse(Vector::Y),
            Kind::mem_vsib32z | Kind::mem_vsib64z => Want::Sparse(Vector::Z),
            Kind::r8_or_mem => Want::GeneralOrMemory(Width::Byte),
            Kind::r16_or_mem => Want::GeneralOrMemory(Width::Word),
            Kind::r32_or_mem => Want::GeneralOrMemory(Width::Long),
            Kind::r64_or_mem => Want::GeneralOrMemory(Width::Quad),
            Kind::r8_reg | Kind::r8_opcode => Want::General(Width::Byte),
            Kind::r16_reg | Kind::r16_rm | Kind::r16_opcode | Kind::r16_reg_mem => Want::General(Width::Word),
            Kind::r32_reg | Kind::r32_rm | Kind::r32_opcode | Kind::r32_reg_mem | Kind::r32_vvvv => {
                Want::General(Width::Long)
            }
            Kind::r64_reg | Kind::r64_rm | Kind::r64_opcode | Kind::r64_reg_mem | Kind::r64_vvvv => {
                Want::General(Width::Quad)
            }
            Kind::mm_reg | Kind::mm_rm => Want::Mmx,
            Kind::mm_or_mem => Want::MmxOrMemory,
            Kind::xmm_reg | Kind::xmm_rm | Kind::xmm_vvvv | Kind::xmm_is4 => Want::Vector(Vector::X),
            Kind::ymm_reg | Kind::ymm_rm | Kind::ymm_vvvv | Kind::ymm_is4 => Want::Vector(Vector::Y),
            Kind::zmm_reg | Kind::zmm_rm | Kind::zmm_vvvv => Want::Vector(Vector::Z),
            Kind::xmm_or_mem => Want::VectorOrMemory(Vector::X),
            Kind::ymm_or_mem => Want::VectorOrMemory(Vector::Y),
            Kind::zmm_or_mem => Want::VectorOrMemory(Vector::Z),
            Kind::xmmp3_vvvv => Want::Block(Vector::X),
            Kind::zmmp3_vvvv => Want::Block(Vector::Z),
            Kind::k_reg | Kind::k_rm | Kind::k_vvvv => Want::Mask,
            Kind::k_or_mem => Want::MaskOrMemory,
            Kind::seg_reg => Want::Segment,
            Kind::cr_reg => Want::Control,
            Kind::dr_reg => Want::Debug,
            Kind::sti_opcode => Want::Stack,
            Kind::st0 => Want::Fixed(Register::ST0),
            Kind::fs => Want::Fixed(Register::FS),
            Kind::gs => Want::Fixed(Register::GS),
            Kind::al => Want::Fixed(Register::AL),
            Kind::cl => Want::Fixed(Register::CL),
            Kind::ax => Want::Fixed(Register::AX),
            Kind::dx => Want::Fixed(Register::DX),
            Kind::eax => Want::Fixed(Register::EAX),
            Kind::rax => Want::Fixed(Register::RAX),
            Kind::imm8 => Want::Number(Number::Byte),
            Kind::imm8_const_1 => Want::Number(Number::One),
            Kind::imm8sex16 => Want::Number(Number::ByteToWord),
            Kind::imm8sex32 => Want::Number(Number::ByteToLong),
            Kind::imm8sex64 => Want::Number(Number::ByteToQuad),
            Kind::imm16 => Want::Number(Number::Word),
            Kind::imm32 => Want::Number(Number::Long),
            Kind::imm32sex64 => Want::Number(Number::LongToQuad),
            Kind::imm64 => Want::Number(Number::Quad),
            Kind::br64_1 => Want::Short,
            Kind::br64_4 | Kind::xbegin_4 => Want::Near,
            Kind::seg_rSI => Want::StringSource,
            Kind::es_rDI => Want::StringTarget,
            Kind::seg_rDI => Want::MaskedTarget,
            Kind::seg_rBX_al => Want::Translation,
            _ => return None,
        })
    }

    /// Whether programmers never write it.
    pub(super) fn is_implied(self) -> bool {
        matches!(self, Want::StringSource | Want::StringTarget | Want::MaskedTarget | Want::Translation)
    }

    /// The width of the general register that it may be.
    pub(super) fn width(self) -> Option<Width> {
        match self {
            Want::General(width) | Want::GeneralOrMemory(width) => Some(width),
            Want::Fixed(register) => match register {
                Register::AL => Some(Width::Byte),
                Register::AX => Some(Width::Word),
                Register::EAX => Some(Width::Long),
                Register::RAX => Some(Width::Quad),
                _ => None,
            },
            _ => None,
        }
    }

    /// The length of the vector that it may be.
    pub(super) fn vector(self) -> Option<Vector> {
        match self {
            Want::Vector(vector) | Want::VectorOrMemory(vector) | Want::Block(vector) => Some(vector),
            _ => None,
        }
    }

    /// How messages name it.
    pub(crate) fn describe(self) -> String {
        let text = match self {
            Want::General(_) => "reg",
            Want::GeneralOrMemory(_) => "reg/mem",
            Want::Memory => "mem",
            Want::Sparse(vector) => return format!("mem({}*scale)", vector.letter()),
            Want::Vector(vector) => return vector.letter().to_string(),
            Want::VectorOrMemory(vector) => return format!("{}/mem", vector.letter()),
            Want::Block(vector) => return format!("[{0}-{0}]", vector.letter()),
            Want::Mask => "K",
            Want::MaskOrMemory => "K/mem",
            Want::Mmx => "M",
            Want::MmxOrMemory => "M/mem",
            Want::Segment => "segment",
            Want::Control => "CR",
            Want::Debug => "DR",
            Want::Stack => "F",
            Want::Fixed(register) => return crate::registers::name(register),
            Want::Number(Number::One) => "$1",
            Want::Number(_) => "$imm",
            Want::Short | Want::Near => "target",
            Want::StringSource | Want::StringTarget | Want::MaskedTarget | Want::Translation => "",
        };
        text.to_string()
    }
}
