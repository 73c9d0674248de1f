//! Checked Rust code whose stack cannot grow ends in a report that has the task's name, what it has and may have, and the functions
//! at both ends of its stack. The report is made wherever a check fails, and so in the middle of the program's allocator: it
//! allocates nothing.

mod common;
#[path = "common/foreign.rs"]
mod foreign;

use common::{Ended, limit_address_space, role, run_child};
use morestack::sched::Scheduler;
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};

/// System's, that recurses without end in the thread that has armed it, with what would be its lock held.
struct Recursing;

/// The thread's number.
static ARMED: AtomicI32 = AtomicI32::new(0);
static LOCKED: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static ALLOCATOR: Recursing = Recursing;

// SAFETY: it does what System does, or never returns.
unsafe impl GlobalAlloc for Recursing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let armed = ARMED.load(SeqCst);
        // SAFETY: without preconditions.
        if armed != 0 && armed == unsafe { libc::gettid() } {
            if LOCKED.swap(true, SeqCst) {
                // SAFETY: without preconditions.
                unsafe { libc::_exit(3) };
            }
            pinned(0);
        }
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Endless, in frames that cannot be moved.
#[inline(never)]
fn pinned(depth: u64) -> u64 {
    let here = [depth; 16];
    if black_box(&here)[0] == u64::MAX { 0 } else { pinned(depth + 1) + here[1] }
}

/// Endless, in frames that can.
#[inline(never)]
fn movable(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX { 0 } else { black_box(movable(depth + 1)) + depth }
}

/// Endless, by way of foreign code at every tenth level.
#[inline(never)]
fn between_foreign_code(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX {
        0
    } else if depth.is_multiple_of(10) {
        foreign::call(|| between_foreign_code(depth + 1)) + depth
    } else {
        black_box(between_foreign_code(depth + 1)) + depth
    }
}

const LIMIT: usize = 1 << 20;

/// The report of the child that runs the test `name` in this role, line by line.
fn report(name: &str, role: &str) -> Vec<String> {
    let ended: Ended = run_child(name, role);
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{role}: {ended:?}");
    let lines = ended.stderr.lines().skip_while(|line| !line.starts_with("morestack: fatal: "));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    println!("{}", lines.join("\n"));
    assert!(!lines.is_empty(), "{role}: {ended:?}");
    lines
}

/// Runs the body in a task, if this is the child.
fn in_task(limit: usize, body: fn(u64) -> u64) {
    let scheduler = Scheduler::new();
    let task = scheduler.builder().name("parser").max_stack(limit).spawn(move || body(0)).unwrap();
    let _ = task.join();
    unreachable!("the recursion has no end");
}

/// Whether there is anything to see: in a plain build a closure's stack does not grow.
fn grows() -> bool {
    if !cfg!(morestack_split) {
        println!("skipped: not a split build");
    }
    cfg!(morestack_split)
}

/// Whether the report's frames are the function's, with the base of the task at the end.
fn has_frames(report: &[String], function: &str) {
    let frames = &report[1..];
    let name = |line: &str| line.trim_start().split_once(' ').unwrap().1.rsplit_once(" (+0x").unwrap().0.to_owned();
    assert_eq!(frames.len(), 17, "eight of each end, and how many are between");
    let full = format!("split_limits_are_reported::{function}");
    assert!(frames[..8].iter().any(|line| name(line) == full), "{frames:#?}");
    assert!(frames[0].starts_with("    #0 "));
    let more = frames[8].strip_prefix("    ... ").and_then(|line| line.strip_suffix(" more")).unwrap();
    let more: usize = more.parse().unwrap();
    assert!(frames[9].starts_with(&format!("    #{} ", more + 8)));
    assert_eq!(name(&frames[16]), "morestack_closure_start");
    assert_eq!(name(&frames[15]), "morestack_closure_main");
    // The fattest frames are those of debug builds, with foreign ones between.
    assert!(more > LIMIT / 2 / 2000, "{more} frames");
}

#[test]
fn with_both_ends_of_the_stack() {
    if let Some(role) = role() {
        in_task(
            LIMIT,
            match &*role {
                "pinned" => pinned,
                "movable" => movable,
                _ => between_foreign_code,
            },
        );
    }
    if !grows() {
        return;
    }
    for function in ["pinned", "movable", "between_foreign_code"] {
        let report = report("with_both_ends_of_the_stack", function);
        let first = report[0].strip_prefix("morestack: fatal: the stack of task 1 \"parser\" cannot grow: it needs ");
        let first = first.unwrap_or_else(|| panic!("{}", report[0]));
        let (needs, rest) = first.split_once(" bytes, its limit is 1048576; raise it with Builder::max_stack").unwrap();
        assert!(needs.parse::<usize>().unwrap() > LIMIT, "{}", report[0]);
        let (_, has) = rest.split_once("; it has ").unwrap();
        let has = has.split(' ').next().unwrap().parse::<usize>().unwrap();
        assert!(has <= LIMIT && has > LIMIT / 4, "{}", report[0]);
        has_frames(&report, function);
    }
}

#[test]
fn from_inside_the_allocator() {
    if role().is_some() {
        in_task(LIMIT, |depth| {
            // SAFETY: without preconditions.
            ARMED.store(unsafe { libc::gettid() }, SeqCst);
            black_box(Box::new(depth));
            depth
        });
    }
    if grows() {
        has_frames(&report("from_inside_the_allocator", "child"), "pinned");
    }
}

#[test]
fn when_there_is_no_memory() {
    if role().is_some() {
        limit_address_space(64 << 20);
        in_task(1 << 30, pinned);
    }
    if !grows() {
        return;
    }
    let report = report("when_there_is_no_memory", "child");
    let start = "morestack: fatal: the stack of task 1 \"parser\" cannot grow: no memory for a stack of ";
    assert!(report[0].starts_with(start), "{}", report[0]);
    // Without memory there may be no names.
    assert_eq!(report.len(), 18, "{report:#?}");
}
