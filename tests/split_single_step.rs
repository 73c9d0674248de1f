//! In a split build, as elsewhere, a debugger may stop between any two instructions: gdb steps through the passages from stack to
//! stack (links, copies, foreign calls, exceptions that pass both), and at each instruction finds the whole trace down to the task's
//! base, with the callee-saved registers of a frame further out.

#![cfg_attr(not(morestack_split), allow(dead_code, unused_imports))]

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/stepping.rs"]
mod stepping;

use morestack::sched::Scheduler;
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};

#[cfg(morestack_split)]
std::arch::global_asm!(include_str!("common/split_single_step.s"), options(att_syntax));

#[cfg(not(morestack_split))]
mod plain {
    // A plain build has none of this to step through.
    #[unsafe(export_name = "step.grow")]
    extern "C-unwind" fn grow(_: u64, f: extern "C-unwind" fn(u64) -> u64, x: u64) -> u64 {
        f(x)
    }

    #[unsafe(no_mangle)]
    extern "C-unwind" fn step_anchor(f: extern "C-unwind" fn(u64) -> u64, x: u64) -> u64 {
        f(x)
    }
}

type Function = extern "C-unwind" fn(u64) -> u64;

unsafe extern "C-unwind" {
    /// `f(x)` below so many frames of 1 KB, and one more.
    #[link_name = "step.grow"]
    safe fn grow(n: u64, f: Function, x: u64) -> u64;
    /// `f(x)`, with known values in the callee-saved registers.
    safe fn step_anchor(f: Function, x: u64) -> u64;
}

// Marks for gdb. Each has a body of its own, lest they be merged.

#[unsafe(no_mangle)]
#[inline(never)]
extern "C-unwind" fn single_step_begin(x: u64) -> u64 {
    black_box("begin");
    x
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C-unwind" fn single_step_visit(x: u64) -> u64 {
    black_box("visit");
    x
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C-unwind" fn single_step_end(x: u64) -> u64 {
    black_box("end");
    x
}

#[inline(never)]
extern "C-unwind" fn raises(x: u64) -> u64 {
    panic::resume_unwind(Box::new(x))
}

/// From 2 KB to more than 16.
const FRAMES: u64 = 14;

/// A foreign frame that leaves little of a big stack, of 8 MB: checked code that it calls goes on in a segment.
const MOST: u64 = (8 << 20) - (200 << 10);

/// Counted when dropped: frames with one have a landing pad.
struct Dropped;

impl Drop for Dropped {
    #[inline(never)]
    fn drop(&mut self) {
        black_box("dropped");
    }
}

/// What is stepped through.
fn scenario(of: &str) -> Function {
    #[inline(never)]
    extern "C-unwind" fn body(of: u64) -> u64 {
        let _dropped = Dropped;
        match of {
            0 => {
                // Links and copies, then what is linked and cached.
                grow(FRAMES, single_step_visit, 7);
                grow(FRAMES, single_step_visit, of)
            }
            1 => {
                assert_eq!(foreign::call(|| grow(2, single_step_visit, 7)), 7);
                assert_eq!(foreign::descend(0, MOST, || grow(2, single_step_visit, 8)), 8);
                let block = foreign::Block::<40>::new(3);
                assert_eq!(foreign::foreign_hash_40(40, block), block.hash());
                of
            }
            _ => {
                let caught = |f: &dyn Fn()| panic::catch_unwind(AssertUnwindSafe(f)).unwrap_err();
                let link = caught(&|| {
                    grow(FRAMES, raises, 7);
                });
                let foreign = caught(&|| {
                    foreign::call(|| grow(FRAMES, raises, 8));
                });
                let from_big = caught(&|| {
                    foreign::descend(0, MOST, || grow(FRAMES, raises, 9));
                });
                let values = [link, foreign, from_big].map(|payload| *payload.downcast::<u64>().unwrap());
                assert_eq!(values, [7, 8, 9]);
                of
            }
        }
    }
    extern "C-unwind" fn anchored(of: u64) -> u64 {
        step_anchor(body, of)
    }
    let _ = of;
    anchored
}

