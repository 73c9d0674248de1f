//! `explain` says how a function was compiled.

mod verify_support;

use cargo_morestack::verify::{Error, explain};
use verify_support::{FOREIGN, binary};

const TEXT: &str = "
    SHORT _ZN4demo5plain17h0123456789abcdefE\n FRAME\n pop %rbp\n ret\n SLOW _ZN4demo5plain17h0123456789abcdefE, 8, 0
    LONG large, 1000\n FRAME\n sub $992, %rsp
    lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11
    mov %rax, (%rsp)\n lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11
    mov (%rdi), %r11\n call __x86_indirect_thunk_r11
    lea -8(%rbp), %rdi\n call aligned
    leave\n ret\n SLOW large, 1000, 24
    FUNCTION leaf\n push %rax\n pop %rax\n ret\n END leaf
    FUNCTION aligned\n FRAME\n and $-8192, %rsp\n call *%rdi\n leave\n ret\n END aligned
    FUNCTION hand\n CHECK_BYTES\n ret\n END hand\n TRUSTED hand, 40
";

/// What is said of a function, without addresses, before the binary is patched and after.
fn said(function: &str) -> String {
    let binary = binary(&format!("{FOREIGN}{TEXT}"));
    let text = |of: &str| -> String {
        let word = |word: &str, next: &str| match word {
            _ if word.contains("0x") => "ADDRESS".to_owned(),
            _ if next == "bytes" && word.starts_with(|c: char| c.is_ascii_digit()) => "N".to_owned(),
            _ => word.to_owned(),
        };
        let line = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let at = |n: usize| words.get(n).copied().unwrap_or("");
            (0..words.len())
                .map(|n| word(at(n), if at(n + 3) == "code" { at(n + 1) } else { "" }))
                .collect::<Vec<_>>()
                .join(" ")
        };
        of.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let before = text(&binary.explain(function).to_string());
    binary.process().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(text(&binary.explain(function).to_string()), before);
    before
}

#[test]
fn a_checked_function() {
    let expected = "demo::plain
    at ADDRESS N bytes of code
    checked: compares the stack pointer itself with the guard
    frame: 8 bytes, 8 at most with calls; 0 bytes of stack arguments
    movable";
    assert_eq!(said("demo::plain"), expected);
    // By its symbol, its last name, a part.
    for name in ["_ZN4demo5plain17h0123456789abcdefE", "plain", "mo::pl"] {
        assert_eq!(said(name), expected);
    }
}

#[test]
fn a_function_with_foreign_and_indirect_calls() {
    let expected = "large
    at ADDRESS N bytes of code
    checked: compares the stack pointer less 1000 with the guard
    frame: 1000 bytes, 1000 at most with calls; 24 bytes of stack arguments
    movable while calls return to before ADDRESS `lea -8(%rbp),%rdi` at ADDRESS makes an address in the frame
    ADDRESS foreign call of foreign
    ADDRESS foreign call of foreign, stack arguments possible
    ADDRESS indirect call
    ADDRESS foreign call of aligned by way of a stub";
    assert_eq!(said("large"), expected);
}

#[test]
fn functions_without_a_check() {
    assert!(said("leaf").ends_with("leaf: no check, takes 8 bytes at most"));
    assert!(said("hand").ends_with("hand-written, with a stated bound"));
    assert!(said("aligned").ends_with("foreign, runs on a big stack: it has no check and calls others at ADDRESS"));
}

#[test]
fn a_function_that_is_refused() {
    let binary = binary("SHORT f\n FRAME\n call *%rax\n pop %rbp\n ret\n SLOW f, 8, 0");
    assert!(binary.explain("f").to_string().contains("REFUSED: calls through a pointer without the thunk"));
}

#[test]
fn a_function_that_is_not_there() {
    let binary = binary(TEXT.split("LONG").next().expect("a part"));
    let error = explain(&binary.path, "nowhere::to_be_found").expect_err("no such function");
    assert!(matches!(error, Error::NoFunction { .. }));
    assert!(error.to_string().contains("has no function `nowhere::to_be_found`"), "{error}");
}
