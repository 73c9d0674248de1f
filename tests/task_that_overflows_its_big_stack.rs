//! Rust code that runs off its big stack ends in a report with the task's name, the size and the setting to change: in a
//! Rust task, and in Rust that a mapped task has called.
//!
//! In a split build a closure has no big stack of its own: it grows until its limit, and ends in a report of that. What mapped
//! code calls runs on a big stack there too.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::{role, run_child};
use morestack::sched::Scheduler;
use tasks::rust_twice;

fn recurse(depth: u64) -> u64 {
    let here = [depth; 16];
    if std::hint::black_box(&here)[0] == u64::MAX { 0 } else { recurse(depth + 1) + here[1] }
}

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { recurse(n) }
}

#[test]
fn is_reported_by_name() {
    if let Some(role) = role() {
        let scheduler = Scheduler::new();
        let builder = scheduler.builder().name("parser");
        let _ = match &*role {
            "default" => builder.max_stack(1 << 20).spawn(|| recurse(0)).unwrap().join(),
            "sized" => builder.max_stack(1 << 20).stack_size(3 << 20).spawn(|| recurse(0)).unwrap().join(),
            "called" => builder.spawn(|| rust_twice(0)).unwrap().join(),
            _ => builder.spawn_mapped(rust_twice::function(), (0,)).unwrap().join(),
        };
        unreachable!("the recursion has no end");
    }
    let default = morestack::stack::big::DEFAULT_SIZE;
    for (role, size) in [("default", default), ("sized", (4 << 20) - 4096), ("called", default), ("mapped", default)] {
        let ended = run_child("is_reported_by_name", role);
        assert_eq!(ended.signal, Some(libc::SIGABRT), "{role}: {ended:?}");
        let report = ended.stderr.lines().find(|line| line.starts_with("morestack: fatal: ")).expect("a report");
        let (start, end) = if cfg!(morestack_split) && matches!(role, "default" | "sized") {
            ("the stack of task 1 \"parser\" cannot grow: it needs ".to_owned(), "innermost and outermost frames:")
        } else {
            let start = format!("task 1 \"parser\" overflowed its stack of {size} bytes (");
            (start, "give it more with Builder::stack_size or RUST_MIN_STACK")
        };
        assert!(report.starts_with(&format!("morestack: fatal: {start}")), "{role}: {report}");
        assert!(report.ends_with(end), "{role}: {report}");
    }
}
