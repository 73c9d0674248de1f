//! Oracle: the assembly files of Go's standard library, assembled by Go and here, instruction by instruction.
//!
//! Prints the score that the README publishes. Skipped where Go is not installed.

mod common;

use common::compared::{self, Verdict};
use common::go::{AssemblyFile, Go};
use goasm_assembler::assemble::assemble;
use goasm_assembler::object::{self, Object};
use goasm_assembler::parse::{Options, parse_file};
use std::path::PathBuf;

/// What Go's build defines for amd64 on Linux.
const DEFINES: [&str; 3] = ["GOOS_linux", "GOARCH_amd64", "GOAMD64_v1"];

fn assembled(file: &AssemblyFile, include_dirs: &[PathBuf]) -> Result<Object, String> {
    let defines = DEFINES.map(|name| (name.to_owned(), "1".to_owned())).to_vec();
    let options = Options { defines, include_dirs: include_dirs.to_vec() };
    let first = |errors: Vec<goasm_assembler::diagnostic::Diagnostic>| errors[0].to_string();
    let parsed = parse_file(&file.path, &options).map_err(first)?;
    let options = object::Options { package: file.package.clone(), unit: "unit".into(), ..Default::default() };
    assemble(&parsed.statements, &options).map_err(first)
}

#[test]
fn every_file_of_the_standard_library_is_assembled_as_go_does() {
    let Some(go) = Go::find() else { return };
    let files = go.assembly_files();
    let (mut complete, mut functions, mut same_bytes, mut same_instructions) = (0, 0, 0, 0);
    let mut refused = Vec::new();
    for file in &files {
        let include_dirs = go.include_dirs(file);
        let theirs =
            compared::listed(&go, &file.package, &include_dirs, &file.path).expect("Go assembles its own files");
        let object = match assembled(file, &include_dirs) {
            Ok(object) => object,
            Err(error) => {
                println!("{}: refused: {error}", file.name());
                refused.push(file.name());
                continue;
            }
        };
        complete += 1;
        for function in &object.functions {
            let name = go_name(&function.name);
            let listed = theirs.get(&name).unwrap_or_else(|| panic!("{}: Go lists no {name}", file.name()));
            functions += 1;
            match compared::compare(function, listed) {
                Verdict::SameBytes => same_bytes += 1,
                Verdict::SameInstructions => same_instructions += 1,
                Verdict::Differs(ours, go) => println!("{}: {name}: {ours} instead of {go}", file.name()),
            }
        }
    }
    let same = same_bytes + same_instructions;
    println!(
        "files: {complete} of {} assemble; functions: {same} of {functions} the same, {same_bytes} byte by byte",
        files.len()
    );
    assert!(complete >= 52, "{complete} of {} files, refused: {refused:#?}", files.len());
    assert_eq!(same, functions, "functions that differ are printed above");
}

/// A linkage name as Go's listing has it: statics do not name their file, and the runtime is Go's.
fn go_name(name: &str) -> String {
    match name {
        "morestack" | "morestack_noctxt" => format!("runtime.{name}"),
        _ => name.replace("<unit>", "").replace("<ABIInternal>", ""),
    }
}
