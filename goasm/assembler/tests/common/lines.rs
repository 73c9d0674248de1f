//! The files that Go's assembler is tested with, line by line: what they allow, what Go makes of them, and what we do.

use super::go::Go;
use goasm_assembler::assemble::assemble;
use goasm_assembler::diagnostic::Diagnostic;
use goasm_assembler::object;
use goasm_assembler::parse::{Options, parse_text};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where these files are.
pub fn testdata(go: &Go) -> PathBuf {
    go.root().join("src/cmd/asm/internal/asm/testdata")
}

/// A line of a source.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number, counted from 1.
    pub number: usize,
    /// The instruction.
    pub source: String,
    /// What follows it behind `//`.
    pub comment: String,
}

/// The lines of a file that are instructions; prose and what is commented out is not among them.
pub fn lines(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().enumerate().map(|(index, line)| {
        let (source, comment) = line.split_once("//").unwrap_or((line, ""));
        Line { number: index + 1, source: source.trim().into(), comment: comment.trim().into() }
    });
    let is_instruction = |line: &Line| {
        let first = line.source.split_whitespace().next().unwrap_or("");
        !first.is_empty() && !first.starts_with('#') && !first.ends_with(':') && first != "TEXT"
    };
    lines.filter(is_instruction).collect()
}

/// The encodings that the comment of a line allows: `4889c3 or 488bd8`. None if it is about something else.
pub fn allowed(comment: &str) -> Vec<Vec<u8>> {
    comment.split(" or ").map_while(|hex| bytes(hex.trim())).collect()
}

/// `4889c3`.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    if hex.is_empty() || !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

/// What we make of a line in a function of its own: everything from reading the text on has its part in it.
///
/// # Errors
/// What is wrong with it. The line is the second.
pub fn assemble_line(source: &str) -> Result<Vec<u8>, Diagnostic> {
    // NOSPLIT and NOFRAME, so that nothing is inserted before it; behind it is something to jump to, and nothing that
    // returns, because what is pushed is not popped.
    let text = format!("TEXT ·f(SB), 4|512, $0-0\n\t{source}\n\tNOP\n\tUNDEF\n");
    let first = |errors: Vec<Diagnostic>| errors.into_iter().next().expect("errors come with a diagnostic");
    let parsed = parse_text("line.s", &text, &Options::default()).map_err(first)?;
    let object = assemble(&parsed.statements, &object::Options::default()).map_err(first)?;
    let function = &object.functions[0];
    let own = function.instructions.iter().filter(|placed| placed.position.line == 2 && !placed.is_inserted);
    Ok(own.flat_map(|placed| &function.code[placed.at as usize..(placed.at + placed.len) as usize]).copied().collect())
}

/// The bytes that Go's assembler makes of each line, by its number.
pub fn assembled_by_go(go: &Go, path: &Path) -> HashMap<usize, Vec<u8>> {
    let unwanted = go.unwanted();
    let mut assembler = go.assembler();
    assembler.args(["-p", "p", "-S", "-o"]).arg(&unwanted).arg(path);
    let output = assembler.output().expect("Go's assembler runs");
    let listing = String::from_utf8_lossy(&output.stdout);
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut code: Vec<u8> = Vec::new();
    for line in listing.lines() {
        let Some((offset, rest)) = line.strip_prefix("\t0x").and_then(|line| line.split_once(' ')) else { continue };
        let Ok(offset) = usize::from_str_radix(offset, 16) else { continue };
        match rest.split_once(".s:").and_then(|(_, rest)| rest.split_once(')')) {
            Some((number, _)) => starts.push((offset, number.parse().expect("a line number"))),
            // Sixteen columns of three characters, then the same as text.
            None => code.extend(rest.get(..48).unwrap_or(rest).split(' ').filter_map(|hex| bytes(hex)?.pop())),
        }
    }
    let ends = starts.iter().skip(1).map(|(offset, _)| *offset).chain([code.len()]);
    let pieces = starts.iter().zip(ends).filter_map(|((start, number), end)| Some((*number, code.get(*start..end)?)));
    pieces.filter(|(_, piece)| !piece.is_empty()).map(|(number, piece)| (number, piece.to_vec())).collect()
}
