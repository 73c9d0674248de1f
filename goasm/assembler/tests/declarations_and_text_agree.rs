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
fn a_function_of_registers_is_declared_as_such() {
    let source = "TEXT ·f<ABIInternal>(SB), NOSPLIT, $0-16\n\tINCQ AX\n\tRET\n";
    assert_eq!(said(source, &["ABIInternal fn f(a: u64) -> (_: u64)"]), [""; 0]);
    let found = vet(source, &["fn f(a: u64) -> (_: u64)"]);
    assert_eq!(found[0].message, "no TEXT defines `·f(SB)`, which `fn f(a: u64) -> (ret: u64)` declares");
    assert_eq!(found[0].notes, ["It is ABIInternal: declare it in a block `unsafe extern \"ABIInternal\" { .. }`."]);

    let source = source.replace("<ABIInternal>", "").replace("INCQ AX", "MOVQ a+0(FP), AX\n\tMOVQ AX, ret+8(FP)");
    let found = vet(&source, &["ABIInternal fn f(a: u64) -> (_: u64)"]);
    assert_eq!(found[0].message, "no TEXT defines `·f<ABIInternal>(SB)`, which `fn f(a: u64) -> (ret: u64)` declares");
    assert_eq!(found[0].notes, ["It is ABI0: declare it in a block `unsafe extern \"ABI0\" { .. }`."]);
}

#[test]
fn only_what_is_on_the_stack_has_a_name_there() {
    let vet = |instruction: &str| {
        let source = format!("TEXT ·f<ABIInternal>(SB), NOSPLIT, $0-33\n\t{instruction}\n\tRET\n");
        said(&source, &["ABIInternal fn f(a: u8, b: [u16; 2], s: &str, c: [u32; 2]) -> (_: bool)"])
    };
    // b and c have 4 and 8 bytes at 0(FP), where ABI0 has a.
    assert_eq!(vet("MOVW b_1+2(FP), AX"), [""; 0]);
    assert_eq!(vet("MOVL c_1+8(FP), AX"), [""; 0]);
    assert_eq!(vet("MOVB a+0(FP), AX"), ["2:7: `a+0(FP)` is not on the stack: a: u8 is in AX (ABIInternal)"]);
    let found = vet("MOVQ s_len+16(FP), AX");
    assert_eq!(found, ["2:7: `s_len+16(FP)` is not on the stack: the length of s: &str is in BX, CX (ABIInternal)"]);
    let found = vet("MOVL c_0+24(FP), AX");
    assert_eq!(
        found,
        ["2:7: `c_0+24(FP)` is 24 bytes into the arguments, but element 0 of c: [u32; 2] is at c_0+4(FP)"]
    );
    let found = vet("MOVB d+0(FP), AX");
    assert!(found[0].contains("`d+0(FP)` is no value of"), "{found:?}");
}
