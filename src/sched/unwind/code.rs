//! Machine code, as far as following it takes: how long an instruction is and where control goes. x86-64 only.

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Jump(usize),
    /// There, or on.
    Branch(usize),
    /// Through a register or memory: a jump table.
    JumpElsewhere,
    Call(usize),
    /// Through the word at that address.
    CallThrough(usize),
    CallElsewhere,
    /// Returns or traps.
    Stop,
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) len: usize,
    pub(super) flow: Flow,
    /// The address that it loads a pointer from, relative to itself.
    pub(super) loads: Option<usize>,
    /// The address that it computes, relative to itself.
    pub(super) names: Option<usize>,
}

/// The operand byte, and what it brings with it.
struct Operand {
    len: usize,
    /// The three bits in the middle: a register, or more of the opcode.
    middle: u8,
    /// Where the distance from the next instruction stands, if it is of that kind.
    relative: Option<usize>,
}

fn operand(code: &[u8], at: usize) -> Option<Operand> {
    let byte = *code.get(at)?;
    let (mode, middle, base) = (byte >> 6, byte >> 3 & 7, byte & 7);
    let indexed = mode != 3 && base == 4;
    let distance = match mode {
        0 if base == 5 => 4,
        0 if indexed && code.get(at + 1)? & 7 == 5 => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    let relative = (mode == 0 && base == 5).then_some(at + 1);
    Some(Operand { len: 1 + usize::from(indexed) + distance, middle, relative })
}

/// Decodes the instruction that `code` begins with; `pc` is its address. None if it is none, or a kind that compilers do not
/// use.
pub(super) fn decode(code: &[u8], pc: usize) -> Option<Instruction> {
    let (mut at, mut short, mut rex) = (0, false, 0);
    loop {
        match *code.get(at)? {
            0x66 => short = true,
            0x67 | 0xf0 | 0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 => {}
            _ => break,
        }
        at += 1;
    }
    if code.get(at)? & 0xf0 == 0x40 {
        rex = code[at];
        at += 1;
    }
    let wide = rex & 8 != 0;
    // An immediate of operand size, which is never eight bytes.
    let full = if short && !wide { 2 } else { 4 };
    let mut opcode = *code.get(at)?;
    at += 1;

    // The map of opcodes: one byte, 0f, 0f 38, 0f 3a; and others that exist for vectors only.
    let mut map = 0;
    let vector = match opcode {
        0xc5 => {
            (map, at) = (1, at + 1);
            true
        }
        0xc4 => {
            (map, at) = (code.get(at)? & 0x1f, at + 2);
            true
        }
        0x62 => {
            (map, at) = (code.get(at)? & 7, at + 3);
            true
        }
        0x0f => {
            map = match code.get(at)? {
                0x38 => 2,
                0x3a => 3,
                _ => 1,
            };
            at += usize::from(map > 1);
            false
        }
        _ => false,
    };
    if map > 0 {
        opcode = *code.get(at)?;
        at += 1;
    }
    let (has_operand, immediate) = match map {
        0 => one_byte(opcode, full, wide)?,
        1 => match opcode {
            0x77 => (false, 0),
            0x70..=0x73 | 0xc2 | 0xc4..=0xc6 => (true, 1),
            _ if vector => (true, 0),
            0xa4 | 0xac | 0xba => (true, 1),
            0x80..=0x8f => (false, 4),
            0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => (false, 0),
            _ => (true, 0),
        },
        3 => (true, 1),
        _ => (true, 0),
    };
    let operand = if has_operand { Some(operand(code, at)?) } else { None };
    let middle = operand.as_ref().map_or(0, |operand| operand.middle);
    at += operand.as_ref().map_or(0, |operand| operand.len);
    // test with an immediate shares its opcode with operations without.
    let immediate = match (map, opcode, middle) {
        (0, 0xf6, 0 | 1) => 1,
        (0, 0xf7, 0 | 1) => full,
        _ => immediate,
    };
    let len = at + immediate;
    if code.len() < len {
        return None;
    }
    let next = pc + len;
    let word = |at: usize| i32::from_le_bytes(code[at..at + 4].try_into().expect("four bytes"));
    let far = || next.wrapping_add_signed(word(len - 4) as isize);
    let near = || next.wrapping_add_signed((code[len - 1] as i8).into());
    let address = operand.and_then(|operand| operand.relative).map(|at| next.wrapping_add_signed(word(at) as isize));
    let flow = match (map, opcode) {
        _ if vector => Flow::Next,
        (0, 0x70..=0x7f | 0xe0..=0xe3) => Flow::Branch(near()),
        (1, 0x80..=0x8f) => Flow::Branch(far()),
        (0, 0xeb) => Flow::Jump(near()),
        (0, 0xe9) => Flow::Jump(far()),
        (0, 0xe8) => Flow::Call(far()),
        (0, 0xff) => match (middle, address) {
            (2, Some(address)) => Flow::CallThrough(address),
            (2 | 3, _) => Flow::CallElsewhere,
            (4 | 5, _) => Flow::JumpElsewhere,
            _ => Flow::Next,
        },
        (0, 0xc2 | 0xc3 | 0xcc | 0xcf | 0xf4) | (1, 0x0b | 0xb9 | 0xff) => Flow::Stop,
        _ => Flow::Next,
    };
    let is = |wanted| map == 0 && wide && opcode == wanted;
    Some(Instruction { len, flow, loads: address.filter(|_| is(0x8b)), names: address.filter(|_| is(0x8d)) })
}

/// Whether an opcode of one byte has an operand byte, and the bytes of its immediate.
fn one_byte(opcode: u8, full: usize, wide: bool) -> Option<(bool, usize)> {
    Some(match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => (true, 0),
            4 => (false, 1),
            5 => (false, full),
            _ => return None,
        },
        0x68 => (false, full),
        0x69 | 0x81 | 0xc7 => (true, full),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => (true, 1),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => (false, 1),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xf6 | 0xf7 | 0xfe | 0xff => (true, 0),
        0xa0..=0xa3 => (false, 8),
        0xa9 => (false, full),
        0xb8..=0xbf => (false, if wide { 8 } else { full }),
        0xc2 => (false, 2),
        0xc8 => (false, 3),
        0xe8 | 0xe9 => (false, 4),
        0x60..=0x62 | 0x82 | 0x9a | 0xc4 | 0xc5 | 0xce | 0xd4..=0xd6 | 0xea => return None,
        _ => (false, 0),
    })
}

