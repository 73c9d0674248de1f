//! All assembly of Go's standard library that is built for amd64 and Linux parses, with the headers that Go gives it and with our own.

use goasm_assembler::parse::{Options, parse_file};
use goasm_assembler::syntax::StatementKind;

mod common;

use common::go::Go;

#[test]
fn every_file_of_the_standard_library_parses() {
    let Some(go) = Go::find() else { return };
    let files = go.assembly_files();
    let mut wrong = Vec::new();
    let (mut functions, mut instructions) = (0, 0);
    for file in &files {
        let all = go.include_dirs(file);
        // The first directory has Go's textflag.h and funcdata.h; without it ours are used.
        for include_dirs in [all.clone(), all[1..].to_vec()] {
            let options = Options { include_dirs, ..Options::default() };
            match parse_file(&file.path, &options) {
                Ok(parsed) => {
                    let count = |wanted: fn(&StatementKind) -> bool| {
                        parsed.statements.iter().filter(|statement| wanted(&statement.kind)).count()
                    };
                    functions += count(|kind| matches!(kind, StatementKind::Text { .. }));
                    instructions += count(|kind| matches!(kind, StatementKind::Instruction(_)));
                }
                Err(diagnostics) => wrong.extend(diagnostics.iter().map(|one| format!("{}: {one}", file.name()))),
            }
        }
    }
    println!("{} files, {functions} functions, {instructions} instructions, each read twice", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 40 && functions > files.len(), "Go has more assembly than that");
}
