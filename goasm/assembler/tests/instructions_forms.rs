//! One instruction or more of each kind of form, with its bytes as Intel's manuals have them.

use goasm_assembler::encode::{Encoded, Fixup, FixupKind, Reach, encode};
use goasm_assembler::machine::{Memory, Operand};
use goasm_assembler::registers::register;
use goasm_assembler::syntax;
use iced_x86::{Code, Decoder, DecoderOptions, Register};

fn reg(name: &str) -> Operand {
    match register(name) {
        Some(syntax::Operand::Register(register)) => Operand::Register(register),
        Some(syntax::Operand::Special(special)) => Operand::Special(special),
        other => panic!("{name} is a register, not {other:?}"),
    }
}

fn imm(value: i64) -> Operand {
    Operand::Immediate(value)
}

fn at(base: Register, displacement: i64) -> Operand {
    Operand::Memory(Memory { base: Some(base), displacement, ..Memory::default() })
}

fn indexed(base: Register, index: Register, scale: u8) -> Operand {
    Operand::Memory(Memory { base: Some(base), index: Some((index, scale)), ..Memory::default() })
}

fn symbol() -> Operand {
    Operand::Memory(Memory { is_symbol: true, ..Memory::default() })
}

/// Encodes what has to be encodable, and decodes it again: all bytes are one instruction, and the one that was meant.
fn encoded(word: &str, operands: &[Operand]) -> Encoded {
    let mut words = word.split('.').map(String::from);
    let mnemonic = words.next().unwrap();
    let suffixes: Vec<String> = words.collect();
    let encoded = encode(&mnemonic, &suffixes, operands, Reach::Near).unwrap_or_else(|error| panic!("{error}"));
    if encoded.instruction.code() != Code::DeclareByte {
        let mut decoder = Decoder::new(64, &encoded.bytes, DecoderOptions::NONE);
        assert_eq!(decoder.decode().code(), encoded.instruction.code(), "{word}");
        assert!(!decoder.can_decode(), "{word} is one instruction");
    }
    encoded
}

#[track_caller]
fn check(word: &str, operands: &[Operand], bytes: &[u8]) {
    assert_eq!(encoded(word, operands).bytes, bytes, "{word} {operands:?}");
}

#[test]
fn the_name_says_how_wide_a_general_register_is() {
    check("MOVQ", &[reg("AX"), reg("BX")], &[0x48, 0x89, 0xc3]);
    check("MOVL", &[reg("AX"), reg("BX")], &[0x89, 0xc3]);
    check("MOVW", &[reg("AX"), reg("BX")], &[0x66, 0x89, 0xc3]);
    check("MOVB", &[reg("AX"), reg("BX")], &[0x88, 0xc3]);
    check("MOVB", &[reg("SI"), reg("BX")], &[0x40, 0x88, 0xf3]);
    check("MOVB", &[reg("AH"), reg("BX")], &[0x88, 0xe3]);
    check("MOVBLZX", &[reg("AX"), reg("R9")], &[0x44, 0x0f, 0xb6, 0xc8]);
    check("MOVLQSX", &[at(Register::RDI, 4), reg("AX")], &[0x48, 0x63, 0x47, 0x04]);
}

