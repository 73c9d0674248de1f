//! Where a single instruction goes by no rule.

use iced_x86::{Code, Mnemonic, OpCodeOperandKind as Kind};

use super::form::Shape;
use super::want::{Number, Want};

/// How operands of what no list names are written: in one way, or in either of two.
pub(super) fn shapes(mnemonic: Mnemonic) -> &'static [Shape] {
    match mnemonic {
        Mnemonic::Cmp => &[Shape::SAME],
        // Which operand is which makes no difference.
        Mnemonic::Test | Mnemonic::Xchg => &[Shape::PLAIN, Shape::SAME],
        _ => &[Shape::PLAIN],
    }
}

/// Instructions that Go does not have, or not on this machine, though it has others of the same extension.
pub(super) const UNKNOWN: &[Code] = &[
    // The checksum of a byte is as wide as that of anything but 64 bits.
    Code::Crc32_r64_rm8,
];

/// Changes what iced-x86 says of the operands.
pub(super) fn amend(code: Code, wants: &mut [Want]) {
    if matches!(code, Code::Extractps_rm32_xmm_imm8 | Code::Extractps_r64m32_xmm_imm8) {
        // The number is one of four elements. Everywhere else Go leaves it to the machine to ignore what it does not
        // use.
        wants[2] = Want::Number(Number::TwoBits);
    }
}

/// Whether Go takes this encoding only if no other does it, be it longer. Where loads and stores both move between
/// registers, it takes loads for SSE and stores for AVX; and where an extension repeats with a width what was there
/// without one, what has the width.
pub(super) fn comes_late(code: Code) -> bool {
    let info = code.op_code();
    match code.mnemonic() {
        Mnemonic::Vmovapd
        | Mnemonic::Vmovaps
        | Mnemonic::Vmovdqa
        | Mnemonic::Vmovdqa32
        | Mnemonic::Vmovdqa64
        | Mnemonic::Vmovdqu
        | Mnemonic::Vmovdqu8
        | Mnemonic::Vmovdqu16
        | Mnemonic::Vmovdqu32
        | Mnemonic::Vmovdqu64
        | Mnemonic::Vmovsd
        | Mnemonic::Vmovss
        | Mnemonic::Vmovupd
        | Mnemonic::Vmovups => matches!(info.op0_kind(), Kind::xmm_reg | Kind::ymm_reg | Kind::zmm_reg),
        Mnemonic::Vmovq => [info.op0_kind(), info.op1_kind()].contains(&Kind::xmm_or_mem),
        Mnemonic::Vpextrw => matches!(info.op0_kind(), Kind::r32_reg | Kind::r64_reg),
        _ => false,
    }
}

/// Whether an address is computed in 32 bits, so that its displacement may be written without a sign.
pub(crate) fn wraps_displacement(mnemonic: &str) -> bool {
    mnemonic == "LEAL"
}

/// Whether Go takes the number at the end without a dollar, as an older assembler had it. Without one it is an address.
pub(crate) fn has_bare_number(mnemonic: &str) -> bool {
    matches!(mnemonic, "CMPPD" | "CMPPS" | "CMPSD" | "CMPSS")
}
