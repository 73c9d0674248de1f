//! The hook that reports go to: set, replaced, panicking, taken away.

mod common;

use common::{role, run_child};
use morestack::runtime::{Builder, Report, Runtime, set_report_hook, take_report_hook};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Runs a task that does not switch until `done`.
fn stick(runtime: &Runtime, done: impl Fn() -> bool + Send + 'static) {
    runtime.run(move || {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(60), "never reported");
        }
    });
}

/// One test, because the hook is the process's.
#[test]
fn set_replaced_panicking_and_taken_away() {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    static SECOND: AtomicUsize = AtomicUsize::new(0);
    let runtime = Builder::new().workers(1).build().unwrap();

    set_report_hook(|_| {
        FIRST.fetch_add(1, SeqCst);
        panic!("a hook that panics");
    });
    stick(&runtime, || FIRST.load(SeqCst) == 1);
    // It did no harm: the next report comes.
    stick(&runtime, || FIRST.load(SeqCst) == 2);

    set_report_hook(|report| {
        assert!(matches!(report, Report::Stuck { .. }));
        SECOND.fetch_add(1, SeqCst);
        // It may use runtimes of its own.
        Builder::new().workers(1).build().unwrap().run(|| ());
    });
    stick(&runtime, || SECOND.load(SeqCst) == 1);
    assert_eq!(FIRST.load(SeqCst), 2);
    take_report_hook();
}

#[test]
fn without_one_they_are_written_to_standard_error() {
    if role().as_deref() == Some("stderr") {
        let runtime = Builder::new().workers(1).build().unwrap();
        let started = Instant::now();
        stick(&runtime, move || started.elapsed() > Duration::from_secs(1));
        return;
    }
    let ended = run_child("without_one_they_are_written_to_standard_error", "stderr");
    println!("{}", ended.stderr);
    assert!(ended.stderr.contains("morestack: worker 0 is stuck in task "), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("is stuck in").count(), 1, "{}", ended.stderr);
}
