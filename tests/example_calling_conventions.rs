//! The example `calling_conventions` says what each of the six cases reaches.

#[path = "common/server.rs"]
mod server;

use std::process::Command;

#[test]
fn shows_each_case() {
    let output = Command::new(server::path_of("calling_conventions")).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    // The address that was called, without and with a wrapper.
    let cases = [
        ("1  ABIInternal -> ABIInternal, directly", "direct.registers_callee<ABIInternal>", false),
        ("2  ABIInternal -> ABIInternal, indirectly", "direct.registers_callee<ABIInternal>", false),
        ("3  ABIInternal -> ABI0, directly", "direct.stack_callee", false),
        ("4  ABIInternal -> ABI0, indirectly", "by_wrapper.stack_callee<ABIInternal>", true),
        ("5  ABI0 -> ABI0, directly", "direct.stack_callee", false),
        ("5  ABI0 -> ABI0, indirectly", "direct.stack_callee", false),
        ("6  ABI0 -> ABIInternal, directly", "by_wrapper.registers_callee", true),
        ("6  ABI0 -> ABIInternal, indirectly", "by_wrapper.registers_callee", true),
    ];
    for (case, called, by_wrapper) in cases {
        let line = text.lines().find_map(|line| line.strip_prefix(case)).unwrap_or_else(|| panic!("{case}: {text}"));
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[0], words[1] == "(wrapper)"), (called, by_wrapper), "{case}");
    }
}
