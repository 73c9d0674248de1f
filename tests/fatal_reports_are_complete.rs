//! A fatal report is printed whole, however long, and ends the process with SIGABRT even if that is caught.

mod common;

use common::{role, run_child};
use morestack::stack::report::{Current, fatal};

const LONG: usize = 2000;

extern "C" fn returns(_: libc::c_int) {}

#[test]
fn and_abort() {
    if role().is_some() {
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(libc::SIGABRT, returns as *const () as usize) };
        fatal(format_args!("{Current} {:x>LONG$} end", ""));
    }
    let ended = run_child("and_abort", "child");
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
    let line = ended.stderr.lines().find(|line| line.starts_with("morestack: fatal: thread \"and_abort\" (")).unwrap();
    assert!(line.ends_with(&format!("{} end", "x".repeat(LONG))), "{line}");
}
