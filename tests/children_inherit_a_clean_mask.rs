//! Child processes know nothing of how we treat signals: no mask, no handlers, no alternate stack.

use std::process::Command;

use morestack::signal::{AltStack, prepare_process};

/// The lines about signals of a child's `/proc/self/status`.
fn signals_of_a_child() -> Vec<String> {
    let out = Command::new("cat").arg("/proc/self/status").output().unwrap();
    let status = String::from_utf8(out.stdout).unwrap();
    status
        .lines()
        .filter(|l| l.starts_with("SigBlk") || l.starts_with("SigIgn") || l.starts_with("SigCgt"))
        .map(String::from)
        .collect()
}

#[test]
fn and_no_handlers() {
    let before = signals_of_a_child();
    prepare_process();
    let _alternate = AltStack::install().unwrap();
    let after = signals_of_a_child();
    assert_eq!(before, after);
    assert_eq!(after.len(), 3);
    assert!(after.iter().filter(|l| !l.starts_with("SigIgn")).all(|l| l.ends_with("\t0000000000000000")), "{after:?}");
}
