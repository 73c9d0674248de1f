//! Whose stack would grow beyond its limit, or cannot grow for want of memory, ends the process: with a report that names
//! the task, the sizes and the frames, and never with a bare SIGSEGV.

mod common;

use common::{Ended, debug_mode, role, run_child};
use morestack::sched::Scheduler;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/limit.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn outermost(n: u64) = "limit.outermost";
    }
}

/// The report: its first line, and the frames.
fn report(ended: &Ended) -> (String, Vec<String>) {
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
    let mut lines = ended.stderr.lines().skip_while(|line| !line.starts_with("morestack: fatal: "));
    let first = lines.next().expect("a report").to_owned();
    (first, lines.take_while(|line| line.starts_with("    ")).map(|line| line.trim().to_owned()).collect())
}

/// The frames of the recursion, with the innermost ones first, a gap, and the one in which it began at the end.
fn assert_frames(frames: &[String]) {
    let (innermost, outermost) = (&frames[0], frames.last().unwrap());
    assert!(innermost.starts_with("#0 limit.endless at tests/asm/limit.s:"), "{frames:?}");
    assert!(outermost.contains(" limit.outermost at tests/asm/limit.s:"), "{frames:?}");
    assert!(frames.iter().any(|line| line.starts_with("... ") && line.ends_with(" more")), "{frames:?}");
    assert!(frames.len() >= 4 && frames.len() < 40, "{frames:?}");
}

/// The line of the call in an assembly source.
fn line_of_call(of: &str) -> usize {
    let source = include_str!("asm/limit.s").lines().enumerate();
    let mut lines = source.skip_while(|(_, line)| !line.starts_with(&format!("TEXT {of}")));
    lines.find(|(_, line)| line.trim().starts_with("CALL")).unwrap().0 + 1
}

#[test]
fn is_reported_with_task_and_frames() {
    if let Some(role) = role() {
        let (kind, max) = role.split_once(' ').unwrap();
        let max: usize = max.parse().unwrap();
        let scheduler = Scheduler::new();
        let builder = scheduler.builder().name("endless").max_stack(max);
        let _ = match kind {
            "mapped" => builder.spawn_mapped(outermost::function(), (0,)).unwrap().join(),
            _ => builder.spawn(|| outermost(0)).unwrap().join(),
        };
        unreachable!("the recursion has no end");
    }
    let sizes: &[usize] = if debug_mode("move") {
        println!("limits of 1 MB and 64 MB left out under move");
        &[8 << 10, 50_000]
    } else {
        &[8 << 10, 50_000, 1 << 20, 64 << 20]
    };
    for &max in sizes {
        for kind in ["mapped", "rust"] {
            let (first, frames) = report(&run_child("is_reported_with_task_and_frames", &format!("{kind} {max}")));
            // The largest power of two below the limit is what it has.
            let (has, wants) = (1 << max.ilog2(), 2 << max.ilog2());
            assert!(first.contains("the stack of task 1 \"endless\" cannot grow: "), "{first}");
            let numbers =
                format!("it needs a stack of {wants} bytes, its limit is {max}; raise it with Builder::max_stack");
            assert!(first.contains(&numbers), "{first}");
            assert!(first.contains(&format!("it has {has} bytes at 0x")), "{first}");
            assert_frames(&frames);
            let outermost = frames.last().unwrap();
            let place = format!("at tests/asm/limit.s:{} ", line_of_call("limit.outermost"));
            assert!(outermost.contains(&place), "{outermost}");
            assert!(frames[1].contains(&format!("limit.s:{} ", line_of_call("limit.endless"))), "{}", frames[1]);
        }
    }
}

#[test]
fn is_2_kb_at_least() {
    if role().is_some() {
        let scheduler = Scheduler::new();
        let builder = scheduler.builder().max_stack(0);
        let _ = builder.spawn_mapped(outermost::function(), (0,)).unwrap().join();
        unreachable!("the recursion has no end");
    }
    let (first, frames) = report(&run_child("is_2_kb_at_least", "child"));
    assert!(
        first.contains("the stack of task 1 cannot grow: it needs a stack of 4096 bytes, its limit is 2048;"),
        "{first}"
    );
    assert!(frames.last().unwrap().contains("limit.outermost"), "{frames:?}");
}

#[test]
fn memory_that_is_refused_is_reported_with_the_size() {
    if let Some(role) = role() {
        common::limit_address_space(64 << 20);
        let scheduler = Scheduler::new();
        match &*role {
            "task" => {
                let task = scheduler.builder().name("hungry").spawn_mapped(outermost::function(), (0,));
                let _ = task.unwrap().join();
            }
            _ => outermost(0),
        }
        unreachable!("the recursion has no end");
    }
    if debug_mode("move") || debug_mode("fence") {
        println!("skipped: 64 MB take too long to fill under move, and fence keeps freed stacks reserved");
        return;
    }
    for (place, who) in [("task", "task 1 \"hungry\""), ("thread", "a thread outside any task")] {
        let (first, frames) = report(&run_child("memory_that_is_refused_is_reported_with_the_size", place));
        assert!(first.contains(&format!("the stack of {who}")), "{first}");
        let size =
            first.split_once("cannot grow: no memory for a stack of ").and_then(|(_, rest)| rest.split_once(" bytes"));
        let size: usize = size.unwrap_or_else(|| panic!("{first}")).0.parse().unwrap();
        assert!(size.is_power_of_two() && size >= 4 << 20, "{first}");
        assert!(first.contains(&format!("it has {} bytes at 0x", size / 2)), "{first}");
        assert_frames(&frames);
    }
}