#[test]
fn a_move_of_a_number_is_as_short_as_the_number_allows() {
    check("MOVQ", &[imm(1), reg("AX")], &[0xb8, 1, 0, 0, 0]);
    check("MOVQ", &[imm(0xffff_ffff), reg("AX")], &[0xb8, 0xff, 0xff, 0xff, 0xff]);
    check("MOVQ", &[imm(-1), reg("AX")], &[0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff]);
    check("MOVQ", &[imm(0x1_0000_0000), reg("AX")], &[0x48, 0xb8, 0, 0, 0, 0, 1, 0, 0, 0]);
    check("MOVL", &[imm(-1), reg("AX")], &[0xb8, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn a_small_number_takes_one_byte_and_keeps_its_sign() {
    check("ADDQ", &[imm(127), reg("BX")], &[0x48, 0x83, 0xc3, 0x7f]);
    check("ADDQ", &[imm(128), reg("BX")], &[0x48, 0x81, 0xc3, 0x80, 0, 0, 0]);
    check("SUBQ", &[imm(-128), reg("SP")], &[0x48, 0x83, 0xec, 0x80]);
    check("ADDL", &[imm(0xffff_ffff), reg("BX")], &[0x81, 0xc3, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn sources_come_first_but_not_in_comparisons() {
    check("SUBQ", &[reg("AX"), reg("BX")], &[0x48, 0x29, 0xc3]);
    check("CMPQ", &[reg("BX"), reg("AX")], &[0x48, 0x39, 0xc3]);
    check("CMPQ", &[reg("BX"), imm(5)], &[0x48, 0x83, 0xfb, 5]);
    check("CMPPS", &[reg("X1"), reg("X2"), imm(7)], &[0x0f, 0xc2, 0xd1, 7]);
    check("IMUL3Q", &[imm(5), reg("BX"), reg("CX")], &[0x48, 0x6b, 0xcb, 5]);
    check("IMULQ", &[imm(5), reg("BX")], &[0x48, 0x6b, 0xdb, 5]);
    check("TESTQ", &[at(Register::RAX, 0), reg("BX")], &[0x48, 0x85, 0x18]);
}

#[test]
fn shifts_count_in_cx_and_take_two_registers() {
    check("SHLQ", &[imm(1), reg("AX")], &[0x48, 0xd1, 0xe0]);
    check("SHLQ", &[imm(3), reg("AX")], &[0x48, 0xc1, 0xe0, 3]);
    check("SHLQ", &[reg("CX"), reg("AX")], &[0x48, 0xd3, 0xe0]);
    check("SHLQ", &[reg("CX"), reg("BX"), reg("AX")], &[0x48, 0x0f, 0xa5, 0xd8]);
    check("SHLL", &[reg("CX"), Operand::Pair(Register::R11, Register::RAX)], &[0x41, 0x0f, 0xa5, 0xc3]);
}

#[test]
fn addresses_are_as_short_as_the_machine_has_them() {
    check("MOVQ", &[at(Register::RBX, 0), reg("AX")], &[0x48, 0x8b, 0x03]);
    check("MOVQ", &[at(Register::RBP, 0), reg("AX")], &[0x48, 0x8b, 0x45, 0]);
    check("MOVQ", &[at(Register::R13, 0), reg("AX")], &[0x49, 0x8b, 0x45, 0]);
    check("MOVQ", &[at(Register::RSP, 8), reg("AX")], &[0x48, 0x8b, 0x44, 0x24, 8]);
    check("MOVQ", &[at(Register::RBX, 128), reg("AX")], &[0x48, 0x8b, 0x83, 0x80, 0, 0, 0]);
    check("LEAL", &[indexed(Register::RAX, Register::RBX, 4), reg("CX")], &[0x8d, 0x0c, 0x98]);
    let scaled = Memory { index: Some((Register::RAX, 2)), ..Memory::default() };
    check("MOVQ", &[Operand::Memory(scaled), reg("BX")], &[0x48, 0x8b, 0x1c, 0x45, 0, 0, 0, 0]);
    let absolute = Memory { displacement: 0x1234, ..Memory::default() };
    check("MOVQ", &[Operand::Memory(absolute), reg("BX")], &[0x48, 0x8b, 0x1c, 0x25, 0x34, 0x12, 0, 0]);
}

#[test]
fn an_address_in_32_bits_has_an_offset_without_a_sign() {
    let bytes = [0x8d, 0x80, 0x78, 0xa4, 0x6a, 0xd7];
    check("LEAL", &[at(Register::RAX, 0xd76a_a478), reg("AX")], &bytes);
}

#[test]
fn symbols_and_thread_locals_are_left_to_be_filled_in() {
    let found = |kind, at, end| Some(Fixup { at, size: 4, end, kind });
    let load = encoded("MOVQ", &[symbol(), reg("BX")]);
    assert_eq!(load.bytes, [0x48, 0x8b, 0x1d, 0, 0, 0, 0]);
    assert_eq!(load.fixup, found(FixupKind::Symbol, 3, 4));
    let compare = encoded("CMPQ", &[symbol(), imm(5)]);
    assert_eq!(compare.bytes, [0x48, 0x83, 0x3d, 0, 0, 0, 0, 5]);
    assert_eq!(compare.fixup, found(FixupKind::Symbol, 3, 5));
    let vector = encoded("VPADDD", &[symbol(), reg("Z1"), reg("Z2")]);
    assert_eq!(vector.fixup, found(FixupKind::Symbol, 6, 4));
    let local = Memory { is_thread_local: true, ..Memory::default() };
    let g = encoded("MOVQ", &[Operand::Memory(local), reg("CX")]);
    assert_eq!(g.bytes, [0x64, 0x48, 0x8b, 0x0c, 0x25, 0, 0, 0, 0]);
    assert_eq!(g.fixup, found(FixupKind::ThreadLocal, 5, 4));
}

#[test]
fn jumps_reach_as_far_as_told() {
    let jump = |mnemonic, reach| {
        let jump = encode(mnemonic, &[], &[Operand::Target], reach).unwrap_or_else(|error| panic!("{error}"));
        (jump.bytes, jump.fixup.expect("a target is to be filled in"))
    };
    let fixup = |at, size| Fixup { at, size, end: size, kind: FixupKind::Target };
    assert_eq!(jump("JMP", Reach::Short), (vec![0xeb, 0], fixup(1, 1)));
    assert_eq!(jump("JMP", Reach::Near), (vec![0xe9, 0, 0, 0, 0], fixup(1, 4)));
    assert_eq!(jump("JLS", Reach::Short), (vec![0x76, 0], fixup(1, 1)));
    assert_eq!(jump("JBE", Reach::Near), (vec![0x0f, 0x86, 0, 0, 0, 0], fixup(2, 4)));
    assert_eq!(jump("CALL", Reach::Short), (vec![0xe8, 0, 0, 0, 0], fixup(1, 4)));
    assert_eq!(jump("LOOP", Reach::Near), (vec![0xe2, 0], fixup(1, 1)));
    assert_eq!(jump("JCXZL", Reach::Near), (vec![0x67, 0xe3, 0], fixup(2, 1)));
    check("CALL", &[reg("AX")], &[0xff, 0xd0]);
    check("JMP", &[at(Register::RAX, 8)], &[0xff, 0x60, 8]);
    check("RET", &[], &[0xc3]);
}

#[test]
fn conditions_have_words_of_their_own() {
    check("SETHI", &[reg("AX")], &[0x0f, 0x97, 0xc0]);
    check("CMOVQCS", &[reg("AX"), reg("BX")], &[0x48, 0x0f, 0x42, 0xd8]);
    check("CMOVLPL", &[reg("AX"), reg("BX")], &[0x0f, 0x49, 0xd8]);
}

#[test]
fn prefixes_and_strings_are_instructions_without_operands() {
    check("REP", &[], &[0xf3]);
    check("LOCK", &[], &[0xf0]);
    check("STOSQ", &[], &[0x48, 0xab]);
    check("MOVSB", &[], &[0xa4]);
    check("INB", &[], &[0xec]);
    check("INB", &[imm(5)], &[0xe4, 5]);
}

#[test]
fn moves_go_between_all_kinds_of_registers() {
    check("MOVQ", &[reg("AX"), reg("X1")], &[0x66, 0x48, 0x0f, 0x6e, 0xc8]);
    check("MOVQ", &[reg("X1"), reg("AX")], &[0x66, 0x48, 0x0f, 0x7e, 0xc8]);
    check("MOVQ", &[reg("X1"), reg("X2")], &[0xf3, 0x0f, 0x7e, 0xd1]);
    check("MOVQ", &[reg("X1"), at(Register::RAX, 0)], &[0x66, 0x0f, 0xd6, 0x08]);
    check("MOVL", &[reg("X1"), reg("AX")], &[0x66, 0x0f, 0x7e, 0xc8]);
    check("MOVQ", &[reg("M1"), reg("M2")], &[0x0f, 0x6f, 0xd1]);
    check("MOVQ", &[reg("CR0"), reg("AX")], &[0x0f, 0x20, 0xc0]);
    check("MOVW", &[reg("DS"), reg("AX")], &[0x8c, 0xd8]);
    check("MOVQ", &[at(Register::RAX, 0), reg("GDTR")], &[0x0f, 0x01, 0x10]);
    check("MOVW", &[reg("TASK"), reg("BX")], &[0x0f, 0x00, 0xcb]);
}

#[test]
fn vectors_have_go_s_names_in_sse_and_intel_s_in_avx() {
    check("MOVOU", &[at(Register::RAX, 0), reg("X1")], &[0xf3, 0x0f, 0x6f, 0x08]);
    check("PADDL", &[reg("X1"), reg("X2")], &[0x66, 0x0f, 0xfe, 0xd1]);
    check("PADDD", &[reg("X1"), reg("X2")], &[0x66, 0x0f, 0xfe, 0xd1]);
    check("PSLLO", &[imm(4), reg("X2")], &[0x66, 0x0f, 0x73, 0xfa, 4]);
    check("CVTSQ2SD", &[reg("AX"), reg("X0")], &[0xf2, 0x48, 0x0f, 0x2a, 0xc0]);
    check("BLENDVPD", &[reg("X0"), reg("X1"), reg("X2")], &[0x66, 0x0f, 0x38, 0x15, 0xd1]);
    check("VPADDD", &[reg("Y1"), reg("Y2"), reg("Y3")], &[0xc5, 0xed, 0xfe, 0xd9]);
    check("VCVTPD2DQY", &[reg("Y1"), reg("X2")], &[0xc5, 0xff, 0xe6, 0xd1]);
    check("VPBLENDVB", &[reg("X4"), reg("X3"), reg("X2"), reg("X1")], &[0xc4, 0xe3, 0x69, 0x4c, 0xcb, 0x40]);
}

#[test]
fn avx_512_is_used_only_where_avx_does_not_do() {
    check("VADDPD", &[at(Register::RAX, 4096), reg("Y1"), reg("Y2")], &[0xc5, 0xf5, 0x58, 0x90, 0, 0x10, 0, 0]);
    check("VADDPD", &[reg("X16"), reg("X1"), reg("X2")], &[0x62, 0xb1, 0xf5, 0x08, 0x58, 0xd0]);
    check("VADDPD.Z", &[reg("Z0"), reg("Z1"), reg("K1"), reg("Z2")], &[0x62, 0xf1, 0xf5, 0xc9, 0x58, 0xd0]);
    check("VADDPD.RZ_SAE", &[reg("Z0"), reg("Z1"), reg("Z2")], &[0x62, 0xf1, 0xf5, 0x78, 0x58, 0xd0]);
    check("VADDPD.BCST", &[at(Register::RAX, 8), reg("Z1"), reg("Z2")], &[0x62, 0xf1, 0xf5, 0x58, 0x58, 0x50, 0x01]);
    check("KMOVQ", &[reg("AX"), reg("K1")], &[0xc4, 0xe1, 0xfb, 0x92, 0xc8]);
    // Not the shorter encoding of AVX-VNNI, which other machines have.
    check("VPDPBUSD", &[reg("X1"), reg("X2"), reg("X3")], &[0x62, 0xf2, 0x6d, 0x08, 0x50, 0xd9]);
}

#[test]
fn the_x87_writes_out_its_top() {
    check("FMOVD", &[at(Register::RAX, 0), reg("F0")], &[0xdd, 0x00]);
    check("FMOVDP", &[reg("F0"), at(Register::RAX, 0)], &[0xdd, 0x18]);
    check("FMULDP", &[reg("F0"), reg("F1")], &[0xde, 0xc9]);
    check("FSTSW", &[reg("AX")], &[0xdf, 0xe0]);
    check("FSIN", &[], &[0xd9, 0xfe]);
}
