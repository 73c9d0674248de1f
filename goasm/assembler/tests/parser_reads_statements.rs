//! `TEXT`, `GLOBL`, `DATA`, `FUNCDATA`, `PCDATA`, `PCALIGN`, labels and instructions.

use goasm_assembler::syntax::{Operand, StatementKind, Symbol};

mod common;

use common::{errors, function, statements};

fn kinds(text: &str) -> Vec<StatementKind> {
    statements(text).into_iter().map(|statement| statement.kind).collect()
}

fn symbol(name: &str) -> Symbol {
    Symbol { name: name.into(), is_static: false, abi: None }
}

#[test]
fn a_function_has_flags_a_frame_and_arguments() {
    let text = |flags, frame, args| StatementKind::Text { symbol: symbol(".f"), flags, frame, args };
    assert_eq!(kinds("TEXT ·f(SB), 4|16, $24-8\n"), [text(20, 24, Some(8))]);
    assert_eq!(kinds("TEXT ·f(SB), $24\n"), [text(0, 24, None)]);
    assert_eq!(kinds("TEXT ·f(SB), 7, $-8\n"), [text(7, -8, None)]);
    assert_eq!(kinds("TEXT ·f(SB), 7, $-8-16\n"), [text(7, -8, Some(16))]);
    assert_eq!(kinds("TEXT \"\"·f(SB),4,$0-0"), [text(4, 0, Some(0))]);
}

#[test]
fn flags_have_names() {
    let kinds =
        kinds("#include \"textflag.h\"\nTEXT f<>(SB), NOSPLIT|NOFRAME, $0-0\nGLOBL x<>(SB), RODATA|NOPTR, $8\n");
    let is_static = |name: &str| Symbol { is_static: true, ..symbol(name) };
    assert_eq!(kinds[0], StatementKind::Text { symbol: is_static("f"), flags: 516, frame: 0, args: Some(0) });
    assert_eq!(kinds[1], StatementKind::Globl { symbol: is_static("x"), flags: 24, size: 8 });
}

#[test]
fn a_variable_has_a_size_and_a_first_value() {
    let text = "DATA t+0(SB)/4, $-1\nDATA t+4(SB)/4, $1.5\nDATA t+8(SB)/8, $\"ab\"\nDATA t+(2*8)(SB)/8, $t+8(SB)\nGLOBL t(SB), $(3*8)\n";
    let kinds = kinds(text);
    let data = |offset, width, value| StatementKind::Data { symbol: symbol("t"), offset, width, value };
    assert_eq!(kinds[0], data(0, 4, Operand::Immediate(-1)));
    assert_eq!(kinds[1], data(4, 4, Operand::Float(1.5)));
    assert_eq!(kinds[2], data(8, 8, Operand::String(b"ab".to_vec())));
    assert!(
        matches!(&kinds[3], StatementKind::Data { offset: 16, value: Operand::Address(memory), .. } if memory.offset == 8)
    );
    assert_eq!(kinds[4], StatementKind::Globl { symbol: symbol("t"), flags: 0, size: 24 });
}

#[test]
fn maps_and_alignment() {
    let text = "#include \"funcdata.h\"\nGO_ARGS\nNO_LOCAL_POINTERS\nGO_RESULTS_INITIALIZED\nPCDATA $0, $-2\nPCALIGN $(2*16)\n";
    assert_eq!(
        kinds(&function(text))[1..],
        [
            StatementKind::FuncData { index: 0, symbol: symbol("go_args_stackmap") },
            StatementKind::FuncData { index: 1, symbol: symbol("no_pointers_stackmap") },
            StatementKind::PcData { index: 1, value: 1 },
            StatementKind::PcData { index: 0, value: -2 },
            StatementKind::PcAlign(32),
        ]
    );
}

#[test]
fn labels_stand_before_statements_and_alone() {
    let kinds = kinds(&function("one: two: NOP\nthree:\n; four : RET"));
    let label = |name: &str| StatementKind::Label(name.into());
    assert_eq!(
        [&kinds[1], &kinds[2], &kinds[4], &kinds[5]],
        [&label("one"), &label("two"), &label("three"), &label("four")]
    );
    assert!(matches!(&kinds[6], StatementKind::Instruction(ret) if ret.mnemonic == "RET" && ret.operands.is_empty()));
}

