//! Macros that would never come to an end, or to too much, are errors, and soon.

mod common;

use common::{errors, function};

#[test]
fn a_macro_that_leads_to_itself() {
    let errors = errors(&function("#define A B\n#define B C 1\n#define C A\nA"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("test.s:5:1: the macro `"), "{errors:?}");
    assert!(errors[0].contains(" is expanded within itself more and more: `"), "{errors:?}");
    assert!(errors[0].contains("in the expansion of the macro `A`, defined at test.s:2:9"), "{errors:?}");
    assert!(errors[0].lines().count() < 12, "{errors:?}");
}

#[test]
fn a_macro_whose_argument_is_itself_again() {
    let errors = errors(&function("#define A(x) A(x x)\nA(1)"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("test.s:3:1: "), "{errors:?}");
}

#[test]
fn macros_that_double_each_other() {
    let lines: String = (0..60).map(|n| format!("#define M{n} M{0}; M{0}\n", n + 1)).collect();
    let errors = errors(&function(&format!("{lines}#define M60 NOP\nM0")));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("macros and included files come to more than 1048576 tokens"), "{errors:?}");
}

#[test]
fn arguments_within_arguments_count_as_well() {
    let text = format!("#define TWICE(x) x x\n{}NOP{}", "TWICE(".repeat(50), ")".repeat(50));
    let errors = errors(&function(&text));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("come to more than"), "{errors:?}");
}

#[test]
fn a_name_that_its_own_macro_mentions_without_parentheses_is_left_alone() {
    assert_eq!(common::instructions("#define RET() RET\nRET()"), ["RET"]);
}
