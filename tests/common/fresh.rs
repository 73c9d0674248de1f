//! Fresh tasks for ordinary Rust: in a split build they start on 2 KB and grow as often as it takes, in a plain one they run on
//! a big stack of the size that they ask for. What they compute must be the same.

#![allow(dead_code, reason = "each test binary uses a part")]

use super::common::caps;
use morestack::sched::Scheduler;
use std::hint::black_box;
use std::panic;

/// Stack for a million frames of an unoptimised build, less the page that the library adds. Address space in a plain build; a
/// split one bounds by it what foreign code takes.
pub const DEEP: usize = (1 << 30) - 4096;

/// Stack for what is deep only because it is not optimised.
pub const ROOMY: usize = (4 << 20) - 4096;

/// Runs the closure in a fresh task of a plain build's default size.
pub fn task<T: 'static>(f: impl FnOnce() -> T + 'static) -> T {
    Scheduler::new().spawn(f).join_or_resume()
}

/// Runs the closure in a fresh task that has so many bytes of stack in a plain build.
pub fn task_with<T: 'static>(stack: usize, f: impl FnOnce() -> T + 'static) -> T {
    caught_with(stack, f).unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// As [`task_with`], with the panic that ended the task.
pub fn caught_with<T: 'static>(stack: usize, f: impl FnOnce() -> T + 'static) -> std::thread::Result<T> {
    Scheduler::new().builder().stack_size(stack).spawn(f).unwrap().join()
}

/// Runs the closure on an ordinary OS thread, whose results are what a task's are compared with.
pub fn os_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(ROOMY).spawn(f).unwrap().join().unwrap()
}

/// Levels, and frames above them: enough for several growths.
const LEVELS: usize = 50;

/// Checks that `f(n)` in fresh tasks is what it is on an OS thread, for functions that call themselves `n` times.
pub fn same_in_tasks<T: PartialEq + std::fmt::Debug + Send + 'static>(f: fn(usize) -> T) {
    for n in 0..LEVELS {
        let expected = os_thread(move || f(n));
        assert_eq!(task_with(ROOMY, move || f(n)), expected, "{n} levels");
    }
    // Here the outermost call is the one that finds it full.
    let expected = os_thread(move || f(1));
    for frames in 0..LEVELS {
        assert_eq!(task_with(ROOMY, move || below(frames, &mut || f(1))), expected, "below {frames} frames");
    }
}

/// Calls the closure below so many frames of this function's: for each number a task's segment is full at another place.
#[inline(never)]
pub fn below<R>(frames: usize, f: &mut dyn FnMut() -> R) -> R {
    if frames == 0 {
        return f();
    }
    let filler = black_box([frames; 2]);
    let result = below(frames - 1, f);
    assert_eq!(filler, [frames; 2], "a local has changed");
    result
}

/// Frames to descend to. Closures of plain builds grow nothing, so the debug modes need no cap there.
pub fn depth(wanted: usize) -> usize {
    if cfg!(morestack_split) { caps::depth(wanted) } else { wanted }
}
