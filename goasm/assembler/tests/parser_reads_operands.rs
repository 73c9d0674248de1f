//! Operands of every kind, and what is no operand.

use goasm_assembler::syntax::{Abi, Base, Index, Memory, Operand, Register, Special, StatementKind, Symbol};

mod common;

use common::{errors, function, operand_of, statements};

fn symbol(name: &str) -> Symbol {
    Symbol { name: name.into(), is_static: false, abi: None }
}

fn at(base: Option<Base>, offset: i64, index: Option<(Index, u8)>) -> Memory {
    Memory { symbol: None, offset, base, index }
}

fn named(name: Symbol, offset: i64, base: Base) -> Memory {
    Memory { symbol: Some(name), offset, base: Some(base), index: None }
}

/// An operand of an instruction that is no jump.
fn plain(text: &str) -> Operand {
    operand_of("PUSHQ", text)
}

#[test]
fn registers_have_no_width() {
    for name in ["AX", "AL"] {
        assert_eq!(plain(name), Operand::Register(Register::RAX));
    }
    assert_eq!(plain("AH"), Operand::Register(Register::AH));
    assert_eq!(plain("R15"), Operand::Register(Register::R15));
    assert_eq!(plain("g"), Operand::Register(Register::R14));
    assert_eq!(plain("Z31"), Operand::Register(Register::ZMM31));
    assert_eq!(plain("TLS"), Operand::Special(Special::Tls));
}

#[test]
fn memory_has_a_base_and_an_index() {
    let bx = Some(Base::Register(Register::RBX));
    assert_eq!(plain("(BX)"), Operand::Memory(at(bx, 0, None)));
    assert_eq!(plain("-8(BX)"), Operand::Memory(at(bx, -8, None)));
    assert_eq!(plain("(3*4)(BX)"), Operand::Memory(at(bx, 12, None)));
    assert_eq!(plain("-(4+12)(BX)"), Operand::Memory(at(bx, -16, None)));
    let cx = |scale| Some((Index::Register(Register::RCX), scale));
    assert_eq!(plain("16(BX)(CX*8)"), Operand::Memory(at(bx, 16, cx(8))));
    assert_eq!(plain("(CX*2)"), Operand::Memory(at(None, 0, cx(2))));
    assert_eq!(plain("$4(BX)(CX*1)"), Operand::Address(at(bx, 4, cx(1))));
    assert_eq!(plain("(BX)(Y9*4)"), Operand::Memory(at(bx, 0, Some((Index::Register(Register::YMM9), 4)))));
    assert_eq!(plain("0x30"), Operand::Memory(at(None, 0x30, None)), "an absolute address");
}

#[test]
fn thread_local_memory_counts_from_tls() {
    assert_eq!(
        plain("0(CX)(TLS*1)"),
        Operand::Memory(at(Some(Base::Register(Register::RCX)), 0, Some((Index::Tls, 1))))
    );
    assert_eq!(plain("-8(TLS)"), Operand::Memory(at(Some(Base::Tls), -8, None)));
}

#[test]
fn pseudo_registers_have_names_before_them() {
    assert_eq!(plain("x+8(FP)"), Operand::Memory(named(symbol("x"), 8, Base::Fp)));
    assert_eq!(plain("x(FP)"), Operand::Memory(named(symbol("x"), 0, Base::Fp)));
    assert_eq!(plain("$x+4*2(FP)"), Operand::Address(named(symbol("x"), 8, Base::Fp)));
    assert_eq!(plain("x-16(SP)"), Operand::Memory(named(symbol("x"), -16, Base::VirtualSp)));
    assert_eq!(plain("-16(SP)"), Operand::Memory(at(Some(Base::Register(Register::RSP)), -16, None)), "the machine's");
    let index = Some((Index::Register(Register::RAX), 8));
    assert_eq!(plain("x-16(SP)(AX*8)"), Operand::Memory(Memory { index, ..named(symbol("x"), -16, Base::VirtualSp) }));
}

#[test]
fn symbols_are_global_static_or_of_an_abi() {
    assert_eq!(plain("·x(SB)"), Operand::Memory(named(symbol(".x"), 0, Base::Sb)));
    let of = |is_static, abi| Symbol { name: "t".into(), is_static, abi };
    assert_eq!(plain("$t<>+8(SB)"), Operand::Address(named(of(true, None), 8, Base::Sb)));
    assert_eq!(plain("t<ABIInternal>(SB)"), Operand::Memory(named(of(false, Some(Abi::Internal)), 0, Base::Sb)));
    assert_eq!(plain("t<ABI0>+0(SB)"), Operand::Memory(named(of(false, Some(Abi::Abi0)), 0, Base::Sb)));
}