#[test]
fn a_suffix_stands_behind_a_dot() {
    let kinds = kinds(&function("VADDPD.RN_SAE.Z Z0, Z1, K1, Z2"));
    let StatementKind::Instruction(add) = &kinds[1] else { panic!("{kinds:?}") };
    assert_eq!(
        (add.mnemonic.as_str(), add.suffixes.as_slice(), add.operands.len()),
        ("VADDPD", &["RN_SAE".into(), "Z".into()][..], 4)
    );
}

#[test]
fn build_constraints_are_comments() {
    assert!(kinds("//go:build amd64 && !purego\n\n").is_empty());
}

#[test]
fn positions_are_those_of_the_first_word_and_of_each_operand() {
    let statements = statements("TEXT ·f(SB), 4, $0-0\n\tagain: ADDQ  $1 , 8(AX)\n");
    let at: Vec<_> = statements.iter().map(|statement| statement.position.to_string()).collect();
    assert_eq!(at, ["test.s:1:1", "test.s:2:2", "test.s:2:9"]);
    let StatementKind::Instruction(add) = &statements[2].kind else { panic!("{statements:?}") };
    let at: Vec<_> = add.operands.iter().map(|operand| operand.position.to_string()).collect();
    assert_eq!(at, ["test.s:2:15", "test.s:2:20"]);
}

#[test]
fn in_an_expansion_positions_are_where_the_macro_is_used() {
    let text = "#define INNER(r) \\\n\tINCQ r \\\n\tDECQ r\n#define OUTER INNER(AX)\nTEXT ·f(SB), 4, $0-0\n\tOUTER\n\tNOP; OUTER\n";
    let at: Vec<_> = statements(text).iter().map(|statement| statement.position.to_string()).collect();
    assert_eq!(at, ["test.s:5:1", "test.s:6:2", "test.s:6:2", "test.s:7:2", "test.s:7:7", "test.s:7:7"]);
}

#[test]
fn a_wrong_text_is_an_error() {
    let form = "`TEXT name(SB), flags, $frame-args`";
    for (text, column, message) in [
        ("f(SB), 4", 13, "expected the frame size of `f`, `$frame-args` or `$frame`, found `4`".to_owned()),
        ("f(SB)", 1, format!("expected {form}")),
        ("", 1, format!("expected {form}")),
        ("f(SB), 4, 8-8", 16, "expected the frame size of `f`, `$frame-args` or `$frame`, found `8`".into()),
        ("f(SB), 4, $x-8", 17, "expected the frame size, a plain number, found `x`, which no `#define` defines".into()),
        ("f(SB), 4, $(8)-8", 17, "expected the frame size, a plain number, found `(`".into()),
        ("f(SB), 4, $8+8", 18, "expected `-` and the size of the arguments, a plain number, found `+`".into()),
        ("f(SB), 4, $8-", 19, "expected the size of the arguments, a plain number, found the end of the line".into()),
        ("f(SB), 4, $8-8-8", 20, "expected the end of the sizes, found `-`".into()),
        ("f(SB), 4, $0x1000000000000", 17, "the frame size fits on no stack: 0x1000000000000".into()),
        ("f, 4, $8-8", 7, "expected `(SB)`, `(FP)` or `(SP)` after the name `f`, found `,`".into()),
        ("f(FP), 4, $8-8", 6, format!("expected a name with `(SB)` behind it: {form}")),
        ("f+8(SB), 4, $8-8", 6, format!("expected a name without an offset: {form}")),
        ("AX, 4, $8-8", 6, format!("expected a name with `(SB)` behind it: {form}")),
        ("$f(SB), 4, $8-8", 6, "expected a name, found `$`".into()),
        ("f(SB), $4, $8-8", 13, "expected flags, which are written without `$`, found `$`".into()),
        ("f(SB), 1<<32, $8-8", 13, "0x100000000 is no combination of flags".into()),
    ] {
        assert_eq!(errors(&format!("TEXT {text}\n")), [format!("test.s:1:{column}: {message}")], "{text}");
    }
}

