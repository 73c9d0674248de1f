//! Assembly macros can record the line on which they are used: the build script numbers the lines of assembly files.

#[path = "../build/lines.rs"]
mod lines;

use lines::number_lines;
use std::arch::global_asm;

global_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/line_numbers.s")), options(att_syntax));

unsafe extern "C" {
    static line_numbers_start: [u32; 0];
    static line_numbers_end: [u32; 0];
}

#[test]
fn the_assembler_records_the_lines_of_the_source() {
    let (start, end) = (&raw const line_numbers_start, &raw const line_numbers_end);
    let count = (end.addr() - start.addr()) / size_of::<u32>();
    // SAFETY: both symbols stand in one section of `line_numbers.s`, and only words are put between them.
    let recorded = unsafe { std::slice::from_raw_parts(start.cast::<u32>(), count) };

    let source = include_str!("asm/line_numbers.s");
    let expected: Vec<u32> =
        (1..).zip(source.lines()).filter(|(_, line)| line.ends_with("# recorded")).map(|(number, _)| number).collect();
    assert!(!expected.is_empty());
    assert_eq!(recorded, expected);
}

#[test]
fn a_number_stands_before_the_first_statement_of_a_line() {
    assert_eq!(
        number_lines("\tret\n\n  a; b\n;; c"),
        "\t.set LINE, 1; ret\n\n  .set LINE, 3; a; b\n;; .set LINE, 4; c"
    );
}

#[test]
fn labels_and_conditions_are_statements() {
    assert_eq!(
        number_lines("f:  nop\n1:\n.if X\n.endif\n"),
        ".set LINE, 1; f:  nop\n.set LINE, 2; 1:\n.set LINE, 3; .if X\n.set LINE, 4; .endif\n"
    );
}

#[test]
fn macro_bodies_are_left_alone() {
    let inner = ".macro A x\n  .macro B\n  nop\n  .endm\n  B # .endm\n.endm\n";
    assert_eq!(number_lines(&format!("{inner}A 1\n")), format!("{inner}.set LINE, 7; A 1\n"));
    let on_one_line = ".macro A; nop; .endm; A\n";
    assert_eq!(number_lines(on_one_line), ".macro A; nop; .endm; .set LINE, 1; A\n");
    // Only a statement's first word counts.
    assert_eq!(
        number_lines("f .macro\nnop\n.macros\n"),
        ".set LINE, 1; f .macro\n.set LINE, 2; nop\n.set LINE, 3; .macros\n"
    );
}

#[test]
fn comments_are_left_alone() {
    for comment in ["# a; b\n", "  // .macro A\n", "/* a; b */\n", "/* a\n  .macro A\n  b; */ # c\n", "\n", " \t\n"] {
        assert_eq!(number_lines(comment), comment);
    }
    assert_eq!(number_lines("nop # /*\nnop\n"), ".set LINE, 1; nop # /*\n.set LINE, 2; nop\n");
    assert_eq!(number_lines("/* a */ nop\n"), "/* a */ .set LINE, 1; nop\n");
}

#[test]
fn a_statement_that_goes_on_is_not_cut() {
    assert_eq!(number_lines(".byte 1, /*\n*/ 2; nop\n"), ".set LINE, 1; .byte 1, /*\n*/ 2; .set LINE, 2; nop\n");
    assert_eq!(number_lines(".ascii \"a\n; b\"\nc\n"), ".set LINE, 1; .ascii \"a\n; b\"\n.set LINE, 3; c\n");
    // A comment that begins before any statement does not make what follows it a continuation.
    assert_eq!(number_lines("a; /*\n*/ b\n"), ".set LINE, 1; a; /*\n*/ .set LINE, 2; b\n");
}

#[test]
fn signs_inside_strings_and_characters_mean_nothing() {
    assert_eq!(number_lines(".ascii \"\\\" /* # ;\"; /* */ a\nb\n"), {
        ".set LINE, 1; .ascii \"\\\" /* # ;\"; /* */ a\n.set LINE, 2; b\n"
    });
    assert_eq!(number_lines("cmp $'\"', %al\nb\n"), ".set LINE, 1; cmp $'\"', %al\n.set LINE, 2; b\n");
    assert_eq!(number_lines("cmp $'\\'', %al # '\nb\n"), ".set LINE, 1; cmp $'\\'', %al # '\n.set LINE, 2; b\n");
}

#[test]
fn no_line_is_added_or_removed() {
    for source in ["", "\n", "nop", "nop\r\nnop\r\n", "é: nop\n", include_str!("asm/line_numbers.s")] {
        let numbered = number_lines(source);
        assert_eq!(numbered.matches('\n').count(), source.matches('\n').count());
        let stripped: Vec<String> = (1..)
            .zip(numbered.split('\n'))
            .map(|(number, line)| line.replacen(&format!(".set LINE, {number}; "), "", 1))
            .collect();
        assert_eq!(stripped.join("\n"), source);
    }
}
