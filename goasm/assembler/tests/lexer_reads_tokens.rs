//! Names, numbers, characters, strings and comments.

use goasm_assembler::syntax::{Operand, StatementKind};

mod common;

use common::{errors, function, instructions, operand_of, statements};

/// The value of `$text`.
fn number(text: &str) -> i64 {
    match operand_of("PUSHQ", &format!("${text}")) {
        Operand::Immediate(value) => value,
        other => panic!("{text}: {other:?}"),
    }
}

/// The value of `$text` with a fraction.
fn float(text: &str) -> f64 {
    match operand_of("PUSHQ", &format!("${text}")) {
        Operand::Float(value) => value,
        other => panic!("{text}: {other:?}"),
    }
}

/// The bytes of a string.
fn string(text: &str) -> Vec<u8> {
    match &statements(&format!("DATA s(SB)/32, ${text}\n"))[0].kind {
        StatementKind::Data { value: Operand::String(bytes), .. } => bytes.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn numbers_have_four_bases() {
    assert_eq!(
        [number("42"), number("0x2A"), number("0b101010"), number("0o52"), number("052"), number("0X2a")],
        [42; 6]
    );
    assert_eq!([number("1_000"), number("0x_ff"), number("0")], [1000, 255, 0]);
    assert_eq!([number("0xffffffffffffffff"), number("0x8000000000000000")], [-1, i64::MIN]);
}

#[test]
fn numbers_that_are_none_are_errors() {
    for (text, message) in [
        ("08", "`08` is no octal number"),
        ("0x", "`0x` is no hexadecimal number"),
        ("0b12", "`0b12` is no binary number"),
        ("12ab", "`12ab` is no decimal number"),
        ("18446744073709551616", "`18446744073709551616` does not fit into 64 bits"),
        ("1e999", "`1e999` is too large for a float of 64 bits"),
        ("1.5x", "`1.5x` is no number"),
        ("0x1.8", "`0x1.8` is no number"),
    ] {
        assert_eq!(errors(&function(&format!("PUSHQ ${text}"))), [format!("test.s:2:8: {message}")]);
    }
}

#[test]
fn floats_are_the_nearest_ones() {
    assert_eq!(
        [float("1.5"), float(".5"), float("1."), float("1e3"), float("2.5E-3")],
        [1.5, 0.5, 1.0, 1000.0, 0.0025]
    );
    assert_eq!([float("-1.5"), float("(+2.5)"), float("-(-0.1)")], [-1.5, 2.5, 0.1]);
    assert!(float("-0.0").is_sign_negative());
}

#[test]
fn hexadecimal_floats_are_exact_or_rounded_to_even() {
    assert_eq!([float("0x1p-2"), float("0x1.8p1"), float("0x.8p0"), float("0X10P+4")], [0.25, 3.0, 0.5, 256.0]);
    // One bit too many, right between two: the even one.
    assert_eq!([float("0x1.00000000000008p0"), float("0x1.00000000000018p0")], [1.0, 1.0 + 2.0 * f64::EPSILON]);
    // What lies behind the 64th bit decides as well.
    assert_eq!(float("0x1.000000000000080000000000000001p0"), 1.0 + f64::EPSILON);
    assert_eq!([float("0x1p-1074"), float("0x1p-1075"), float("0x1.8p-1075")], [5e-324, 0.0, 5e-324]);
    assert_eq!(float("0x1.fffffffffffffp1023"), f64::MAX);
    assert_eq!(float("0x0.0p99999"), 0.0);
    assert!(errors(&function("PUSHQ $0x1.fffffffffffff8p1023"))[0].contains("too large"));
}

#[test]
fn characters_are_their_numbers() {
    assert_eq!(
        [number("'a'"), number("'\\n'"), number("'\\''"), number("'\\x41'"), number("'\\101'")],
        [97, 10, 39, 65, 65]
    );
    assert_eq!(
        [number("'ä'"), number("'\\u20ac'"), number("'\\U0001F600'"), number("','"), number("';'")],
        [228, 0x20ac, 0x1f600, 44, 59]
    );
}

#[test]
fn strings_are_bytes() {
    assert_eq!(string(r#""plain, text; // here""#), b"plain, text; // here");
    assert_eq!(
        string(r#""\a\b\f\n\r\t\v\\\"\x00\xff\377\u00e4\U000000e4ä""#),
        b"\x07\x08\x0c\n\r\t\x0b\\\"\0\xff\xff\xc3\xa4\xc3\xa4\xc3\xa4"
    );
    assert_eq!(string("\"\""), b"");
}

#[test]
fn characters_and_strings_that_are_none_are_errors() {
    for (text, message) in [
        ("'ab'", "'ab' is more than one character"),
        ("''", "a character is expected between the quotes"),
        ("'\\xff'", "`\\xff` is no character by itself"),
        ("'\\q'", "`\\q` is no escape"),
        ("'\\\"'", "`\\\"` is no escape"),
        ("'\\x4'", "too few digits in the escape `\\x`"),
        ("'\\ud800'", "U+D800 is no character"),
        ("'\\777'", "the escape `\\777` is no byte"),
        ("'a", "this character is not closed on its line: expected `'`"),
        ("\"abc", "this string is not closed on its line: expected `\"`"),
        ("\"abc\\", "this string is not closed on its line: expected `\"`"),
    ] {
        assert_eq!(errors(&function(&format!("PUSHQ ${text}"))), [format!("test.s:2:8: {message}")], "{text}");
    }
}

#[test]
fn comments_are_blanks() {
    assert_eq!(instructions("/* one */ NOP // two\n// three\nADDQ /* four\nfive */ AX, BX"), ["NOP", "ADDQ RAX RBX"]);
    assert_eq!(errors(&function("NOP /* never closed")), ["test.s:2:5: this comment is never closed: expected `*/`"]);
}

#[test]
fn lines_after_a_long_comment_have_the_right_numbers() {
    assert_eq!(
        errors("/*\n\n*/ NOP\n"),
        ["test.s:3:4: `NOP` is in no function: expected `TEXT name(SB), flags, $frame-args` before it"]
    );
}

#[test]
fn columns_count_characters() {
    assert_eq!(errors("/* äöü */ DATA )\n"), ["test.s:1:11: expected `DATA name+offset(SB)/width, $value`"]);
}

#[test]
fn names_have_middle_dots_and_division_slashes() {
    let name = |text: &str| match &statements(&format!("GLOBL {text}(SB), $8\n"))[0].kind {
        StatementKind::Globl { symbol, .. } => symbol.name.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(name("plain_1"), "plain_1");
    assert_eq!(name("·add"), ".add", "a leading dot stands for the package");
    assert_eq!(name("\"\"·add"), ".add", "and so do empty quotes before it");
    assert_eq!(name("\"\".add"), ".add", "as in Go's listings");
    assert_eq!(name("crypto∕md5·block"), "crypto/md5.block");
    assert_eq!(name("größe·ß"), "größe.ß");
}

#[test]
fn a_dot_in_a_name_is_an_error_with_advice() {
    assert_eq!(
        errors(&function("CALL a.b(SB)")),
        ["test.s:2:7: names have no `.`: expected the middle dot `·`, U+00B7"]
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_blanks() {
    assert_eq!(common::words(&statements("\u{feff}TEXT f(SB), 4, $0-0\r\n#define X \\\r\n RET\r\nX\r\n")), ["RET"]);
}

#[test]
fn the_last_line_may_lack_its_end() {
    assert_eq!(common::words(&statements("TEXT f(SB), 4, $0-0; RET")), ["RET"]);
    assert!(statements("").is_empty());
    assert!(statements("#define A 1").is_empty());
}