fn run(of: u64) {
    let scheduler = Scheduler::new();
    // What happens once only is not stepped through.
    scheduler.spawn(|| foreign::call(|| 1)).join_or_resume();
    let task = scheduler.spawn(move || {
        single_step_begin(of);
        let result = scenario("")(of);
        single_step_end(result)
    });
    assert_eq!(task.join_or_resume(), of);
}

/// Frames that traces are compared by; the rest is other people's.
const SHOWN: [&str; 5] = ["morestack_closure_start", "step_anchor", "body", "step.grow", "single_step_end"];

/// Steps through the scenario `of` in a child and looks at each stop. Of each function in `reached`, there must be stops at so many
/// different instructions at least.
fn step_through(name: &str, of: u64, reached: &[(&str, usize)]) {
    if common::role().is_some() {
        return run(of);
    }
    if !cfg!(morestack_split) {
        println!("skipped: not a split build");
        return;
    }
    let Some(stops) = stepping::stops(name, true) else { return };
    let mut wrong = Vec::new();
    let (mut before, mut anchors) = (0, 0);
    for (stop, next) in stops.iter().zip(stops.iter().skip(1).map(Some).chain([None])) {
        let names: Vec<_> = stop.frames.iter().rev().map(|name| name.rsplit("::").next().unwrap_or(name)).collect();
        // While frames are being moved, a trace ends at what moves them.
        if names.starts_with(&["??", "__morestack", "morestack_more"]) && names.contains(&"copy") {
            continue;
        }
        let mut shown: Vec<_> = names.iter().copied().filter(|name| SHOWN.contains(name)).collect();
        let grown = shown.iter().filter(|name| **name == "step.grow").count();
        shown.dedup();
        let chain = ["morestack_closure_start", "step_anchor", "body", "step.grow"];
        // libgcc may have lost the names of what is its own.
        let named = !names.contains(&"??") || names.iter().any(|name| name.starts_with("_Unwind_"));
        let whole = stop.reason == "outermost" && names[0] == "morestack_closure_start" && named;
        let as_expected =
            shown == chain[..shown.len().min(4)] || shown == ["morestack_closure_start", "single_step_end"];
        // One instruction calls or leaves one function, where nothing is passed over.
        let steady = of != 0 || grown.abs_diff(before) <= 1;
        // At a `ret` gdb believes the word at the stack pointer more than the unwind table. In `__morestack` that is the body of the
        // anchor, under the mode `move`, and it has no frame yet.
        let begun = !names.ends_with(&["step_anchor", "__morestack"]);
        if !whole || !as_expected || !steady || begun && !stop.registers_are_kept() {
            let then = next.map_or("the end", |next| &next.at);
            wrong.push(format!(
                "at {} ({}), then {then}: {:?}\n    {:?}",
                stop.at, stop.reason, stop.frames, stop.anchors
            ));
        }
        before = grown;
        anchors += stop.anchors.len();
    }
    println!("{name}: {} stops, registers of {anchors} frames", stops.len());
    let count = wrong.len();
    wrong.truncate(5);
    assert!(wrong.is_empty(), "{count} of {} traces are wrong:\n{}", stops.len(), wrong.join("\n"));
    for (label, least) in reached {
        let mut places: Vec<_> =
            stops.iter().map(|stop| &*stop.at).filter(|at| at.split(" + ").next() == Some(*label)).collect();
        places.sort_unstable();
        places.dedup();
        println!("at {} instructions of {label}", places.len());
        assert!(places.len() >= *least, "{label}: {places:?}");
    }
}

#[test]
fn links_and_copies() {
    step_through("links_and_copies", 0, &[("__morestack", 100), ("step[grow]", 20)]);
}

#[test]
fn foreign_calls() {
    step_through(
        "foreign_calls",
        1,
        &[
            ("__morestack", 85),
            ("morestack_foreign", 40),
            ("morestack_foreign_registers", 20),
            ("__x86_indirect_thunk_r11", 5),
        ],
    );
}

#[test]
fn exceptions() {
    step_through(
        "exceptions",
        2,
        &[("__morestack", 130), ("morestack_foreign_registers", 25), ("__wrap__Unwind_Resume", 10)],
    );
}
