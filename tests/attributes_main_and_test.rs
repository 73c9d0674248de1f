//! `#[morestack::main]` and `#[morestack::test]` stand on functions with any result that a program or a test may have, and
//! keep what else stands there. Each wrong use has its message in the tests of `macros`.

extern crate morestack as renamed;

use std::error::Error;
use std::process::{ExitCode, Termination};
use std::thread::ThreadId;

/// The OS thread that runs the harness's part of a test is not the one that runs its body.
fn here() -> ThreadId {
    std::thread::current().id()
}

#[morestack::test]
fn a_test_without_a_result() {
    assert_eq!(2 + 2, 4);
}

#[morestack::test(workers = 1)]
fn a_test_may_use_question_marks() -> Result<(), Box<dyn Error>> {
    assert_eq!("42".parse::<u32>()?, 42);
    Ok(())
}

#[morestack::test]
fn a_test_may_hide_its_result() -> impl Termination {
    ExitCode::SUCCESS
}

#[morestack::test(workers = 1 + 1)]
#[should_panic(expected = "as it should")]
fn a_panic_arrives_at_the_harness() {
    panic!("as it should");
}

#[morestack::test]
#[ignore = "would fail"]
fn an_ignored_test_does_not_run() {
    panic!("it was ignored");
}

#[morestack::test]
#[cfg(any())]
fn what_is_configured_away_need_not_compile() {
    there_is_no_such_function();
}

/// Documented.
#[morestack::test]
#[allow(unused_variables, reason = "lint attributes reach the body")]
fn attributes_reach_the_body() {
    #![deny(warnings)]
    let unused = 1;
}

#[renamed::test(crate = crate::renamed)]
fn the_crate_may_have_another_name() {}

mod nothing {
    use super::*;
    use std::sync::OnceLock;

    pub static RAN_ON: OnceLock<ThreadId> = OnceLock::new();

    #[morestack::main]
    pub(super) fn main() {
        RAN_ON.set(here()).expect("it runs once");
    }
}

mod not_send {
    use super::*;

    #[morestack::main(workers = 2)]
    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        "not a number".parse::<u32>()?;
        Ok(())
    }
}

mod never {
    #[morestack::main]
    pub(super) fn main() -> ! {
        panic!("this far")
    }
}

#[test]
fn a_program_runs_on_a_worker() {
    nothing::main();
    assert_ne!(*nothing::RAN_ON.get().expect("it has run"), here());
}

#[test]
fn an_error_that_is_not_send_becomes_the_exit_code() {
    let code: ExitCode = not_send::main();
    assert_eq!(code, ExitCode::FAILURE);
}

#[test]
fn a_panic_leaves_main() {
    let payload = std::panic::catch_unwind(|| never::main()).expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"this far"));
}
