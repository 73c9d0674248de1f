//! A debugger may stop between any two instructions. gdb steps through the runtime's assembly one by one, and at each finds
//! the whole trace: exactly the functions that are being executed, down to the thread's or the task's base, with the
//! callee-saved registers of a frame further out.

mod common;
#[path = "common/stepping.rs"]
mod stepping;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};

use stepping::Stop;

use morestack::sched::{Idle, Scheduler, park, yield_now};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/single_step.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn outer(x: u64) -> u64 = "step.outer";
        fn calls_rust(x: u64) -> u64 = "step.calls_rust";
        fn yields(x: u64) -> u64 = "step.yields";
        fn inner(x: u64) -> u64 = "step.inner";
    }
}

goasm::include! {
    "tests/asm/single_step_amd64.s", package("step");

    unsafe extern "ABI0" {
        safe fn go_outer(x: u64) -> u64;
        safe fn go_pushes(x: u64) -> u64;
        safe fn go_lends_bp(x: u64) -> u64;
        safe fn go_jumps(x: u64) -> u64;
        safe fn go_goes_on(x: u64) -> u64;
        safe fn go_leaf(x: u64) -> u64;
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "step.rust")]
    fn step_rust(x: u64) -> u64 { callback(x) }
}

unsafe extern "C" {
    /// Calls `f(x)` with known values in the callee-saved registers.
    safe fn step_anchor(f: extern "C" fn(u64) -> u64, x: u64) -> u64;
}

// Marks for gdb. Each has a body of its own, lest they be merged.

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn single_step_begin() {
    black_box("begin");
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn single_step_end() {
    black_box("end");
}

/// gdb stops here too, to see the trace between a task's Rust code and the next crossing.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn single_step_visit() {
    black_box("visit");
}

const PANICS: u64 = 1000;
const YIELDS: u64 = 2000;

/// What mapped code calls.
#[inline(never)]
fn callback(x: u64) -> u64 {
    single_step_visit();
    match x {
        PANICS => panic::resume_unwind(Box::new(x)),
        YIELDS => {
            yield_now();
            black_box(x)
        }
        x => black_box(step_anchor(nested, x)),
    }
}

#[inline(never)]
extern "C" fn nested(x: u64) -> u64 {
    black_box(inner(black_box(x)))
}

/// What is compared: the outermost frames of threads and tasks, the runtime's assembly, and this file's functions. The rest
/// is other people's.
const SHOWN: [&str; 6] = ["step_anchor", "callback", "nested", "body", "parking", "single_step_end"];

/// Outermost first, what is `SHOWN`.
fn trace(stop: &Stop) -> String {
    let shown = stop.frames.iter().rev().filter_map(|name| {
        // A name from the table of symbols, which is all there is without the debug information of functions, ends in a hash.
        let is_hash = |last: &str| last.len() == 17 && last.starts_with('h');
        let name = name.rsplit("::").find(|last| !is_hash(last)).unwrap_or(name);
        // What follows a dollar sign is said of a mapped function's bridges.
        let mapped = (name.starts_with("step.") || name.starts_with("runtime.")) && !name.contains('$');
        (mapped || SHOWN.contains(&name) || ASSEMBLY.contains(&name)).then_some(name)
    });
    shown.collect::<Vec<_>>().join(" ")
}

const ASSEMBLY: [&str; 14] = [
    "morestack_noctxt",
    "morestack_resume",
    "morestack_gogo",
    "morestack_run",
    "morestack_mcall",
    "morestack_switch",
    "morestack_systemstack",
    "morestack_enter",
    "morestack_carry",
    "morestack_call_rust",
    "morestack_mapped_start",
    "morestack_closure_start",
    "morestack_abandon",
    "morestack",
];

/// Where a task is left for the system stack, or begun.
const LEAVE: [&str; 6] = [
    "morestack_mcall",
    "morestack_switch",
    "morestack_systemstack",
    "morestack_call_rust",
    "morestack_mapped_start",
    "morestack_closure_start",
];

/// What goes on with a task, or has that in place at its end: its trace is the next task's by then.
const SWITCH: [&str; 6] =
    ["morestack_resume", "morestack_gogo", "morestack_mcall", "morestack_switch", "runtime.Gosched", "runtime.gopark"];

/// Where the traces of threads end.
const THREAD: [&str; 4] = ["clone3", "__clone3", "clone", "_start"];

