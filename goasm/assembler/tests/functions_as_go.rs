//! Oracle: our own samples, assembled by Go and here, instruction by instruction. Skipped where Go is not installed.

mod common;

use common::compared::{self, Verdict};
use common::go::Go;
use goasm_assembler::assemble::assemble;
use goasm_assembler::object;
use goasm_assembler::parse::{Options, parse_file};
use std::path::Path;

/// Compares all functions of a sample. `exceptions`: those where Go inserts less.
fn compare(sample: &str) {
    let Some(go) = Go::find() else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(sample);
    let include_dirs = [go.root().join("src/runtime")];
    let theirs = compared::listed(&go, "sample", &include_dirs, &file).unwrap_or_else(|error| panic!("Go: {error}"));
    let parsed = parse_file(&file, &Options::default()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let options = object::Options { package: "sample".into(), unit: "unit".into(), ..Default::default() };
    let object = assemble(&parsed.statements, &options).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(object.functions.len(), theirs.len(), "functions of {sample}");
    for function in &object.functions {
        let name = function.name.replace("<unit>", "");
        let listed = theirs.get(&name).unwrap_or_else(|| panic!("Go has no {name}"));
        assert_eq!(compared::compare(function, listed), Verdict::SameBytes, "{name}");
        let ours: Vec<_> = function.fixups.iter().map(|fixup| fixup.at as usize).collect();
        let fields: Vec<_> = listed.fields.iter().filter(|(_, size, ..)| *size != 0).map(|(at, ..)| *at).collect();
        assert_eq!(ours, fields, "{name}: what linking fills in");
    }
}

#[test]
fn frames_are_taken_and_checked_as_go_does() {
    compare("frames.s");
}

#[test]
fn what_moves_the_stack_pointer_is_followed_as_go_does() {
    compare("stack_pointer.s");
}

#[test]
fn jumps_are_as_long_as_go_makes_them() {
    compare("jumps.s");
}

#[test]
fn data_and_constants_are_used_as_go_does() {
    compare("data.s");
}
