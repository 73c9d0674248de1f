//! A recursion of a million frames of 64 bytes on a fresh stack, there and back: in a task, and in a `corosensei` coroutine on a
//! stack of 1 GB that is mapped at once and resident where it has been touched.
//!
//! Cold: each sample is a process of its own, which has run the code before, a few frames deep. In a plain build the task has a
//! mapped stack too, so that only the split build's figure says anything.

use crate::program::measure::line;
use corosensei::stack::{MIN_STACK_SIZE, Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult};
use morestack::runtime::Builder;
use std::hint::black_box;
use std::io;
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Instant;

const DEPTH: u64 = 1_000_000;
const SHALLOW: u64 = 4;
/// Fresh processes for each figure.
const SAMPLES: usize = 7;
const GIB: usize = 1 << 30;

/// Frames of 64 bytes, in a plain build and with frame pointers: what is live across the call fills the registers that a call
/// keeps. No pointer leads into them, so they can be moved.
#[inline(never)]
fn kept(n: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    if n == 0 {
        return a ^ b ^ c ^ d ^ e;
    }
    let result = kept(n - 1, b, c, d, e, a);
    result.wrapping_add(n).wrapping_mul(a | 1).wrapping_add(b ^ c).rotate_left(1) ^ d ^ e
}

/// Frames of 64 bytes that cannot be moved: a pointer to the array in each has been seen by others.
#[inline(never)]
fn pinned(n: u64) -> u64 {
    let mut a = [0; 4];
    a[n as usize & 3] = n;
    let a = black_box(&mut a);
    if n == 0 {
        return a[0];
    }
    let r = pinned(n - 1);
    r.wrapping_add(a[r as usize & 3])
}

type Recursion = fn(u64) -> u64;

const KINDS: [(&str, Recursion); 2] = [("recursion", |n| kept(n, 1, 2, 3, 4, 5)), ("recursion_pinned", pinned)];

pub fn run() {
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        // In turns, so that what disturbs one disturbs the other.
        let samples: Vec<(f64, f64)> = (0..SAMPLES).map(|_| (cold(kind, "task"), cold(kind, "mapped"))).collect();
        let best = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).fold(f64::INFINITY, f64::min) / DEPTH as f64;
        let (task, mapped) = (best(|sample| sample.0), best(|sample| sample.1));
        line(name, task, "ns");
        line(&format!("{name}_corosensei"), mapped, "ns");
        line(&format!("{name}_ratio"), task / mapped, "x");
    }
}

// ---- The two stacks ----

/// From the spawn to the result.
fn in_task(body: Recursion) -> f64 {
    let runtime = Builder::new().workers(1).build().expect("a runtime of one worker");
    runtime.run(move || {
        let descend = |depth: u64| {
            let builder = morestack::thread::Builder::new();
            // In a split build stacks grow; in a plain one the task has to say what it needs.
            let builder = if cfg!(morestack_split) { builder } else { builder.stack_size(GIB / 2) };
            builder.spawn(move || body(black_box(depth))).expect("memory for a task").join().expect("a recursion")
        };
        black_box(descend(SHALLOW));
        let begin = Instant::now();
        black_box(descend(DEPTH));
        begin.elapsed().as_nanos() as f64
    })
}

/// A stack of 1 GB with a guard page.
struct Mapped {
    base: usize,
}

impl Mapped {
    fn new() -> io::Result<Mapped> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping; its lowest page is made the guard.
        unsafe {
            let base = libc::mmap(std::ptr::null_mut(), GIB, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if base == libc::MAP_FAILED || libc::mprotect(base, 4096, libc::PROT_NONE) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Mapped { base: base as usize })
        }
    }
}

// SAFETY: page-aligned, larger than MIN_STACK_SIZE, writable down to its guard page. It is never unmapped.
unsafe impl Stack for Mapped {
    fn base(&self) -> StackPointer {
        const { assert!(GIB > MIN_STACK_SIZE) };
        NonZeroUsize::new(self.base + GIB).expect("not zero")
    }
    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.base).expect("not zero")
    }
}

/// From the mapping to the result, on an OS thread, where checks pass.
fn on_mapped(body: Recursion) -> f64 {
    let descend = |depth: u64| {
        let stack = Mapped::new().expect("1 GB of addresses");
        let mut coroutine = Coroutine::<(), (), u64, _>::with_stack(stack, move |_, ()| body(black_box(depth)));
        match coroutine.resume(()) {
            CoroutineResult::Return(result) => result,
            CoroutineResult::Yield(()) => unreachable!("it does not yield"),
        }
    };
    black_box(descend(SHALLOW));
    let begin = Instant::now();
    black_box(descend(DEPTH));
    begin.elapsed().as_nanos() as f64
}

// ---- Cold samples ----

const SAMPLE: &str = "MORESTACK_SPLIT_SAMPLE";

/// One sample, in a process of its own; nanoseconds.
fn cold(kind: usize, stack: &str) -> f64 {
    let exe = std::env::current_exe().expect("the running program has a path");
    let out = Command::new(exe).env(SAMPLE, format!("{kind} {stack}")).output().expect("it can be run again");
    assert!(out.status.success(), "a sample failed: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().parse().expect("a child prints its number")
}

/// In a process that [`cold`] has started: measures, prints the number, and says true.
pub fn serve_child() -> bool {
    let Ok(sample) = std::env::var(SAMPLE) else { return false };
    let (kind, stack) = sample.split_once(' ').expect("a kind and a stack");
    let body = KINDS[kind.parse::<usize>().expect("a number")].1;
    println!("{}", if stack == "task" { in_task(body) } else { on_mapped(body) });
    true
}
