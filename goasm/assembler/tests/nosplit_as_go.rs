//! Oracle: which chains of NOSPLIT functions Go's linker refuses, and which `nosplit` does. Skipped where Go is not installed.
//!
//! A program holds many cases: Go's linker names every chain over the limit, but stops after twenty. The only cases that are refused here and not there are
//! indirect calls from NOSPLIT functions: Go takes what is called for a function that checks, and nothing sees to that.

mod common;

use common::go::Go;
use goasm_assembler::assemble::assemble;
use goasm_assembler::parse::{Options, parse_text};
use goasm_assembler::{nosplit, object};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

/// A function of a case: its frame, whether it checks, what it calls: functions of the case by their numbers.
struct Function {
    frame: u32,
    checks: bool,
    calls: Vec<usize>,
    calls_pointer: bool,
}

fn function(frame: u32, checks: bool, calls: &[usize]) -> Function {
    Function { frame, checks, calls: calls.to_vec(), calls_pointer: false }
}

const CHECKS: bool = true;
const NOSPLIT: bool = false;

fn cases() -> Vec<Vec<Function>> {
    let mut cases = vec![
        vec![function(0, CHECKS, &[])],
        vec![function(10_000, NOSPLIT, &[])],
        vec![function(0, CHECKS, &[1]), function(10_000, CHECKS, &[])],
        vec![function(0, CHECKS, &[1]), function(10_000, NOSPLIT, &[])],
        vec![function(0, CHECKS, &[0])],
        vec![function(0, NOSPLIT, &[0])],
        vec![function(8, NOSPLIT, &[1]), function(8, NOSPLIT, &[0])],
        vec![function(8, NOSPLIT, &[1]), function(8, CHECKS, &[0])],
        vec![function(0, CHECKS, &[1]), function(80, CHECKS, &[2]), function(80, CHECKS, &[])],
        // Two ways, of which one is too deep.
        vec![
            function(16, NOSPLIT, &[1, 2]),
            function(40, NOSPLIT, &[3]),
            function(400, NOSPLIT, &[3]),
            function(400, NOSPLIT, &[]),
        ],
        vec![
            function(16, NOSPLIT, &[1, 2]),
            function(40, NOSPLIT, &[3]),
            function(40, NOSPLIT, &[3]),
            function(400, NOSPLIT, &[]),
        ],
    ];
    // Around the limit: alone, with a leaf, with a function that checks, through a pointer; below small and large checked frames.
    for frame in (744..=808).step_by(8) {
        cases.push(vec![function(frame, NOSPLIT, &[])]);
        cases.push(vec![function(frame, NOSPLIT, &[1]), function(0, NOSPLIT, &[])]);
        cases.push(vec![function(frame, NOSPLIT, &[1]), function(0, CHECKS, &[1])]);
        cases.push(vec![function(frame, NOSPLIT, &[1]), function(8, NOSPLIT, &[2]), function(0, NOSPLIT, &[])]);
        cases.push(vec![Function { calls_pointer: true, ..function(frame, NOSPLIT, &[]) }]);
        for first in [0, 112, 120, 128, 672, 5_000] {
            cases.push(vec![function(first, CHECKS, &[1]), function(frame, NOSPLIT, &[])]);
        }
    }
    // Long chains of small frames.
    for length in [5_usize, 20, 24, 25, 26, 30, 40] {
        let link = |at: usize| function(16, NOSPLIT, if at + 1 < length { vec![at + 1] } else { vec![] }.as_slice());
        cases.push((0..length).map(link).collect());
    }
    cases
}

fn name(case: usize, at: usize) -> String {
    format!("case{case}x{at}")
}

fn source(cases: &[Vec<Function>]) -> String {
    let mut text = "TEXT ·all(SB), 0, $0-0\n".to_owned();
    // Go's linker looks at what is reachable only.
    for case in 0..cases.len() {
        writeln!(text, "\tCALL ·{}(SB)", name(case, 0)).unwrap();
    }
    text.push_str("\tRET\n");
    for (number, case) in cases.iter().enumerate() {
        for (at, function) in case.iter().enumerate() {
            let flags = if function.checks { 0 } else { 4 };
            writeln!(text, "TEXT ·{}(SB), {flags}, ${}-0", name(number, at), function.frame).unwrap();
            for callee in &function.calls {
                writeln!(text, "\tCALL ·{}(SB)", name(number, *callee)).unwrap();
            }
            if function.calls_pointer {
                text.push_str("\tCALL AX\n");
            }
            text.push_str("\tRET\n");
        }
    }
    text
}

/// The numbers of the cases whose functions a text names.
fn named(text: &str) -> BTreeSet<usize> {
    let number = |rest: &str| rest.split('x').next().and_then(|digits| digits.parse().ok());
    text.split("case").skip(1).filter_map(number).collect()
}

/// The cases that Go's linker refuses.
fn refused_by_go(go: &Go, cases: &[Vec<Function>], source: &str) -> BTreeSet<usize> {
    let dir = std::env::temp_dir().join(format!("goasm-nosplit-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("go.mod"), "module nosplit\n").unwrap();
    fs::write(dir.join("all.s"), source).unwrap();
    let mut text = "package main\nfunc all()\nfunc main() { all() }\n".to_owned();
    for (number, case) in cases.iter().enumerate() {
        (0..case.len()).for_each(|at| writeln!(text, "func {}()", name(number, at)).unwrap());
    }
    fs::write(dir.join("main.go"), text).unwrap();
    let output = go.command().args(["build", "-o", "program", "."]).current_dir(&dir).output().unwrap();
    fs::remove_dir_all(&dir).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || said.contains("nosplit stack over"), "Go's linker: {said}");
    assert!(!said.contains("too many errors"), "make the parts smaller");
    // Of each chain the first function stands at the left margin.
    let headings: Vec<_> = said.lines().filter(|line| line.starts_with("main.")).collect();
    named(&headings.join("\n"))
}

#[test]
fn chains_are_refused_as_go_does() {
    let Some(go) = Go::find() else { return };
    let mut cases = cases();
    let all = cases.len();
    let mut same = 0;
    while !cases.is_empty() {
        let rest = cases.split_off(cases.len().min(16));
        same += compare(&go, &cases);
        cases = rest;
    }
    println!("{same} of {all} verdicts the same");
}

/// Compares; how many verdicts are the same.
fn compare(go: &Go, cases: &[Vec<Function>]) -> usize {
    let source = source(cases);
    let parsed = parse_text("all.s", &source, &Options::default()).unwrap();
    let options = object::Options { package: "main".into(), unit: "all.s".into(), ..Default::default() };
    let object = assemble(&parsed.statements, &options).unwrap();
    let messages: Vec<_> = nosplit::check(&object).iter().map(ToString::to_string).collect();
    let ours = named(&messages.join("\n"));
    let theirs = refused_by_go(go, cases, &source);

    let by_pointer: BTreeSet<usize> =
        (0..cases.len()).filter(|case| cases[*case].iter().any(|f| f.calls_pointer && !f.checks)).collect();
    let same = (0..cases.len()).filter(|case| ours.contains(case) == theirs.contains(case)).count();
    assert!(by_pointer.is_subset(&ours), "indirect calls without a check have no bound");
    let others = |set: &BTreeSet<usize>| -> Vec<usize> { set.difference(&by_pointer).copied().collect() };
    assert_eq!(others(&ours), others(&theirs), "{source}");
    same
}