#[test]
fn jumps_go_to_labels_symbols_memory_and_by_counting() {
    let target = |text: &str| match &statements(&function(&format!("here: JMP {text}")))[2].kind {
        StatementKind::Instruction(instruction) => instruction.operands[0].operand.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(target("here"), Operand::Label("here".into()));
    assert_eq!(target("-2(PC)"), Operand::PcRelative(-2));
    assert_eq!(target("(PC)"), Operand::PcRelative(0));
    assert_eq!(target("here(SB)"), Operand::Memory(named(symbol("here"), 0, Base::Sb)));
    assert_eq!(target("AX"), Operand::Register(Register::RAX));
    assert_eq!(target("*AX"), Operand::Indirect(Box::new(Operand::Register(Register::RAX))));
    let table = Operand::Memory(named(symbol("table"), 8, Base::Sb));
    assert_eq!(target("*table+8(SB)"), Operand::Indirect(Box::new(table)));
    assert_eq!(target("8(AX)"), Operand::Memory(at(Some(Base::Register(Register::RAX)), 8, None)));
}

#[test]
fn pairs_and_ranges_of_registers() {
    assert_eq!(plain("DX:AX"), Operand::Pair(Register::RDX, Register::RAX));
    assert_eq!(plain("[Z4 - Z7]"), Operand::Range(Register::ZMM4, Register::ZMM7));
}

#[test]
fn what_is_no_operand_is_an_error_with_what_was_expected() {
    for (text, column, message) in [
        ("0(FP)", 9, "expected a name before `(FP)`: arguments and results are written `name+0(FP)`"),
        ("8(SB)", 9, "expected a name before `(SB)`: `name(SB)`"),
        ("$4(PC)", 10, "expected `n(PC)` without anything before it: it is the target of a jump"),
        ("x", 8, "expected `(SB)`, `(FP)` or `(SP)` after the name `x`, found the end of the line"),
        (
            "ax",
            9,
            "expected `(SB)`, `(FP)` or `(SP)` after the name `ax`, found the end of the line\n    registers are written in capitals",
        ),
        ("x+8(BX)", 11, "expected `(SB)`, `(FP)` or `(SP)` after the name `x`, found `BX`"),
        ("PC", 7, "`PC` is no register of the machine: expected `name(PC)` or `n(PC)`"),
        ("$AX", 8, "`AX` is a register, which has no address: expected it without `$`"),
        ("AX BX", 10, "expected the end of the operand, found `BX`"),
        ("AX:", 10, "expected a register after `:`, found the end of the line"),
        ("(AX", 10, "expected `)` after the register, found the end of the line"),
        ("(X1)", 8, "`X1` cannot be the base of an address: expected a general register"),
        ("(foo)", 8, "expected a register, found `foo`, which no `#define` defines"),
        ("(AX)(BX)", 14, "expected a scale: `(BX*1)`, found `)`"),
        ("(AX)(BX*3)", 15, "expected a scale of 1, 2, 4 or 8, found `3`"),
        ("(AX)(SP*1)", 12, "`SP` cannot be multiplied in an address; every other general register can"),
        ("(AX)(PC*1)", 12, "expected a general or vector register and its scale, found `PC`"),
        ("(AX)(3)", 12, "expected a general or vector register and its scale, found `3`"),
        ("(AX*2)(BX)", 13, "expected the end of the operand (the base stands before what is multiplied), found `(`"),
        ("t<>(SB)(AX)", 17, "expected a scale: `(AX*1)`, found `)`"),
        ("t<ABI9>(SB)", 9, "expected `<>`, `<ABI0>` or `<ABIInternal>`, found `ABI9`"),
        ("[X0]", 10, "expected `-` after the first register of a range, found `]`"),
        ("[X3-X0]", 7, "a range goes upwards, from one vector register to another of the same width"),
        ("[X0-Y3]", 7, "a range goes upwards, from one vector register to another of the same width"),
        ("[AX-Z3]", 8, "expected a vector register after `[`, found `AX`"),
        ("1.5", 7, "expected `$` before a number with a decimal point"),
        ("$1.5+1", 11, "expected the end of the operand, found `+`"),
        ("\"s\"", 7, "expected `$` before a string"),
        ("*AX", 7, "`*` stands only before the target of a jump or call: a register or memory"),
        ("$", 8, "expected an operand, found the end of the line"),
        (")", 7, "expected a register, a number, a name or memory, found `)`"),
        ("@", 7, "expected a register, a number, a name or memory, found `@`"),
        ("\u{1}", 7, "expected a register, a number, a name or memory, found the character U+0001"),
        (
            "$const_size",
            8,
            "expected a register, a number or memory, found `const_size`, which no `#define` defines\n    \
            if it is from Go source, `go_asm.h` or -D const_size=VALUE would define it",
        ),
        (
            "$NOSPLIT",
            8,
            "expected a register, a number or memory, found `NOSPLIT`, which no `#define` defines\n    \
            `#include \"textflag.h\"` defines it",
        ),
    ] {
        assert_eq!(errors(&function(&format!("PUSHQ {text}"))), [format!("test.s:2:{column}: {message}")], "{text}");
    }
}

#[test]
fn a_jump_that_goes_nowhere_is_an_error() {
    let message = "goes to a label, `n(PC)`, `name(SB)`, a register, or what memory behind a register holds";
    for text in ["", "x+8(FP)", "x-8(SP)", "$x(SB)", "$1.5", "$\"s\"", "DX:AX", "AX, BX, CX"] {
        assert_eq!(errors(&function(&format!("CALL {text}"))), [format!("test.s:2:6: `CALL` {message}")], "{text}");
    }
    let star = "`*` stands only before the target of a jump or call: a register or memory";
    for text in ["*8", "*$8", "*X0:X1"] {
        let all = errors(&function(&format!("JMP {text}")));
        assert_eq!(all.len(), 1, "{text}: {all:?}");
    }
    assert_eq!(errors(&function("JMP *8")), [format!("test.s:2:5: {star}")]);
}

#[test]
fn operands_are_between_commas() {
    for (text, column, found) in [
        ("AX,", 9, "the end of the line"),
        (",AX", 6, "`,`"),
        ("AX,,BX", 9, "`,`"),
        (",", 6, "`,`"),
        ("AX,;", 9, "`;`"),
    ] {
        let text = format!("MOVQ {text}");
        assert_eq!(
            errors(&function(&text)),
            [format!("test.s:2:{column}: expected an operand, found {found}")],
            "{text}"
        );
    }
}
