//! Panics, traces, cancellations and fatal reports go through the frames of registered functions as through the program's own.

mod common;
#[path = "../examples/jit/compiler.rs"]
mod compiler;

use common::{role, run_child};
use compiler::{LEAST_FRAME, Plan, compile};
use morestack::code::{self, CodeRange, Registered, Registration};
use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

thread_local! {
    static BOTTOM: Cell<fn(u64) -> u64> = const { Cell::new(|n| n) };
    static TRACE: Cell<Vec<usize>> = const { Cell::new(Vec::new()) };
}

morestack::mapped_export! {
    #[unsafe(export_name = "jit.bottom")]
    fn bottom(n: u64) -> u64 { BOTTOM.get()(n) }
}

morestack::mapped! {
    unsafe extern "ABI0" {
        fn mapped_bottom(n: u64) -> u64 = "jit.bottom";
    }
}

fn registered() -> (Registration, Registered<(u64,), u64>) {
    let compiled = compile(Plan { frame: LEAST_FRAME, bottom: mapped_bottom::code().start }).unwrap();
    // SAFETY: code of the form that is asked for, for good; it takes a number and returns one.
    unsafe {
        let registration = code::register(compiled.text.leak(), &[compiled.function]).unwrap();
        let function = registration.function("jit.sum").unwrap();
        (registration, function)
    }
}

#[test]
fn a_panic_arrives_where_rust_called() {
    let (registration, function) = registered();
    BOTTOM.set(|_| panic::panic_any(42_u8));
    for depth in [0, 1, 500] {
        let payload = panic::catch_unwind(|| function.call((depth,))).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&42), "{depth}");
    }
    BOTTOM.set(|n| n);
    assert_eq!(function.call((4,)), Ok(10), "and all is as it was");
    registration.unregister().unwrap();
}

#[test]
fn a_trace_shows_each_frame_and_what_is_below() {
    let (registration, function) = registered();
    BOTTOM.set(|n| {
        let mut found = Vec::new();
        backtrace::trace(|frame| {
            found.push(frame.ip() as usize);
            true
        });
        TRACE.set(found);
        n
    });
    #[inline(never)]
    fn calls(function: &Registered<(u64,), u64>) -> u64 {
        std::hint::black_box(function.call((20,)).unwrap())
    }
    assert_eq!(calls(&function), 210);
    let (trace, code) = (TRACE.take(), function.code());
    // 21 of them, the innermost one in the other call.
    let of_jit: Vec<_> = trace.iter().filter(|&&pc| code.contains(pc)).collect();
    assert_eq!(of_jit.len(), 21, "{trace:x?}");
    assert!(of_jit[1..].iter().all(|pc| *pc == of_jit[1]) && of_jit[0] != of_jit[1]);
    let start = calls as *const () as usize;
    let below = CodeRange { start, end: start + 4096 };
    assert!(trace.iter().any(|&pc| below.contains(pc)), "{trace:x?} does not reach {start:#x}");
    registration.unregister().unwrap();
}

#[test]
fn a_task_that_waits_below_can_be_cancelled() {
    static ARRIVED: AtomicBool = AtomicBool::new(false);
    let (registration, function) = registered();
    let task = morestack::thread::spawn(move || {
        BOTTOM.set(|n| {
            ARRIVED.store(true, SeqCst);
            morestack::thread::park();
            n
        });
        function.call((100,))
    });
    while !ARRIVED.load(SeqCst) {
        morestack::thread::yield_now();
    }
    let refused = registration.unregister().expect_err("the task is in it");
    assert_eq!(refused.count(), 1);
    assert!(matches!(refused.user(), code::User::Task(_)), "{refused}");
    task.cancel();
    task.join().expect_err("it was unwound");
    refused.into_registration().unregister().unwrap();
}

#[test]
fn a_fatal_report_names_them() {
    if role().is_none() {
        let ended = run_child("a_fatal_report_names_them", "overflow");
        println!("{}", ended.stderr.trim());
        assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
        // Return addresses of the recursion are in line 2 of its source.
        for part in ["cannot grow", "#0 jit.sum at sum.jit:1 (+0x", "#1 jit.sum at sum.jit:2 (+0x", " more\n"] {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
        return;
    }
    let (_registration, function) = registered();
    let scheduler = morestack::sched::Scheduler::new();
    let task = scheduler.builder().max_stack(1 << 16).spawn(move || function.call((10_000,)));
    let _ = task.unwrap().join();
}
