//! A backtrace taken anywhere shows every function that is being executed, in order, over any number of crossings between
//! Rust and mapped code, down to the thread's or the task's base.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::hint::black_box;

use morestack::sched::{Idle, Scheduler, yield_now};
use morestack::stack::grow::{Move, set_move_hook};
use morestack::stack::table::Table;

goasm::include! {
    "tests/asm/ladder_amd64.s";

    unsafe extern "ABI0" {
        safe fn even(x: u64) -> u64 = "ladder·even";
        safe fn odd(x: u64) -> u64 = "ladder·odd";
        safe fn large(x: u64) -> u64 = "ladder·large";
    }
}

fn even_function() -> goasm::MappedFn<(u64,), u64> {
    // SAFETY: it takes any number.
    unsafe { even::function() }
}

morestack::mapped_export! {
    #[unsafe(export_name = "ladder.rust_even")]
    fn ladder_rust_even(x: u64) -> u64 { rust_even(x) }
    #[unsafe(export_name = "ladder.rust_odd")]
    fn ladder_rust_odd(x: u64) -> u64 { rust_odd(x) }
}

thread_local! {
    /// What is done at the bottom of the ladder.
    static BOTTOM: Cell<fn() -> u64> = const { Cell::new(|| 0) };
    static TAKEN: RefCell<Vec<Trace>> = const { RefCell::new(Vec::new()) };
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

#[inline(never)]
fn rust_even(x: u64) -> u64 {
    black_box(if x == 0 { BOTTOM.get()() } else { odd(x - 1) })
}

#[inline(never)]
fn rust_odd(x: u64) -> u64 {
    black_box(if x == 0 { BOTTOM.get()() } else { even(x - 1) })
}

/// The functions of a stack, innermost first: those of this file and of the runtime's assembly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Trace {
    /// As `std::backtrace` names them.
    names: Vec<String>,
    /// The mapped ones among them, found by their program counters: what the unwinder itself sees.
    mapped: Vec<&'static str>,
}

/// What is compared; the rest is the library's Rust code and std.
const SHOWN: [&str; 16] = [
    "rust_even",
    "rust_odd",
    "climb",
    "hook",
    "descend",
    "ladder.even",
    "ladder.odd",
    "ladder.between",
    "ladder.large",
    "ladder.rust_even",
    "ladder.rust_odd",
    "morestack_enter",
    "morestack_call_rust",
    "morestack",
    "morestack_mapped_start",
    "morestack_closure_start",
];

impl Trace {
    fn take() -> Trace {
        let text = Backtrace::force_capture().to_string();
        let names = text.lines().filter_map(|line| {
            // "  17: path::to::function"; other lines say where it is.
            let (number, name) = line.trim_start().split_once(": ")?;
            let name = name.rsplit("::").next().unwrap_or(name);
            (number.parse::<usize>().is_ok() && SHOWN.contains(&name)).then(|| name.to_owned())
        });
        Trace { names: names.collect(), mapped: mapped_frames() }
    }
}

/// The mapped functions on the stack, by the pcs that the unwinder finds. It must reach the end of the stack, and each pc must
/// be the return address of a call that the function table knows.
fn mapped_frames() -> Vec<&'static str> {
    type Callback = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
    unsafe extern "C" {
        fn _Unwind_Backtrace(callback: Callback, argument: *mut c_void) -> c_int;
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
    }
    const NO_REASON: c_int = 0;
    const END_OF_STACK: c_int = 5;
    unsafe extern "C" fn push(context: *mut c_void, pcs: *mut c_void) -> c_int {
        // SAFETY: the unwinder's own context, and the vector handed to `_Unwind_Backtrace`.
        unsafe { (*pcs.cast::<Vec<usize>>()).push(_Unwind_GetIP(context)) };
        NO_REASON
    }
    let mut pcs: Vec<usize> = Vec::new();
    // SAFETY: `push` gets this vector, which nobody else uses meanwhile.
    let ended = unsafe { _Unwind_Backtrace(push, (&raw mut pcs).cast()) };
    assert_eq!(ended, END_OF_STACK, "the unwinder was lost after {} frames", pcs.len());
    // libgcc reports the caller of an outermost frame, which has none, as 0.
    assert!(pcs.iter().position(|&pc| pc == 0).is_none_or(|at| at == pcs.len() - 1), "{pcs:x?}");
    let table = Table::of_program().unwrap();
    let mapped = pcs.iter().filter_map(|&pc| {
        let function = table.find_function(pc.checked_sub(1)?)?;
        let known = table.find_call(pc).is_some_and(|(f, _)| f.entry == function.entry);
        // What a failed check calls, and what Rust is called from, is not in the table of calls.
        let outside = function.restart == pc || function.name == "morestack_call_rust";
        assert!(known || outside, "{pc:#x} in {} is no return address", function.name);
        Some(function.name)
    });
    mapped.collect()
}

