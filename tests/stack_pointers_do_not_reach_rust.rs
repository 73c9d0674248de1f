//! An argument that points into the go segment would dangle as soon as the segment moves. Debug builds refuse it, with the
//! name of the task.

mod common;

use common::{role, run_child};
use morestack::sched::Scheduler;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/stack_pointer_argument.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn leak(which: u64) = "leak.leak";
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "leak.rust")]
    fn leak_rust(a: u64, b: u64, c: u64) {
        println!("rust has {a} {b} {c}");
    }
}

#[test]
fn debug_builds_refuse_them_by_name() {
    if let Some(role) = role() {
        let (place, which) = role.split_once(' ').unwrap();
        let which = which.parse().unwrap();
        let scheduler = Scheduler::new();
        match place {
            "mapped" => {
                let task = scheduler.builder().name("leaky").spawn_mapped(leak::function(), (which,));
                task.unwrap().join_or_resume();
            }
            "rust" => scheduler.builder().name("leaky").spawn(move || leak(which)).unwrap().join_or_resume(),
            _ => leak(which),
        }
        return;
    }
    let places =
        [("mapped", "task 1 \"leaky\""), ("rust", "task 1 \"leaky\""), ("thread", "a thread outside any task")];
    for (place, who) in places {
        for which in 0..=3 {
            let ended = run_child("debug_builds_refuse_them_by_name", &format!("{place} {which}"));
            if which == 3 || !cfg!(debug_assertions) {
                assert_eq!(ended.code, Some(0), "{ended:?}");
                continue;
            }
            assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
            let report = ended.stderr.lines().find(|line| line.starts_with("morestack: fatal: ")).expect("a report");
            assert!(report.starts_with(&format!("morestack: fatal: {who}")), "{report}");
            assert!(report.contains("on its own go segment to Rust"), "{report}");
            assert!(report.contains(&format!("(argument word {which})")), "{report}");
        }
    }
    if !cfg!(debug_assertions) {
        println!("skipped: release builds do not look at arguments");
    }
}
