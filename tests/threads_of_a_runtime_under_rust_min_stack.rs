//! `RUST_MIN_STACK` is about the stacks of tasks: a runtime's own threads have what they need, however little it asks for.

mod common;

use common::{role, run_child_with};
use morestack::runtime::{Builder, Report, set_report_hook};
use morestack::thread;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn in_a_process_of_its_own() {
    if role().is_none() {
        return;
    }
    // The harness's thread follows the variable too, and this is not about what a program's threads need.
    let program = std::thread::Builder::new().stack_size(2 << 20).spawn(program);
    program.unwrap().join().unwrap();
}

fn program() {
    let (sender, reports) = mpsc::channel();
    set_report_hook(move |report: &Report| sender.send(report.to_string()).unwrap());
    let runtime = Builder::new().workers(1).build().unwrap();
    let task = runtime.run(|| thread::Builder::new().stack_size(1 << 20).spawn(|| 42).unwrap().join());
    assert_eq!(task.unwrap(), 42);
    // A report is made on threads of the library, with the names of functions.
    let neighbour = runtime.spawn(|| std::thread::sleep(Duration::from_millis(400)));
    let behind = runtime.spawn(|| ());
    eprintln!("reported: {}", reports.recv_timeout(Duration::from_secs(60)).unwrap());
    neighbour.join().unwrap();
    behind.join().unwrap();
}

#[test]
fn little_is_enough() {
    for value in ["0", "16384"] {
        let ended = run_child_with("in_a_process_of_its_own", "child", &[("RUST_MIN_STACK", value)]);
        assert_eq!(ended.code, Some(0), "RUST_MIN_STACK={value}: {}", ended.stderr);
        assert!(ended.stderr.contains("reported: worker 0 is blocked"), "{}", ended.stderr);
    }
}