/// What `climb(x)` leads to, innermost first, without what is done at the bottom.
fn ladder(x: u64) -> Vec<String> {
    let mut names = Vec::new();
    for step in 0..=x {
        // Outermost first: each step's functions go before those that led to it.
        let even = ["rust_even", "morestack_call_rust", "ladder.rust_even", "ladder.even", "morestack_enter"];
        let odd =
            ["rust_odd", "morestack_call_rust", "ladder.rust_odd", "ladder.between", "ladder.odd", "morestack_enter"];
        let step: &[&str] = if step.is_multiple_of(2) { &even } else { &odd };
        names.splice(0..0, step.iter().map(|name| name.to_string()));
    }
    names
}

/// Rust that goes down the ladder.
#[inline(never)]
fn climb(x: u64) -> u64 {
    black_box(even(black_box(x)))
}

/// The trace expected of a backtrace that begins with `inner` and ends with `outer`, over a ladder of `x` steps.
fn expected(inner: &[&str], x: u64, outer: &[&str]) -> Trace {
    let mut names: Vec<String> = inner.iter().map(|name| name.to_string()).collect();
    names.extend(ladder(x));
    names.extend(outer.iter().map(|name| name.to_string()));
    // A mapped task begins in mapped code.
    if outer == ["morestack_mapped_start"] {
        let entered = names.iter().rposition(|name| name == "morestack_enter").unwrap();
        names.remove(entered);
    }
    let table = Table::of_program().unwrap();
    let in_table = |name: &String| table.functions().iter().find(|f| f.name == *name).map(|f| f.name);
    let mapped = names.iter().filter_map(in_table).collect();
    Trace { names, mapped }
}

fn taken() -> Vec<Trace> {
    TAKEN.take()
}

fn capture() -> u64 {
    let trace = Trace::take();
    TAKEN.with_borrow_mut(|taken| taken.push(trace));
    7
}

const DEPTHS: [u64; 4] = [0, 1, 2, 9];

#[test]
fn from_threads() {
    let check = || {
        BOTTOM.set(capture);
        for x in DEPTHS {
            assert_eq!(climb(x), 7);
            assert_eq!(taken(), [expected(&[], x, &["climb"])], "{x} steps");
        }
    };
    check();
    std::thread::spawn(check).join().unwrap();
}

#[test]
fn from_tasks() {
    BOTTOM.set(capture);
    let scheduler = Scheduler::new();
    for x in DEPTHS {
        let task = scheduler.spawn(move || climb(x));
        assert_eq!(task.join().unwrap(), 7);
        assert_eq!(taken(), [expected(&[], x, &["climb", "morestack_closure_start"])], "{x} steps");

        let task = scheduler.spawn_mapped(even_function(), (x,));
        assert_eq!(task.join().unwrap(), 7);
        assert_eq!(taken(), [expected(&[], x, &["morestack_mapped_start"])], "{x} steps");
    }
}

#[test]
fn from_tasks_that_have_been_switched() {
    BOTTOM.set(|| {
        yield_now();
        capture();
        yield_now();
        capture()
    });
    let scheduler = Scheduler::new();
    let climbers: Vec<_> = DEPTHS.map(|x| scheduler.spawn(move || climb(x))).into();
    assert_eq!(scheduler.run(), Idle::Finished);
    for climber in climbers {
        assert_eq!(climber.join().unwrap(), 7);
    }
    // All take their first before any takes its second, unless a check makes them give way.
    let mut taken = taken();
    let mut wanted: Vec<_> =
        DEPTHS.iter().chain(&DEPTHS).map(|&x| expected(&[], x, &["climb", "morestack_closure_start"])).collect();
    taken.sort_by_key(|trace| trace.names.len());
    wanted.sort_by_key(|trace| trace.names.len());
    assert_eq!(taken, wanted);
}

/// Leads to a growth with the hook on.
#[inline(never)]
fn descend() -> u64 {
    HOOKED.set(true);
    let result = large(7);
    HOOKED.set(false);
    black_box(result)
}

#[inline(never)]
fn hook(_: &Move) {
    if HOOKED.get() {
        capture();
    }
    black_box(());
}

/// In the middle of a growth the system stack works for a task whose stack has just moved away.
#[test]
fn from_the_middle_of_a_growth() {
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(Some(hook)) };
    BOTTOM.set(descend);
    let scheduler = Scheduler::new();
    let at_check = ["hook", "morestack", "ladder.large", "morestack_enter", "descend"];
    // Before the call there was no room for its arguments.
    let at_bridge = ["hook", "descend"];
    let check = |x: u64, outer: &[&str]| {
        let taken = taken();
        let (check, bridge) = (expected(&at_check, x, outer), expected(&at_bridge, x, outer));
        assert!(taken.contains(&check), "{x} steps: {taken:#?}, not {check:#?}");
        assert!(taken.iter().all(|trace| *trace == check || *trace == bridge), "{x} steps: {taken:#?}");
    };
    for x in DEPTHS {
        std::thread::scope(|scope| {
            // Another thread each time: its segment is small.
            let thread = scope.spawn(move || {
                BOTTOM.set(descend);
                assert_eq!(climb(x), 7);
                check(x, &["climb"]);
            });
            thread.join().unwrap();
        });
        assert_eq!(scheduler.spawn(move || climb(x)).join().unwrap(), 7);
        check(x, &["climb", "morestack_closure_start"]);
        assert_eq!(scheduler.spawn_mapped(even_function(), (x,)).join().unwrap(), 7);
        check(x, &["morestack_mapped_start"]);
    }
}
