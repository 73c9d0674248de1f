//! `TEXT` gives the declared size of arguments and results, and each declaration has a `TEXT`.

mod common;

use common::declared::{declaration, said, vet};

const ADD: &str = "fn add(a: i32, b: i32) -> (sum: i32, carry: bool)";

/// What is said of `add` with this behind its name.
fn add(rest: &str) -> Vec<String> {
    let source = format!("TEXT ·add(SB){rest}\n\tMOVL AX, sum+8(FP)\n\tMOVB AX, carry+12(FP)\n\tRET\n");
    said(&source, &[ADD])
}

#[test]
fn the_size_is_not_rounded_up() {
    assert_eq!(add(", 0, $0-13"), [""; 0]);
    for wrong in ["12", "16", "24"] {
        let message =
            format!("1:1: TEXT ·add gives {wrong} bytes of arguments and results, but `{ADD}` has 13: `$0-13`");
        assert_eq!(add(&format!(", 0, $0-{wrong}")), [message]);
    }
}

#[test]
fn a_size_is_wanted_unless_the_function_is_nosplit() {
    for rest in [", NOSPLIT, $0", ", NOSPLIT, $0-0", ", NOSPLIT|NOFRAME, $0", ", NOSPLIT, $0-13"] {
        assert_eq!(add(rest), [""; 0], "{rest}");
    }
    let message = format!("1:1: TEXT ·add gives no size of arguments and results, but `{ADD}` has 13: `$24-13`");
    assert_eq!(add(", $24"), [message]);
    let message = format!("1:1: TEXT ·add gives 0 bytes of arguments and results, but `{ADD}` has 13: `$24-13`");
    assert_eq!(add(", 0, $24-0"), [message]);
    let message = format!("1:1: TEXT ·add gives 8 bytes of arguments and results, but `{ADD}` has 13: `$24-13`");
    assert_eq!(add(", NOSPLIT, $24-8"), [message]);
}

#[test]
fn each_declaration_has_its_text() {
    let source =
        "TEXT ·f(SB), NOSPLIT, $0\n\tRET\nTEXT local<>(SB), NOSPLIT, $0\n\tRET\nTEXT other·h(SB), NOSPLIT, $0\n\tRET\n";
    let found = vet(source, &["fn f()", "fn local(a: u8) -> (_: u8)", "fn h()"]);
    let messages: Vec<_> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    let expected = [
        "no TEXT defines `·local(SB)`, which `fn local(a: u8) -> (ret: u8)` declares",
        "no TEXT defines `·h(SB)`, which `fn h()` declares",
    ];
    assert_eq!(messages, expected);
    assert!(found.iter().all(|diagnostic| diagnostic.position == declaration()));
}

#[test]
fn a_function_of_registers_has_the_same_declaration() {
    let source = "TEXT ·f<ABIInternal>(SB), NOSPLIT, $0-16\n\tINCQ AX\n\tRET\n";
    assert_eq!(said(source, &["fn f(a: u64) -> (_: u64)"]), [""; 0]);
}