/// Has gdb step through the test `name`, in a child. `chains` are the traces that must be seen, and every beginning of one
/// may be seen as well; at any mapped function a check may fail besides.
fn step_through(name: &str, chains: &[&str]) {
    let Some(stops) = stepping::stops(name, false) else { return };
    let mut allowed = BTreeSet::new();
    for chain in chains {
        let ends = chain.match_indices(' ').map(|(end, _)| end).chain([chain.len()]);
        for trace in ends.map(|end| &chain[..end]) {
            allowed.insert(trace.to_owned());
            // A check fails, or a task is left for the system stack, begun, or gone on with.
            let innermost = trace.rsplit(' ').next().unwrap();
            if innermost.starts_with("step.") {
                allowed.extend(["morestack_noctxt", "morestack"].map(|slow| format!("{trace} {slow}")));
            }
            if innermost.starts_with("step.") || LEAVE.contains(&innermost) {
                allowed.extend(SWITCH.map(|switch| format!("{trace} {switch}")));
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut anchors = 0;
    for stop in &stops {
        let trace = trace(stop);
        let outermost = stop.frames.last().unwrap().as_str();
        let base = trace.split(' ').next().unwrap();
        let in_task = ["morestack_mapped_start", "morestack_closure_start", "morestack_abandon"].contains(&base);
        let ends = if in_task { outermost == base } else { THREAD.contains(&outermost) };
        let whole = ends && stop.reason == "outermost" && stop.frames.iter().all(|name| name != "??");
        let registers = stop.registers_are_kept();
        anchors += stop.anchors.len();
        if !whole || !registers || !(trace.is_empty() || allowed.contains(&trace)) {
            let (at, reason, anchors) = (&stop.at, &stop.reason, &stop.anchors);
            wrong.push(format!("at {at} ({reason}): {trace}\n    {:?} {anchors:?}", stop.frames));
        }
        seen.insert(trace);
    }
    let missing: Vec<_> = chains.iter().filter(|&&chain| !seen.contains(chain)).collect();
    let count = wrong.len();
    wrong.truncate(5);
    println!("{name}: {} stops, {} different traces, registers of {anchors} frames", stops.len(), seen.len());
    assert!(wrong.is_empty(), "{count} of {} traces are wrong:\n{}", stops.len(), wrong.join("\n"));
    assert!(missing.is_empty(), "never seen: {missing:#?}\nseen: {seen:#?}");
}

/// Whether this process is the one to be stepped through.
fn stepped() -> bool {
    common::role().is_some()
}

#[test]
fn growth() {
    if !stepped() {
        return step_through(
            "growth",
            &[
                "step_anchor body morestack_enter step.outer step.large morestack_noctxt",
                "step_anchor body morestack_enter step.outer step.large morestack",
                "step_anchor body morestack_enter step.outer step.large morestack_resume",
                "step_anchor body morestack_enter step.outer step.large morestack_gogo",
                "step_anchor body morestack_enter step.outer step.closure morestack",
                "step_anchor body morestack_enter step.outer step.closure morestack_gogo",
                "single_step_end",
            ],
        );
    }
    #[inline(never)]
    extern "C" fn body(x: u64) -> u64 {
        black_box(outer(black_box(x)))
    }
    // What happens once only is not stepped through.
    inner(0);
    single_step_begin();
    assert_eq!(step_anchor(body, 4), 7);
    single_step_end();
}

#[test]
fn functions_in_go_syntax() {
    if !stepped() {
        return step_through(
            "functions_in_go_syntax",
            &[
                "step_anchor body morestack_enter step.go_outer morestack_gogo",
                "step_anchor body morestack_enter step.go_outer step.go_pushes step.go_leaf",
                "step_anchor body morestack_enter step.go_outer step.go_lends_bp",
                "step_anchor body morestack_enter step.go_outer step.go_jumps",
                // Jumps leave no trace of where they come from.
                "step_anchor body morestack_enter step.go_outer step.go_goes_on",
                "step_anchor body morestack_enter step.go_outer step.go_leaf",
                "single_step_end",
            ],
        );
    }
    #[inline(never)]
    extern "C" fn body(x: u64) -> u64 {
        black_box(go_outer(black_box(x)))
    }
    inner(0);
    // Each by itself gives the same.
    assert_eq!((go_pushes(4), go_lends_bp(4), go_jumps(4), go_goes_on(4), go_leaf(4)), (5, 5, 6, 5, 5));
    single_step_begin();
    assert_eq!(step_anchor(body, 4), 8);
    single_step_end();
}

#[test]
fn crossings() {
    if !stepped() {
        return step_through(
            "crossings",
            &[
                "step_anchor body morestack_enter step.calls_rust step.rust morestack_call_rust callback step_anchor nested \
                 morestack_enter step.inner",
                "single_step_end",
            ],
        );
    }
    #[inline(never)]
    extern "C" fn body(x: u64) -> u64 {
        black_box(calls_rust(black_box(x)))
    }
    inner(0);
    single_step_begin();
    assert_eq!(step_anchor(body, 4), 5);
    single_step_end();
}

#[test]
fn a_panic_below_mapped_code() {
    if !stepped() {
        return step_through(
            "a_panic_below_mapped_code",
            &[
                "step_anchor body morestack_enter step.calls_rust step.rust morestack_call_rust callback",
                // Where the mapped frames are dropped; it is a part of this function.
                "step_anchor body morestack_enter step.calls_rust step.rust morestack_enter",
                "morestack_run",
                "morestack_mapped_start morestack_gogo",
                "morestack_mapped_start step.calls_rust step.rust morestack_call_rust morestack_call_rust",
                "morestack_mapped_start step.calls_rust step.rust morestack_call_rust callback",
                "morestack_abandon",
                "single_step_end",
            ],
        );
    }
    #[inline(never)]
    extern "C" fn body(x: u64) -> u64 {
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| calls_rust(black_box(x))));
        black_box(*panicked.unwrap_err().downcast_ref::<u64>().unwrap())
    }
    inner(0);
    let scheduler = Scheduler::new();
    let task = scheduler.spawn_mapped(calls_rust::function(), (PANICS,));
    single_step_begin();
    assert_eq!(step_anchor(body, PANICS), PANICS);
    assert_eq!(scheduler.run(), Idle::Finished);
    single_step_end();
    assert_eq!(*task.join().unwrap_err().downcast_ref::<u64>().unwrap(), PANICS);
}

#[test]
fn tasks() {
    if !stepped() {
        return step_through(
            "tasks",
            &[
                "morestack_run",
                "morestack_mapped_start morestack_gogo",
                // One task's yield goes on with another.
                "morestack_closure_start step_anchor body morestack_switch runtime.Gosched",
                "morestack_mapped_start step.yields runtime.Gosched",
                "morestack_mapped_start step.yields morestack_gogo",
                "morestack_mapped_start step.calls_rust step.rust morestack_call_rust morestack_call_rust",
                "morestack_mapped_start step.calls_rust step.rust morestack_call_rust callback morestack_switch",
                "morestack_mapped_start step.calls_rust step.rust morestack_call_rust callback morestack_switch morestack_gogo",
                "morestack_closure_start step_anchor body morestack_switch",
                "morestack_closure_start step_anchor parking morestack_mcall morestack_mcall",
                "morestack_closure_start step_anchor body morestack_systemstack morestack_systemstack",
                "morestack_closure_start step_anchor body morestack_systemstack morestack_gogo",
                "morestack_closure_start step_anchor body morestack_enter step.inner",
                "single_step_end",
            ],
        );
    }
    #[inline(never)]
    extern "C" fn body(x: u64) -> u64 {
        yield_now();
        black_box(inner(black_box(x)))
    }
    #[inline(never)]
    extern "C" fn parking(x: u64) -> u64 {
        park();
        black_box(x)
    }
    inner(0);
    let scheduler = Scheduler::new();
    let a = scheduler.spawn_mapped(yields::function(), (5,));
    let b = scheduler.spawn(|| step_anchor(body, 6));
    let c = scheduler.spawn_mapped(calls_rust::function(), (YIELDS,));
    // Detached, so their memory goes with them, while the switch away from them is still on.
    drop(scheduler.spawn_mapped(yields::function(), (8,)));
    drop(scheduler.spawn(|| step_anchor(body, 9)));
    let parked = scheduler.spawn(|| step_anchor(parking, 7));
    single_step_begin();
    assert_eq!(scheduler.run(), Idle::Parked(1));
    parked.task().unpark();
    assert_eq!(scheduler.run(), Idle::Finished);
    single_step_end();
    assert_eq!(parked.join().unwrap(), 7);
    assert_eq!(a.join().unwrap(), 5);
    assert_eq!(b.join().unwrap(), 7);
    assert_eq!(c.join().unwrap(), YIELDS);
}
