//! Code as instructions.

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};

/// The instructions of `bytes`, which are at `address`, one behind the other. The last one may be invalid, because it is cut off; what
/// comes behind an invalid one is not looked at.
pub(super) fn decode(bytes: &[u8], address: usize) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    for instruction in Decoder::with_ip(64, bytes, address as u64, DecoderOptions::NONE) {
        instructions.push(instruction);
        if instruction.is_invalid() {
            break;
        }
    }
    instructions
}

/// It as text, in AT&T's syntax, as the project's assembly is written.
pub(super) fn text(instruction: &Instruction) -> String {
    if instruction.is_invalid() {
        return "no instruction".to_owned();
    }
    let mut text = String::new();
    let mut formatter = GasFormatter::new();
    formatter.options_mut().set_space_after_operand_separator(true);
    formatter.options_mut().set_branch_leading_zeros(false);
    formatter.options_mut().set_rip_relative_addresses(true);
    formatter.options_mut().set_uppercase_hex(false);
    formatter.format(instruction, &mut text);
    text
}
