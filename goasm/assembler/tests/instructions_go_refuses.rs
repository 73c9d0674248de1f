//! What Go's assembler refuses is refused here, and what it takes is not.

mod go_files;

/// Each line of Go's file of errors is refused, before or by the encoder. (The reader of these tests knows no
/// pseudo-registers in the place of an index; what it cannot read counts as refused before.)
#[test]
fn lines_that_go_refuses_are_refused() {
    let Some(goroot) = go_files::goroot() else { return };
    let lines = go_files::lines(&go_files::testdata(&goroot).join("amd64error.s"));
    let mut wrong = Vec::new();
    let (mut refused, mut unread, mut taken) = (0, 0, 0);
    for line in &lines {
        let is_error = line.comment.starts_with("ERROR");
        match go_files::encode_line(&line.source) {
            None if is_error => unread += 1,
            Some(Err(error)) if is_error => {
                println!("{}: {}: {error}", line.number, line.source);
                refused += 1;
            }
            Some(Ok(_)) if !is_error => taken += 1,
            other => wrong.push(format!(
                "{}: {}: {:?}",
                line.number,
                line.source,
                other.map(|encoded| encoded.map(|it| it.bytes))
            )),
        }
    }
    println!("amd64error.s: {} lines: {refused} refused, {unread} not read, {taken} taken as by Go", lines.len());
    assert!(refused > 0);
    assert!(wrong.is_empty(), "not as Go does:\n{}", wrong.join("\n"));
}
