//! Whatever the input: no panic, an end, and every error in a place that is in the source.
//!
//! Inputs are samples in which something at random was changed, and strings out of the language's words. `MORESTACK_TEST_SEED` repeats
//! a run.

use goasm_assembler::diagnostic::Position;
use goasm_assembler::parse::{Options, parse_text};
use goasm_assembler::syntax::StatementKind;
use rand::Rng;
use rand::rngs::SmallRng;

mod common;

const SAMPLES: [&str; 3] =
    [include_str!("samples/functions.s"), include_str!("samples/variables.s"), include_str!("samples/macros.s")];

/// Words and characters that mean something. None of them is `#line`, which would make places those of other files.
const WORDS: &[&str] = &[
    "\n",
    "\n",
    "\n",
    ";",
    ",",
    ":",
    ".",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    "<>",
    "<<",
    ">>",
    "$",
    "*",
    "/",
    "%",
    "&",
    "|",
    "^",
    "~",
    "+",
    "-",
    "#",
    "\\",
    "\\\n",
    "//",
    "/*",
    "*/",
    "\"",
    "'",
    "\"\"·",
    "·",
    "∕",
    "a",
    "x",
    "f",
    "AX",
    "BX",
    "SP",
    "SB",
    "FP",
    "PC",
    "TLS",
    "X1",
    "Z31",
    "g",
    "1",
    "8",
    "0x10",
    "1.5",
    "08",
    "1e400",
    "'a'",
    "\"s\"",
    "TEXT ",
    "\nTEXT ·f(SB), 4, $0-0\n",
    "GLOBL ",
    "DATA ",
    "FUNCDATA ",
    "PCDATA ",
    "PCALIGN ",
    "JMP ",
    "MOVQ ",
    "\n#define ",
    "\n#undef ",
    "\n#ifdef ",
    "\n#else\n",
    "\n#endif\n",
    "\n#include ",
    "\"textflag.h\"",
    "NOSPLIT",
    "a(",
    "\0",
    "\r\n",
];

#[test]
fn samples_with_something_changed() {
    let seed = common::random::seed();
    for index in 0..4000 {
        let random = &mut common::random::generator(seed, index);
        let mut text = SAMPLES[random.random_range(0..SAMPLES.len())].to_owned();
        for _ in 0..random.random_range(1..6) {
            change(&mut text, random);
        }
        check(&text, &format!("case {index} of MORESTACK_TEST_SEED={seed}"));
    }
}

#[test]
fn words_in_any_order() {
    let seed = common::random::seed();
    for index in 0..4000 {
        let random = &mut common::random::generator(seed, index);
        let count = random.random_range(0..60);
        let mut text: String = if random.random() { "TEXT ·f(SB), 4, $0-0\n".into() } else { String::new() };
        text.extend((0..count).map(|_| WORDS[random.random_range(0..WORDS.len())]));
        check(&text, &format!("case {index} of MORESTACK_TEST_SEED={seed}"));
    }
}

#[test]
fn what_once_was_difficult() {
    for text in [
        "",
        "#",
        "\"",
        "'",
        "\\",
        "/*",
        "a",
        "a:",
        ":",
        "#define",
        "#define A(",
        "#define A()\nA(",
        "#include \"",
        "TEXT",
        "\"\"·",
    ] {
        check(text, text);
    }
}

#[test]
fn samples_as_they_are() {
    for text in SAMPLES {
        if let Err(errors) = parse_text("test.s", text, &Options::default()) {
            panic!("{errors:?}");
        }
    }
}

/// Changes something.
fn change(text: &mut String, random: &mut SmallRng) {
    let at = boundary(text, random);
    match random.random_range(0..6) {
        0 => text.insert_str(at, WORDS[random.random_range(0..WORDS.len())]),
        1 => drop(text[at..].chars().next().map(|c| text.replace_range(at..at + c.len_utf8(), ""))),
        2 => {
            let end = boundary_before(text, (at + random.random_range(0..40)).min(text.len()));
            text.replace_range(at..end, "");
        }
        3 => {
            let other = SAMPLES[random.random_range(0..SAMPLES.len())];
            let lines: Vec<_> = other.split_inclusive('\n').collect();
            text.insert_str(at, lines[random.random_range(0..lines.len())]);
        }
        4 => text.truncate(at),
        _ => {
            let lines: Vec<_> = text.split_inclusive('\n').collect();
            if !lines.is_empty() {
                let mut lines: Vec<_> = lines.into_iter().map(str::to_owned).collect();
                let (a, b) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
                lines.swap(a, b);
                *text = lines.concat();
            }
        }
    }
}

/// Where a character begins, or the end.
fn boundary(text: &str, random: &mut SmallRng) -> usize {
    boundary_before(text, random.random_range(0..=text.len()))
}

/// The last of those up to `at`.
fn boundary_before(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Parses it, and looks whether what comes out is possible.
fn check(text: &str, case: &str) {
    let lines: Vec<_> = text.split('\n').map(|line| line.chars().count() as u32).collect();
    let is_inside = |position: &Position| {
        let Position { file, line, column } = position;
        let in_text =
            lines.get((*line as usize).wrapping_sub(1)).is_some_and(|length| (1..=length + 1).contains(column));
        if &**file == "test.s" { in_text } else { file.starts_with('<') && *line > 0 }
    };
    match parse_text("test.s", text, &Options::default()) {
        Ok(parsed) => {
            for statement in &parsed.statements {
                assert!(is_inside(&statement.position), "{case}: {statement:?} in\n{text}");
                if let StatementKind::Instruction(instruction) = &statement.kind {
                    let all = instruction.operands.iter().all(|operand| is_inside(&operand.position));
                    assert!(all, "{case}: {statement:?} in\n{text}");
                }
            }
        }
        Err(errors) => {
            assert!((1..=20).contains(&errors.len()), "{case}: {} errors in\n{text}", errors.len());
            for error in errors {
                assert!(is_inside(&error.position), "{case}: {error} in\n{text}");
                assert!(!error.message.is_empty(), "{case}: {error:?} in\n{text}");
            }
        }
    }
}
