//! A backtrace taken deep in a recursion has each frame once and both ends, and so has one taken where a panic begins.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::{DEEP, depth, task_with};
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// The functions on the stack, innermost first, as the unwinder finds them, and the names of the outer and inner ones.
struct Trace {
    starts: Vec<usize>,
    inner: Vec<String>,
    outer: Vec<String>,
}

/// Frames to name at each end: more than the library has between a closure and its own base.
const NAMED: usize = 40;

fn trace() -> Trace {
    let mut frames = Vec::new();
    backtrace::trace(|frame| {
        frames.push(frame.clone());
        true
    });
    let named = |frames: &[backtrace::Frame]| {
        let mut names = Vec::new();
        for frame in frames {
            backtrace::resolve_frame(frame, |symbol| names.extend(symbol.name().map(|name| format!("{name:#}"))));
        }
        names
    };
    let last = frames.len().saturating_sub(NAMED);
    Trace {
        starts: frames.iter().map(|frame| frame.symbol_address() as usize).collect(),
        inner: named(&frames[..NAMED.min(frames.len())]),
        outer: named(&frames[last..]),
    }
}

#[inline(never)]
fn innermost() -> Trace {
    let trace = trace();
    black_box(trace)
}

#[inline(never)]
fn descend(n: usize, at_the_end: &mut dyn FnMut()) {
    if n == 0 {
        at_the_end();
    } else {
        descend(n - 1, at_the_end);
    }
    // No tail call.
    black_box(n);
}

#[inline(never)]
fn outermost(n: usize) -> Trace {
    let mut trace = None;
    descend(n, &mut || trace = Some(innermost()));
    black_box(trace.unwrap())
}

/// Optimised builds have line tables only, which name functions without their modules.
fn is(found: &str, name: &str) -> bool {
    found.rsplit("::").next() == Some(name)
}

fn check(trace: &Trace, n: usize) {
    let descents = trace.starts.iter().filter(|start| **start == descend as *const () as usize).count();
    assert_eq!(descents, n + 1, "of {} frames", trace.starts.len());
    let has = |names: &[String], name: &str| names.iter().filter(|found| is(found, name)).count();
    assert_eq!(has(&trace.inner, "innermost"), 1, "{:#?}", trace.inner);
    assert_eq!(has(&trace.outer, "outermost"), 1, "{:#?}", trace.outer);
    // The task's base.
    assert_eq!(has(&trace.outer, "morestack_closure_start"), 1, "{:#?}", trace.outer);
}

#[test]
fn of_every_depth() {
    for n in (0..100).chain([1000, 20_000].map(depth)) {
        let trace = task_with(DEEP, move || outermost(n));
        check(&trace, n);
    }
}

/// As std prints it.
#[test]
fn by_std() {
    #[inline(never)]
    fn capture() -> String {
        black_box(std::backtrace::Backtrace::force_capture().to_string())
    }
    for n in [0, 30, 200] {
        let text = task_with(DEEP, move || {
            let mut text = String::new();
            descend(n, &mut || text = capture());
            text
        });
        let lines =
            |name: &str| text.lines().filter_map(|line| line.split_once(": ")).filter(|line| is(line.1, name)).count();
        assert_eq!((lines("capture"), lines("descend")), (1, n + 1), "{text}");
        assert!(text.contains("closure_start"), "{text}");
    }
}

/// In the hook the panicking task's frames are all there.
#[test]
fn in_the_panic_hook() {
    static TAKEN: Mutex<Option<Trace>> = Mutex::new(None);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("expected") {
            return hook(info);
        }
        let trace = innermost();
        *TAKEN.lock().unwrap() = Some(trace);
    }));
    #[inline(never)]
    fn outermost(n: usize) {
        let caught = catch_unwind(AssertUnwindSafe(|| descend(n, &mut || panic!("expected"))));
        assert!(black_box(caught).is_err());
    }
    for n in [0, 10, 100, 5_000].map(depth) {
        task_with(DEEP, move || outermost(n));
        let trace = TAKEN.lock().unwrap().take().unwrap();
        check(&trace, n);
    }
}
