//! `#ifdef`, `#ifndef`, `#else` and `#endif`.

mod common;

use common::{errors, instructions};

/// The instructions between conditions, `A` being defined and `B` not.
fn left(lines: &str) -> Vec<String> {
    instructions(&format!("#define A\n{lines}"))
}

#[test]
fn what_is_defined_is_used() {
    assert_eq!(left("#ifdef A\nNOP\n#endif\n#ifdef B\nRET\n#endif"), ["NOP"]);
    assert_eq!(left("#ifndef A\nNOP\n#endif\n#ifndef B\nRET\n#endif"), ["RET"]);
}

#[test]
fn otherwise_the_other_part_is() {
    assert_eq!(left("#ifdef A\nNOP\n#else\nRET\n#endif"), ["NOP"]);
    assert_eq!(left("#ifdef B\nNOP\n#else\nRET\n#endif"), ["RET"]);
}

#[test]
fn conditions_are_nested() {
    for (outer, inner, expected) in
        [("A", "A", vec!["NOP"]), ("A", "B", vec!["RET"]), ("B", "A", vec!["CLD"]), ("B", "B", vec!["CLD"])]
    {
        let lines = format!("#ifdef {outer}\n#ifdef {inner}\nNOP\n#else\nRET\n#endif\n#else\nCLD\n#endif");
        assert_eq!(left(&lines), expected, "{outer} {inner}");
    }
}

#[test]
fn nothing_in_a_part_that_is_left_out_matters() {
    let lines = "#ifdef B\n#include \"nowhere.h\"\n#define A 2\n#nonsense\nit's \"not closed\n#undef C\n#endif\nRET";
    assert_eq!(left(lines), ["RET"]);
}

#[test]
fn a_directive_may_be_indented() {
    assert_eq!(left("  #  ifdef A\n NOP\n\t#endif // A"), ["NOP"]);
}

#[test]
fn conditions_that_do_not_match_are_errors() {
    assert_eq!(
        errors("#else\n#endif\n#ifdef X\n#else\n#else\n#endif\n#ifdef\n#endif\n#ifdef X Y\n#endif Z\n"),
        [
            "test.s:1:2: there is no `#ifdef` or `#ifndef` that this `#else` belongs to",
            "test.s:2:2: there is no `#ifdef` or `#ifndef` that this `#endif` belongs to",
            "test.s:5:2: expected `#endif`, found a second `#else`\n    the condition begins at test.s:3:2",
            "test.s:7:2: expected a name after `#ifdef`",
            "test.s:9:10: expected the end of the line after the name after `#ifdef`",
            "test.s:10:8: expected the end of the line after `#endif`, found `Z`",
        ]
    );
}

#[test]
fn a_condition_that_is_not_closed_is_an_error_where_it_begins() {
    assert_eq!(
        errors("\n#ifndef X\nGLOBL a(SB), $8\n"),
        ["test.s:2:2: this `#ifndef` is never closed: expected `#endif`"]
    );
}

#[test]
fn unknown_directives_are_errors() {
    let expected = "expected `define`, `undef`, `ifdef`, `ifndef`, `else`, `endif`, `include` or `line`";
    assert_eq!(
        errors("#pragma x\n#\nGLOBL #define x\n"),
        [
            format!("test.s:1:2: there is no directive `#pragma`: {expected}"),
            format!("test.s:2:1: {expected} after `#`, found the end of the line"),
            "test.s:3:7: `#` begins a directive only where a line begins".into(),
        ]
    );
}
