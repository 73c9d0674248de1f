//! A panic in Rust called from mapped code reaches the nearest Rust frame below. The payload is the same, Rust's frames are
//! unwound, mapped ones dropped, and afterwards everything works as before.

mod common;
#[path = "common/contexts.rs"]
mod contexts;

use common::caps;
use contexts::everywhere;
use morestack::sched::{Scheduler, park, yield_now};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/panics.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
        fn between(n: u64, catcher: u64, kind: u64) -> u64 = "panics.between";
        fn below(depth: u64, n: u64, catcher: u64, kind: u64) -> u64 = "panics.below";
    }
}

thread_local! {
    /// Guards that live and guards that have been dropped, on this thread.
    static MADE: Cell<u64> = const { Cell::new(0) };
    static DROPPED: Cell<u64> = const { Cell::new(0) };
    /// What the panic carries, and where its payload is.
    static CARGO: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
    static ADDRESS: Cell<usize> = const { Cell::new(0) };
    /// Mapped frames per level, and frames to descend before the panic.
    static FRAMES: Cell<u64> = const { Cell::new(0) };
    static DESCENT: Cell<u64> = const { Cell::new(0) };
}

/// On the stack of each Rust frame.
struct Guard;

impl Guard {
    fn new() -> Guard {
        MADE.set(MADE.get() + 1);
        Guard
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
        // Destructors may use mapped code too, in the middle of unwinding.
        assert_eq!(count(10), 10);
    }
}

/// A payload that is counted.
struct Cargo(#[allow(dead_code, reason = "counts references")] Arc<()>);

/// What panics carry.
const KINDS: u64 = 6;
/// No level has this number.
const NOBODY: u64 = u64::MAX;

fn raise(kind: u64) -> ! {
    match kind {
        0 => panic!("a literal"),
        1 => panic!("a number: {kind}"),
        2 => panic_any(7_u32),
        3 => panic_any([kind; 500]),
        4 => resume_unwind(Box::new(())),
        5 => {
            let payload = Box::new(Cargo(CARGO.with_borrow(|cargo| cargo.clone().unwrap())));
            ADDRESS.set(&raw const *payload as usize);
            resume_unwind(payload)
        }
        _ => unreachable!(),
    }
}

fn check(kind: u64, payload: Box<dyn Any + Send>) {
    match kind {
        0 => assert_eq!(payload.downcast_ref::<&str>(), Some(&"a literal")),
        1 => assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("a number: 1")),
        2 => assert_eq!(payload.downcast_ref::<u32>(), Some(&7)),
        3 => assert_eq!(payload.downcast_ref::<[u64; 500]>(), Some(&[3; 500])),
        4 => assert!(payload.is::<()>()),
        _ => {
            assert!(payload.is::<Cargo>());
            assert_eq!(&raw const *payload as *const () as usize, ADDRESS.get(), "the very same box");
            let cargo = CARGO.take().unwrap();
            assert_eq!(Arc::strong_count(&cargo), 2);
            drop(payload);
            assert_eq!(Arc::strong_count(&cargo), 1, "dropped once");
        }
    }
}

const CAUGHT: u64 = 1 << 32;

morestack::mapped_export! {
    #[unsafe(export_name = "panics.rust")]
    fn panics_rust(n: u64, catcher: u64, kind: u64) -> u64 {
        rust(n, catcher, kind)
    }
}

/// The Rust frame of level `n`. That of level 0 panics; that of level `catcher` catches.
fn rust(n: u64, catcher: u64, kind: u64) -> u64 {
    let _guard = Guard::new();
    if n == 0 {
        let frames = DESCENT.get();
        assert_eq!(count(frames), frames);
        raise(kind);
    }
    let call = || below(FRAMES.get(), n - 1, catcher, kind);
    if n != catcher {
        return call();
    }
    let caught = catch_unwind(AssertUnwindSafe(call)).expect_err("level 0 panics");
    assert_eq!(DROPPED.get(), catcher, "the frames above have been unwound, each once");
    check(kind, caught);
    CAUGHT
}

