//! Labels are of one function; what is defined twice, missing or outside is an error.

mod common;

use common::{errors, statements};

#[test]
fn two_functions_may_have_the_same_labels() {
    statements("TEXT f(SB), 4, $0-0\nx: JMP x\nTEXT h(SB), 4, $0-0\nJMP x\nx: RET\n");
}

#[test]
fn a_label_that_is_defined_twice() {
    let expected = "test.s:3:1: the label `x` is defined twice\n    the other definition is at test.s:2:1";
    assert_eq!(errors("TEXT f(SB), 4, $0-0\nx: JMP x\nx: RET\n"), [expected]);
}

#[test]
fn a_label_that_is_not_there() {
    let hint = "a jump to another function is written";
    assert_eq!(
        errors("TEXT f(SB), 4, $0-0\nJMP x\nJEQ x\nCALL g1\nTEXT h(SB), 4, $0-0\nx: RET\n"),
        [
            format!("test.s:2:5: this function has no label `x`\n    {hint} `x(SB)`"),
            format!("test.s:4:6: this function has no label `g1`\n    {hint} `g1(SB)`"),
        ]
    );
}

#[test]
fn a_label_on_a_wrong_line_is_not_called_missing() {
    let all = errors("TEXT f(SB), 4, $0-0\nJMP x\nx: MOVQ (, AX\nRET\n");
    assert_eq!(all.len(), 1, "{all:?}");
}

#[test]
fn functions_and_variables_are_defined_once() {
    assert_eq!(
        errors("TEXT f(SB), 4, $0-0\nRET\nTEXT f(SB), 4, $0-0\nRET\nGLOBL v(SB), $8\nGLOBL v(SB), $8\n"),
        [
            "test.s:3:6: `f` is defined twice\n    the other definition is at test.s:1:6",
            "test.s:6:7: `v` is defined twice\n    the other definition is at test.s:5:7",
        ]
    );
}

#[test]
fn static_ones_are_others() {
    statements("TEXT f(SB), 4, $0-0\nRET\nTEXT f<>(SB), 4, $0-0\nRET\nTEXT f<ABIInternal>(SB), 4, $0-0\nRET\n");
}

#[test]
fn what_is_in_no_function_is_said_once() {
    let expected = "`MOVQ` is in no function: expected `TEXT name(SB), flags, $frame-args` before it";
    assert_eq!(errors("\tMOVQ AX, BX\n\tRET\nx:\n"), [format!("test.s:1:2: {expected}")]);
}

#[test]
fn after_a_wrong_text_there_is_a_function_all_the_same() {
    let all = errors("TEXT f(SB), 4\nx: MOVQ AX, BX\nJMP x\nRET\n");
    assert_eq!(all.len(), 1, "{all:?}");
}
