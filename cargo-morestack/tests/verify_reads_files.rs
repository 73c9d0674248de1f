//! Files that cannot be verified are refused with what to do, and are left as they are.

mod verify_support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use cargo_morestack::verify::{Error, Options, process};
use verify_support::{FOREIGN, MAIN, binary, link, read};

fn error(path: &Path) -> Error {
    process(path, &Options::default()).expect_err("refused")
}

#[test]
fn a_file_that_is_not_there() {
    let error = error(Path::new("/nonexistent/binary"));
    assert!(matches!(error, Error::Read { .. }));
    assert!(error.to_string().starts_with("cannot read /nonexistent/binary: "), "{error}");
}

#[test]
fn files_that_are_no_programs() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    let whole = read(&binary("").path);
    for content in [&b""[..], b"#!/bin/sh\n", &whole[..100], &whole[..whole.len() / 2]] {
        std::fs::write(&path, content).expect("written");
        assert!(matches!(error(&path), Error::Format { .. } | Error::Unsupported { .. } | Error::NoRuntime { .. }));
        assert!(read(&path) == content);
    }
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    let text = format!(
        "{FOREIGN} SHORT f\n FRAME\n lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11\n pop %rbp\n ret\n SLOW f, 8, 0\n{MAIN}"
    );
    let whole = read(&link(&text, 256, &[]).path);
    // Each of the first bytes (headers), and some of the rest, in turn.
    for at in (0..600).chain((600..whole.len()).step_by(397)) {
        for byte in [0, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            std::fs::write(&path, &damaged).expect("written");
            // Whatever comes of it, it comes back.
            let _ = process(&path, &Options::default());
        }
    }
}

#[test]
fn a_position_dependent_program() {
    let error = error(&link(MAIN, 4096, &["-no-pie"]).path).to_string();
    assert!(error.contains("not a position-independent executable"), "{error}");
}

#[test]
fn a_stripped_program() {
    let binary = binary("");
    assert!(Command::new("strip").arg(&binary.path).status().expect("strip").success());
    let error = error(&binary.path).to_string();
    assert!(error.contains("it has no symbols; strip it after it was verified"), "{error}");
}

#[test]
fn a_program_without_the_runtime() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("text.s");
    let path = directory.path().join("binary");
    std::fs::write(&source, ".globl _start\n .type _start, @function\n _start: ud2\n").expect("written");
    let status = Command::new("cc")
        .args(["-nostdlib", "-pie"])
        .arg(&source)
        .arg("-o")
        .arg(&path)
        .status()
        .expect("a C compiler");
    assert!(status.success());
    let error = error(&path);
    assert!(matches!(error, Error::NoRuntime { symbol: "__morestack", .. }));
    assert!(error.to_string().contains("the morestack runtime was not linked into it"), "{error}");
}

#[test]
fn permissions_are_kept() {
    let binary = binary("SHORT f\n ret\n SLOW f, 0, 0");
    std::fs::set_permissions(&binary.path, std::fs::Permissions::from_mode(0o711)).expect("set");
    assert_eq!(binary.process().expect("accepted").movable, 1);
    assert_eq!(std::fs::metadata(&binary.path).expect("there").permissions().mode() & 0o777, 0o711);
    // Nothing else is left beside it.
    let names = std::fs::read_dir(binary.path.parent().expect("a directory")).expect("read").count();
    assert_eq!(names, 2);
}
