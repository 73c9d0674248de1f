//! `#define` with and without parameters, over several lines and within others, `#undef`, and `-D`.

use goasm_assembler::parse::Options;

mod common;

use common::{errors, instructions, with_options, words};

#[test]
fn a_name_stands_for_tokens() {
    assert_eq!(instructions("#define COUNT 3\n#define dst BX\nADDQ $COUNT, dst"), ["ADDQ $3 RBX"]);
}

#[test]
fn parameters_are_replaced_as_whole_names() {
    let text = "#define ADD(a, ab) ADDQ a, ab\nADD(AX, BX)";
    assert_eq!(instructions(text), ["ADDQ RAX RBX"]);
}

#[test]
fn an_argument_may_have_commas_in_parentheses() {
    let text = "#define TWICE(x) x; x\n#define ADD(n, r) ADDQ $n, r\nTWICE(ADD((1+2), CX))";
    assert_eq!(instructions(text), ["ADDQ $3 RCX", "ADDQ $3 RCX"]);
}

#[test]
fn lines_go_on_after_a_backslash_and_are_lines_of_their_own() {
    let text = "#define SWAP(a, b, t) \\\n\tMOVQ a, t \\\n\tMOVQ b, a \\\n\tMOVQ t, b\nSWAP(AX, BX, CX)";
    assert_eq!(instructions(text), ["MOVQ RAX RCX", "MOVQ RBX RAX", "MOVQ RCX RBX"]);
}

#[test]
fn a_semicolon_ends_a_statement_inside_a_macro() {
    assert_eq!(instructions("#define BOTH NOP; RET\nBOTH"), ["NOP", "RET"]);
}

#[test]
fn a_macro_may_name_macros_that_are_defined_later() {
    let text = "#define OUTER(r) INNER(r, 8)\n#define INNER(r, n) SUBQ $n, r\nOUTER(DX)";
    assert_eq!(instructions(text), ["SUBQ $8 RDX"]);
}

#[test]
fn the_name_of_a_macro_may_be_an_argument() {
    let text = "#define APPLY(m, r) m(r)\n#define CLEAR(r) XORQ r, r\nAPPLY(CLEAR, SI)";
    assert_eq!(instructions(text), ["XORQ RSI RSI"]);
}

#[test]
fn a_macro_with_parameters_is_used_only_with_parentheses() {
    // `g` is also a register.
    let text = "#define g(r) 0(r)\nMOVQ g, AX";
    assert_eq!(instructions(text), ["MOVQ R14 RAX"]);
}

#[test]
fn a_parenthesis_belongs_to_the_parameters_only_without_a_space() {
    let text = "#define AT (BX)\n#define NONE() RET\nCALL AT\nNONE()";
    let lines = instructions(text);
    assert!(lines[0].contains("base: Some(Register(RBX))"), "{lines:?}");
    assert_eq!(lines[1], "RET");
}

#[test]
fn an_undefined_macro_is_gone_and_can_be_defined_anew() {
    assert_eq!(
        instructions("#define N 1\nADDQ $N, AX\n#undef N\n#define N 2\nADDQ $N, AX"),
        ["ADDQ $1 RAX", "ADDQ $2 RAX"]
    );
}

#[test]
fn defining_the_same_twice_is_no_contradiction() {
    assert_eq!(instructions("#define N (1 + 2)\n#define N (1+2)\nADDQ $N, AX"), ["ADDQ $3 RAX"]);
}

#[test]
fn a_macro_may_define_a_macro() {
    assert_eq!(instructions("#define MAKE #define MADE 5\nMAKE\nADDQ $MADE, AX"), ["ADDQ $5 RAX"]);
}

#[test]
fn options_define_macros_too() {
    let options =
        Options { defines: vec![("N".into(), "6*7".into()), ("EMPTY".into(), String::new())], ..Options::default() };
    let statements = with_options("#ifdef EMPTY\nTEXT f(SB), 4, $0-0\nEMPTY MOVQ $N, AX\n#endif\n", &options);
    assert_eq!(words(&statements), ["MOVQ $42 RAX"]);
}

#[test]
fn what_this_machine_is_called_is_defined() {
    let text = "#ifdef GOARCH_amd64\n#ifdef GOOS_linux\n#ifdef GOAMD64_v1\nRET\n#endif\n#endif\n#endif\n#ifdef GOARCH_arm64\nNOP\n#endif";
    assert_eq!(instructions(text), ["RET"]);
}

#[test]
fn there_is_one_level_of_the_architecture() {
    let options = Options { defines: vec![("GOAMD64_v3".into(), "1".into())], ..Options::default() };
    let text =
        "#include \"asm_amd64.h\"\nTEXT f(SB), 4, $0-0\n#ifdef GOAMD64_v1\nNOP\n#endif\n#ifdef hasAVX2\nRET\n#endif\n";
    assert_eq!(words(&with_options(text, &options)), ["RET"]);
}

#[test]
fn contradictions_are_errors() {
    assert_eq!(
        errors("#define A 1\n#define A 2\n#undef B\n"),
        [
            "test.s:2:9: `A` is already defined, and differently: `#undef` it first\n    the other definition is at test.s:1:9",
            "test.s:3:8: `B` is not defined, so it cannot be undefined",
        ]
    );
}

#[test]
fn wrong_arguments_are_errors_where_the_macro_is_used() {
    let text = "#define ADD(a, b) ADDQ a, b\nTEXT f(SB), 4, $0-0\n\tADD(AX)\n\tADD(AX, BX\n\tRET\n";
    assert_eq!(
        errors(text),
        [
            "test.s:3:2: the macro `ADD` takes 2 arguments, here are 1\n    it is defined at test.s:1:9",
            "test.s:4:2: the arguments of the macro `ADD` are not closed on this line: expected `)`",
        ]
    );
}

#[test]
fn wrong_definitions_are_errors() {
    assert_eq!(
        errors(
            "#define\n#define 3 x\n#define F(a, a) a\n#define G(a b) a\n#define H(a\n#define I \\ x\n#define J(,) x\n"
        ),
        [
            "test.s:1:2: expected the name of a macro after `#define`",
            "test.s:2:9: expected the name of a macro after `#define`",
            "test.s:3:14: there is already a parameter `a`",
            "test.s:4:13: expected `,` or `)`, found `b`",
            "test.s:5:10: the parameters of `H` are not closed: expected `)`",
            "test.s:6:13: expected the end of the line after `\\`, found `x`",
            "test.s:7:11: expected the name of a parameter, found `,`",
        ]
    );
}

#[test]
fn an_option_that_is_no_name_is_an_error() {
    let options = Options { defines: vec![("A B".into(), "1".into())], ..Options::default() };
    assert_eq!(common::errors_with_options("", &options), ["-D A B: `A B` cannot be defined: expected a name"]);
}