#[test]
fn flags_without_their_header_are_an_error_that_names_it() {
    assert_eq!(
        errors(
            "TEXT f(SB), NOSPLIT, $0-0\nGLOBL x(SB), RODATA|NOPTR, $8\nTEXT h(SB), 4, $0-0\nNO_LOCAL_POINTERS\nget_tls(CX)\n"
        ),
        [
            "test.s:1:13: expected a number, found `NOSPLIT`, which no `#define` defines\n    `#include \"textflag.h\"` defines it",
            "test.s:2:14: expected a number, found `RODATA`, which no `#define` defines\n    `#include \"textflag.h\"` defines it",
            "test.s:4:1: `NO_LOCAL_POINTERS` is no instruction, but a macro of funcdata.h\n    `#include \"funcdata.h\"` defines it",
            "test.s:5:1: `get_tls` is no instruction, but a macro of go_tls.h\n    `#include \"go_tls.h\"` defines it",
        ]
    );
}

#[test]
fn a_wrong_variable_is_an_error() {
    let data = "`DATA name+offset(SB)/width, $value`";
    for (text, column, message) in [
        ("GLOBL x(SB)", 1, "expected `GLOBL name(SB), flags, $size`".to_owned()),
        ("GLOBL x(SB), 8, 8", 17, "expected `$` and the size of the variable, found `8`".into()),
        ("GLOBL x(SB), 8, $-8", 17, "a variable has a size of 0 bytes or more, not of -8".into()),
        ("DATA x(SB), $1", 11, format!("expected `/` and a width in bytes before the comma: {data}")),
        ("DATA x(SB)/4", 1, format!("expected {data}")),
        ("DATA /4, $1", 6, "expected a name, found `/`".into()),
        ("DATA x-8(SB)/8, $1", 6, "a variable has no bytes at -8: expected 0 or more".into()),
        ("DATA x(SB)/3, $1", 12, "the width is 3, but a number takes 1, 2, 4 or 8 bytes".into()),
        ("DATA x(SB)/2, $1.5", 12, "the width is 2, but a number with a decimal point takes 4 or 8 bytes".into()),
        ("DATA x(SB)/4, $y(SB)", 12, "the width is 4, but an address takes 8 bytes".into()),
        ("DATA x(SB)/1, $\"ab\"", 12, "the width is 1, but the string is longer".into()),
        (
            "DATA x(SB)/8, y(SB)",
            15,
            "expected `$` and a number, a string or the address of a symbol: a variable begins with a constant".into(),
        ),
        (
            "DATA x(SB)/8, $1; DATA x+4(SB)/8, $1",
            24,
            "the bytes of `x` before 8 already have a value: expected a larger offset".into(),
        ),
    ] {
        assert_eq!(errors(&format!("{text}\n")), [format!("test.s:1:{column}: {message}")], "{text}");
    }
}

#[test]
fn wrong_maps_and_alignments_are_errors() {
    let text = "FUNCDATA 0, x(SB)\nFUNCDATA $0, x\nPCDATA $1\nPCDATA $1, 2\nPCALIGN $24\nPCALIGN $4096\nVADDPD.(X0), X1, X2\n.x\n12\n";
    assert_eq!(
        errors(&function(text)),
        [
            "test.s:2:10: expected `$` and the kind of data, found `0`",
            "test.s:3:15: expected `(SB)`, `(FP)` or `(SP)` after the name `x`, found the end of the line",
            "test.s:4:1: expected `PCDATA $index, $value`",
            "test.s:5:12: expected `$` and its value, found `2`",
            "test.s:6:9: code is aligned to a power of two from 8 to 2048, not to 24",
            "test.s:7:9: code is aligned to a power of two from 8 to 2048, not to 4096",
            "test.s:8:8: expected a suffix after `VADDPD.`, found `(`",
            "test.s:9:1: expected an instruction, a directive or a label, found `.`",
            "test.s:10:1: expected an instruction, a directive or a label, found `12`",
        ]
    );
}
