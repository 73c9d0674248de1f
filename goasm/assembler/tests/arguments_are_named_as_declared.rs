//! Each `name+off(FP)` is a value of the declaration, at its offset, and the instruction moves as many bytes as it has.

mod common;

use common::declared::said;

const BLOCK: &str = "fn block(b: i32, p: &[u8], s: &str, a: [u16; 3], q: *const u8) -> (n: u64, ok: bool)";

/// What is said about one instruction in `block`.
fn about(instruction: &str) -> Vec<String> {
    let source =
        format!("TEXT ·block(SB), NOSPLIT, $0-73\n\t{instruction}\n\tMOVQ AX, n+64(FP)\n\tMOVB AX, ok+72(FP)\n\tRET\n");
    said(&source, &[BLOCK])
}

#[test]
fn right_ones_are_not_mentioned() {
    for instruction in [
        "MOVL b+0(FP), AX",
        "MOVLQSX b+0(FP), AX",
        "MOVSS b+0(FP), X0",
        "CVTSL2SD b+0(FP), X0",
        "CMOVLEQ b+0(FP), AX",
        "VMOVD b+0(FP), X0",
        "VBROADCASTSS b+0(FP), Y0",
        "VPINSRD $1, b+0(FP), X0, X0",
        "MOVQ p_base+8(FP), AX",
        "MOVQ p+8(FP), AX",
        "MOVQ p_len+16(FP), AX",
        "CMPQ p_cap+24(FP), AX",
        "MOVQ s_base+32(FP), AX",
        "MOVQ s+32(FP), X1",
        "ADDQ s_len+40(FP), AX",
        "MOVW a_0+48(FP), AX",
        "MOVWQZX a_2+52(FP), AX",
        "LEAQ a+48(FP), AX",
        "MOVQ $p_base+8(FP), AX",
        "MOVQ q+56(FP), AX",
        "MOVSD n+64(FP), X0",
        "SETEQ ok+72(FP)",
        "MOVBLZX ok+72(FP), AX",
        "MOVQ $argframe+0(FP), AX",
        // Mnemonics that do not tell their width.
        "MOVUPS p_base+8(FP), X0",
        "VMOVDQU b+0(FP), Y0",
    ] {
        assert_eq!(about(instruction), [""; 0], "{instruction}");
    }
}

#[test]
fn wrong_ones_are_told_what_is_right() {
    for (instruction, message) in [
        // Names.
        ("MOVL c+0(FP), AX", "2:7: `c+0(FP)` is no value of `{}`: b+0(FP) is b: i32"),
        ("MOVQ p_ptr+8(FP), AX", "2:7: `p_ptr+8(FP)` is no value of `{}`: p_base+8(FP) is the address of p: &[u8]"),
        ("MOVQ s_cap+48(FP), AX", "2:7: `s_cap+48(FP)` is no value of `{}`: a_0+48(FP) is element 0 of a: [u16; 3]"),
        ("MOVW a_3+54(FP), AX", "2:7: `a_3+54(FP)` is no value of `{}`, and nothing is at this offset"),
        (
            "MOVQ argframe+8(FP), AX",
            "2:7: `argframe+8(FP)` is no value of `{}`: p_base+8(FP) is the address of p: &[u8]",
        ),
        // Offsets.
        ("MOVL b+4(FP), AX", "2:7: `b+4(FP)` is 4 bytes into the arguments, but b: i32 is at b+0(FP)"),
        ("MOVL b-8(FP), AX", "2:7: `b-8(FP)` is 8 bytes before the arguments, but b: i32 is at b+0(FP)"),
        (
            "MOVQ s+40(FP), AX",
            "2:7: `s+40(FP)` is 40 bytes into the arguments, but s: &str is at s+32(FP), s_base+32(FP), s_len+40(FP)",
        ),
        ("MOVQ AX, n+72(FP)", "2:11: `n+72(FP)` is 72 bytes into the arguments, but n: u64 is at n+64(FP)"),
        ("LEAQ q+48(FP), AX", "2:7: `q+48(FP)` is 48 bytes into the arguments, but q: *const u8 is at q+56(FP)"),
        // Widths.
        ("MOVQ b+0(FP), AX", "2:7: MOVQ moves 8 bytes, but b: i32 has 4"),
        ("MOVL n+64(FP), AX", "2:7: MOVL moves 4 bytes, but n: u64 has 8"),
        ("MOVL AX, ok+72(FP)", "2:11: MOVL moves 4 bytes, but ok: bool has 1"),
        ("MOVL p_len+16(FP), AX", "2:7: MOVL moves 4 bytes, but the length of p: &[u8] has 8"),
        ("MOVBLZX b+0(FP), AX", "2:10: MOVBLZX moves 1 byte, but b: i32 has 4"),
        ("MOVOU p_base+8(FP), X0", "2:8: MOVOU moves 16 bytes, but the address of p: &[u8] has 8"),
        ("CVTSQ2SD b+0(FP), X0", "2:11: CVTSQ2SD moves 8 bytes, but b: i32 has 4"),
        ("CMOVQEQ b+0(FP), AX", "2:10: CMOVQEQ moves 8 bytes, but b: i32 has 4"),
        ("MOVQ a+48(FP), AX", "2:7: MOVQ moves 8 bytes, but a: [u16; 3] has 6"),
        ("MOVL $b+0(FP), AX", "2:7: MOVL moves 4 bytes, but the address of b: i32 has 8"),
    ] {
        assert_eq!(about(instruction), [message.replace("{}", BLOCK)], "{instruction}");
    }
}

#[test]
fn a_slice_moved_in_half_is_told_its_parts() {
    let source = "TEXT ·f(SB), NOSPLIT, $0-24\n\tMOVL p+0(FP), AX\n\tRET\n";
    let found = common::declared::vet(source, &["fn f(p: &[u8])"]);
    assert_eq!(found[0].notes, ["Its parts are p_base+0(FP), p_len+8(FP), p_cap+16(FP)."]);
}

#[test]
fn what_a_macro_stands_for_is_checked_where_it_is_used() {
    let source = "#define LOAD(r) MOVQ a+0(FP), r\nTEXT ·f(SB), NOSPLIT, $0-4\n\tLOAD(AX)\n\tRET\n";
    assert_eq!(said(source, &["fn f(a: u32)"]), ["3:2: MOVQ moves 8 bytes, but a: u32 has 4"]);
}

#[test]
fn functions_without_a_declaration_may_name_what_they_like() {
    let source = "TEXT ·g(SB), NOSPLIT, $0-8\n\tMOVL x+4(FP), AX\n\tRET\nTEXT f<>(SB), NOSPLIT, $0-8\n\tMOVL y+4(FP), AX\n\tRET\n";
    assert_eq!(said(source, &[]), [""; 0]);
}
