//! What Go's assembler refuses is refused here, and what it takes is not.

mod common;

use common::go::Go;
use common::lines::{assemble_line, lines, testdata};

/// Each line of Go's file of errors is refused, with its place; those that the file has for comparison are not.
#[test]
fn lines_that_go_refuses_are_refused() {
    let Some(go) = Go::find() else { return };
    let lines = lines(&testdata(&go).join("amd64error.s"));
    let (mut refused, mut taken) = (0, 0);
    let mut wrong = Vec::new();
    for line in &lines {
        let is_error = line.comment.starts_with("ERROR");
        match assemble_line(&line.source) {
            Err(error) if is_error && error.position.line == 2 && error.position.column > 0 => {
                println!("{}: {}: {error}", line.number, line.source);
                refused += 1;
            }
            Ok(_) if !is_error => taken += 1,
            other => wrong.push(format!("{}: {}: {other:?}", line.number, line.source)),
        }
    }
    println!("amd64error.s: {} lines: {refused} refused, {taken} taken, all as by Go", lines.len() - wrong.len());
    assert!(refused > 0);
    assert!(wrong.is_empty(), "not as Go does:\n{}", wrong.join("\n"));
}