/// The address of `_Unwind_Resume`, which a landing pad calls when it is done.
///
/// Not from a declaration: an `extern "C"` function is declared to never unwind, and that would be taken to hold for the
/// compiler's own calls of it too, in the same module, or with LTO in all. They would lose their entries in the tables, and
/// every panic would end the process.
pub(super) fn resume() -> usize {
    let address: usize;
    // SAFETY: loads the word that the linker makes for it.
    unsafe {
        std::arch::asm!(
            "mov {}, qword ptr [rip + _Unwind_Resume@GOTPCREL]",
            out(reg) address,
            options(nostack, pure, readonly, preserves_flags)
        );
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions, FlowControl, Mnemonic, OpKind, Register};
    use object::{Object, ObjectSection};

    /// Against a full decoder, over all of this program's code, std's included.
    #[test]
    fn agrees_with_a_full_decoder() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let file = object::File::parse(&*file).unwrap();
        let text = file.section_by_name(".text").unwrap();
        let code = text.data().unwrap();
        let mut decoder = Decoder::with_ip(64, code, 0x10_0000_0000, DecoderOptions::NONE);
        let mut compared = 0;
        while decoder.can_decode() {
            let at = decoder.position();
            let theirs = decoder.decode();
            if theirs.is_invalid() {
                continue;
            }
            let pc = theirs.ip() as usize;
            let ours = decode(&code[at..], pc).unwrap_or_else(|| panic!("{theirs} is not known"));
            assert_eq!(ours.len, theirs.len(), "{theirs}: {:x?}", &code[at..at + theirs.len()]);
            let target = theirs.near_branch_target() as usize;
            let memory = theirs.is_ip_rel_memory_operand().then(|| theirs.ip_rel_memory_address() as usize);
            let flow = match theirs.flow_control() {
                FlowControl::UnconditionalBranch => Flow::Jump(target),
                FlowControl::ConditionalBranch => Flow::Branch(target),
                FlowControl::IndirectBranch => Flow::JumpElsewhere,
                FlowControl::Call if theirs.mnemonic() == Mnemonic::Call => Flow::Call(target),
                FlowControl::IndirectCall => memory.map_or(Flow::CallElsewhere, Flow::CallThrough),
                FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => Flow::Stop,
                _ if theirs.mnemonic() == Mnemonic::Hlt => Flow::Stop,
                _ => Flow::Next,
            };
            assert_eq!(ours.flow, flow, "{theirs}");
            let pointer = theirs.op0_kind() == OpKind::Register && theirs.op0_register().is_gpr64();
            let loads = theirs.mnemonic() == Mnemonic::Mov && pointer && theirs.memory_base() == Register::RIP;
            assert_eq!(ours.loads, memory.filter(|_| loads), "{theirs}");
            assert_eq!(ours.names, memory.filter(|_| theirs.mnemonic() == Mnemonic::Lea && pointer), "{theirs}");
            compared += 1;
        }
        assert!(compared > 100_000, "{compared} instructions");
    }
}
