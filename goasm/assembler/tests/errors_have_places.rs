//! Every error says where it is: in the source, and in which macros.

use goasm_assembler::parse::{Options, parse_text};

mod common;

use common::errors;

#[test]
fn an_error_in_a_macro_is_where_it_is_used_and_names_the_macro() {
    let text = "#define INNER(r) \\\n\tMOVQ r, 0(FP)\n#define OUTER INNER(AX)\nTEXT ·f(SB), 4, $0-0\n\tOUTER\n";
    assert_eq!(
        errors(text),
        ["test.s:5:2: expected a name before `(FP)`: arguments and results are written `name+0(FP)`\n    \
            in the expansion of the macro `INNER`, defined at test.s:1:9\n    \
            in the expansion of the macro `OUTER`, defined at test.s:3:9"]
    );
}

#[test]
fn every_line_gets_its_own_error() {
    let text = "TEXT ·f(SB), 4, $0-0\nMOVQ (, AX\nMOVQ AX\nMOVQ $, BX; MOVQ AX,; RET\nMOVQ 'ab, (, '\n";
    let all = errors(text);
    let at: Vec<_> = all.iter().map(|error| error.split(": ").next().unwrap()).collect();
    assert_eq!(at, ["test.s:2:7", "test.s:4:7", "test.s:4:21", "test.s:5:6"], "{all:?}");
}

#[test]
fn after_twenty_the_rest_is_not_shown() {
    let text = format!("TEXT ·f(SB), 4, $0-0\n{}", "MOVQ (,\n".repeat(50));
    let all = errors(&text);
    assert_eq!(all.len(), 20);
    assert!(
        all[19].ends_with("errors after this one are not shown") && !all[18].contains("after this one"),
        "{}",
        all[19]
    );
}

#[test]
fn the_name_of_the_text_is_that_of_the_file() {
    let errors = parse_text("src/lib.rs", "RET", &Options::default()).unwrap_err();
    assert_eq!((&*errors[0].position.file, errors[0].position.line, errors[0].position.column), ("src/lib.rs", 1, 1));
}
