//! Constant expressions: operators as in Go, on 64 bits without a sign.

use goasm_assembler::syntax::Operand;

mod common;

use common::{errors, function, operand_of};

fn value(text: &str) -> i64 {
    match operand_of("PUSHQ", &format!("${text}")) {
        Operand::Immediate(value) => value,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn operators_bind_as_in_go() {
    for (text, expected) in [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("7-2-1", 4),
        ("100/7%5", 4),
        ("1|2^3", 0),
        ("0xf0&0x3c+1", 0x31),
        ("1+2<<3", 17),
        ("6>>1", 3),
        ("~0", -1),
        ("~15", -16),
        ("-(2+3)", -5),
        ("3 - -3", 6),
        ("+-+-2", 2),
        ("-8", -8),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn right_of_a_right_shift_stands_a_whole_product() {
    assert_eq!(value("64>>1*2"), 16);
    assert_eq!(value("64>>6>>1"), 8);
}

#[test]
fn results_wrap_around() {
    assert_eq!(value("0xffffffffffffffff+2"), 1);
    assert_eq!(value("1<<63"), i64::MIN);
    assert_eq!(value("1<<64"), 0);
    assert_eq!(value("1>>64"), 0);
    assert_eq!(value("0x8000000000000000*2"), 0);
}

#[test]
fn what_has_no_value_is_an_error() {
    for (text, column, message) in [
        ("1/0", 9, "this divides by zero"),
        ("1%(2-2)", 9, "this divides by zero"),
        ("(0-1)/2", 13, "what is divided is negative, or has its highest bit set"),
        ("-1%2", 10, "what is divided is negative, or has its highest bit set"),
        ("1<<-1", 9, "this shifts by a negative number of bits"),
        ("1>>(0-1)", 9, "this shifts by a negative number of bits"),
        ("-1>>1", 10, "what is shifted to the right is negative, or has its highest bit set"),
        ("(1+2", 12, "expected `)` after the expression, found the end of the line"),
        ("1+", 10, "expected a number, found the end of the line"),
        ("1 2", 10, "expected the end of the operand, found `2`"),
        ("1<<2*3", 12, "expected the end of the operand, found `*`"),
        ("1&^2", 10, "expected a number, found `^`"),
        ("1+AX", 10, "expected a number, found `AX`, which no `#define` defines"),
    ] {
        assert_eq!(errors(&function(&format!("PUSHQ ${text}"))), [format!("test.s:2:{column}: {message}")], "{text}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let text = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(value(&text(90)), 1);
    assert!(errors(&function(&format!("PUSHQ ${}", text(200_000))))[0].contains("more than 100 signs and parentheses"));
    assert!(errors(&function(&format!("PUSHQ $1+{}1", "-".repeat(200_000))))[0].contains("more than 100"));
    assert!(errors(&function(&format!("PUSHQ ${}1.5", "-".repeat(200_000))))[0].contains("more than 100"));
    assert!(errors(&function(&format!("PUSHQ $1{}", ">>1".repeat(200_000))))[0].contains("more than 100"));
}