/// Calls down to level 0 from level `levels`, with the panic caught at `catcher`.
fn descend(levels: u64, catcher: u64, kind: u64) {
    MADE.set(0);
    DROPPED.set(0);
    CARGO.set(Some(Arc::new(())));
    // Each level on the way back adds one.
    assert_eq!(rust(levels, catcher, kind), CAUGHT + levels - catcher);
    assert_eq!((MADE.get(), DROPPED.get()), (levels + 1, levels + 1));
}

/// Panics of the other tests are expected; those of failed assertions are printed.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let expected = match info.payload_as_str() {
                Some(text) => text == "a literal" || text == "a number: 1",
                None => true,
            };
            if !expected {
                hook(info);
            }
        }));
    });
}

/// All depths, all catchers.
fn all(frames: u64, descent: usize) {
    quiet();
    FRAMES.set(frames);
    DESCENT.set(caps::often(descent) as u64);
    for levels in 1..=10 {
        for catcher in 1..=levels {
            descend(levels, catcher, (levels + catcher) % KINDS);
            assert_eq!(count(50), 50, "the segment is of use again");
        }
    }
}

#[test]
fn at_any_depth_caught_at_any_level() {
    everywhere(|| all(0, 0));
}

#[test]
fn with_many_mapped_frames_between() {
    everywhere(|| all(30, 0));
}

#[test]
fn with_growth_in_between() {
    everywhere(|| all(3, 500));
}

#[test]
fn with_every_kind_of_payload() {
    everywhere(|| {
        quiet();
        DESCENT.set(0);
        FRAMES.set(1);
        for kind in 0..KINDS {
            for catcher in [1, 3] {
                descend(3, catcher, kind);
            }
        }
    });
}

#[test]
fn a_hundred_times_without_using_more_stack() {
    everywhere(|| {
        quiet();
        FRAMES.set(5);
        DESCENT.set(0);
        let tall = caps::often(2_000) as u64;
        assert_eq!(count(tall), tall);
        for _ in 0..100 {
            descend(3, 3, 4);
        }
        assert_eq!(count(tall), tall);
    });
}

#[test]
fn to_the_end_of_a_task() {
    quiet();
    let scheduler = Scheduler::new();
    for kind in 0..KINDS {
        for levels in [0, 1, 5] {
            let prepare = || (FRAMES.set(2), DESCENT.set(100), CARGO.set(Some(Arc::new(()))));
            // The base of a mapped task is no Rust frame: the task ends with it.
            prepare();
            MADE.set(0);
            DROPPED.set(0);
            let mapped = scheduler.spawn_mapped(between::function(), (levels, NOBODY, kind));
            check(kind, mapped.join().expect_err("level 0 panics"));
            assert_eq!((MADE.get(), DROPPED.get()), (levels + 1, levels + 1));

            prepare();
            MADE.set(0);
            DROPPED.set(0);
            let rust = scheduler.spawn(move || rust(levels, NOBODY, kind));
            check(kind, rust.join().expect_err("level 0 panics"));
            assert_eq!((MADE.get(), DROPPED.get()), (levels + 1, levels + 1));
        }
    }
    // Others do not notice.
    assert_eq!(scheduler.spawn_mapped(count::function(), (100,)).join_or_resume(), 100);
}

#[test]
fn while_other_tasks_run_and_sleep() {
    quiet();
    let scheduler = Scheduler::new();
    let sleepers: Vec<_> = (0..20)
        .map(|i| {
            scheduler.spawn(move || {
                park();
                count(i)
            })
        })
        .collect();
    let panicking: Vec<_> = (0..50)
        .map(|i| {
            scheduler.spawn(move || {
                yield_now();
                let caught = catch_unwind(|| between(0, NOBODY, 2)).expect_err("level 0 panics");
                yield_now();
                assert_eq!(caught.downcast_ref::<u32>(), Some(&7));
                if i % 2 == 0 {
                    resume_unwind(caught);
                }
                i
            })
        })
        .collect();
    for (i, task) in panicking.into_iter().enumerate() {
        match task.join() {
            Ok(number) => assert_eq!((number, number % 2), (i, 1)),
            Err(payload) => assert_eq!((payload.downcast_ref::<u32>(), i % 2), (Some(&7), 0)),
        }
    }
    for (i, sleeper) in (0..).zip(sleepers) {
        sleeper.task().unpark();
        assert_eq!(sleeper.join_or_resume(), i);
    }
}
