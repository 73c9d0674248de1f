//! What `benches/stack_growth.rs` and `examples/ratios.rs` measure: the same recursions on our stacks and on the peers'.
//!
//! | strategy | stack | memory |
//! |---|---|---|
//! | copied | a mapped task: 2 KB, doubled by moving | cold: fresh process; pooled: what earlier tasks left |
//! | faulted | `corosensei` on 1 GB mapped lazily, same instructions without the check | cold: fresh mapping in a fresh process; pooled: the same mapping again |
//! | linked | `stacker::maybe_grow` in a Rust recursion with frames of the same size or less | it keeps none: always fresh |
//!
//! A cold sample is a process of its own: [`serve_child`] answers for it.

#![allow(dead_code, reason = "the bench and the example each use a part")]

use corosensei::stack::{MIN_STACK_SIZE, Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult};
use morestack::sched::{Scheduler, yield_now};
use morestack::stack::grow::{Move, set_move_hook};
use morestack::stack::table::Table;
use morestack::task::{CodeRange, MappedFn};
use std::cell::RefCell;
use std::hint::black_box;
use std::io;
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/benches/asm/recursion.s")));
morestack::mapped! {
    unsafe extern "ABI0" {
        fn count64(n: u64) -> u64 = "bench.count64";
        fn count256(n: u64) -> u64 = "bench.count256";
        fn mix64(n: u64) -> u64 = "bench.mix64";
        fn call_plain(entry: usize, n: u64) -> u64 = "bench.call_plain";
        fn repeat(entry: usize, n: u64, times: u64) = "bench.repeat";
        fn yields(n: u64) = "bench.yields";
        fn parks() = "bench.parks";
    }
}

unsafe extern "C" {
    fn bench_call_plain(entry: usize, n: u64) -> u64;
}

macro_rules! plain_code {
    ($symbol:literal) => {{
        unsafe extern "C" {
            #[link_name = concat!($symbol, "$entry")]
            safe fn entry() -> usize;
            #[link_name = concat!($symbol, "$end")]
            safe fn end() -> usize;
        }
        CodeRange { start: entry(), end: end() }
    }};
}

/// A recursion, with and without the check.
#[derive(Clone, Copy)]
pub struct Recursion {
    pub mapped: MappedFn<(u64,), u64>,
    pub plain: CodeRange,
    /// Bytes per frame.
    pub frame: usize,
}

pub fn count_64() -> Recursion {
    Recursion { mapped: count64::function(), plain: plain_code!("plain.count64"), frame: 64 }
}

pub fn count_256() -> Recursion {
    Recursion { mapped: count256::function(), plain: plain_code!("plain.count256"), frame: 256 }
}

pub fn mix_64() -> Recursion {
    Recursion { mapped: mix64::function(), plain: plain_code!("plain.mix64"), frame: 64 }
}

pub fn count_of(frame: usize) -> Recursion {
    if frame == 64 { count_64() } else { count_256() }
}

impl Recursion {
    /// Instructions of the check, read from the code: what the mapped function has before its body. The rest must be the
    /// plain function's instructions, or the comparison is worth nothing.
    pub fn check_instructions(&self) -> usize {
        let code = self.mapped.code();
        let table = Table::of_program().expect("the function table is right");
        let body = table.find_function(code.start).expect("a mapped function").body;
        let rest = decode(CodeRange { start: body, end: code.end });
        let plain = decode(self.plain);
        assert!(rest.starts_with(&plain), "the plain recursion differs in more than the check");
        decode(CodeRange { start: code.start, end: body }).len()
    }
}

/// The instructions of some code, without the targets of its jumps and calls.
fn decode(code: CodeRange) -> Vec<iced_x86::Code> {
    // SAFETY: the range is code of this program, which can be read.
    let bytes = unsafe { std::slice::from_raw_parts(code.start as *const u8, code.end - code.start) };
    iced_x86::Decoder::new(64, bytes, iced_x86::DecoderOptions::NONE).iter().map(|i| i.code()).collect()
}

/// Nanoseconds that `f` takes.
pub fn time(f: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    f();
    begin.elapsed().as_nanos() as f64
}

/// The middle of some samples.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

// ---- The check ----

/// Runs `f` in a Rust task. Its calls of mapped functions share one go segment, which never shrinks meanwhile.
pub fn in_task<T: 'static>(f: impl FnOnce() -> T + 'static) -> T {
    Scheduler::new().spawn(f).join_or_resume()
}

/// Depth at which only the check differs: the processor predicts 16 nested returns. Deeper, it mispredicts each return, and
/// no check shows beside that.
pub const PREDICTED: u64 = 12;

/// Descends to [`PREDICTED`] so many times, on a go segment that has grown before.
pub fn repeat_mapped(recursion: Recursion, times: u64) {
    repeat(recursion.mapped.code().start, PREDICTED, times);
}

/// The same without the check.
pub fn repeat_plain(recursion: Recursion, times: u64) {
    repeat(recursion.plain.start, PREDICTED, times);
}

/// Runs the plain recursion on the current task's go segment, which must have grown for it.
pub fn plain_here(recursion: Recursion, depth: u64) -> u64 {
    call_plain(recursion.plain.start, depth)
}

// ---- Growth ----

/// A fresh mapped task that descends to `depth` and returns, from spawn to join.
pub fn copied(scheduler: &Scheduler, recursion: Recursion, depth: u64) {
    let result = scheduler.spawn_mapped(recursion.mapped, (depth,)).join_or_resume();
    assert_eq!(result, depth);
}

/// A stack of 1 GB, mapped at once and resident where it has been touched, with a guard page.
pub struct Mapped1G {
    base: usize,
}

const GIB: usize = 1 << 30;

impl Mapped1G {
    pub fn new() -> io::Result<Mapped1G> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping; its lowest page is made the guard.
        unsafe {
            let base = libc::mmap(std::ptr::null_mut(), GIB, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if base == libc::MAP_FAILED || libc::mprotect(base, 4096, libc::PROT_NONE) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Mapped1G { base: base as usize })
        }
    }
}

impl Drop for Mapped1G {
    fn drop(&mut self) {
        // SAFETY: its own mapping, which no coroutine uses any more.
        unsafe { libc::munmap(self.base as *mut _, GIB) };
    }
}

// SAFETY: page-aligned, larger than MIN_STACK_SIZE, writable down to its guard page.
unsafe impl Stack for Mapped1G {
    fn base(&self) -> StackPointer {
        const { assert!(GIB > MIN_STACK_SIZE) };
        NonZeroUsize::new(self.base + GIB).expect("not zero")
    }
    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.base).expect("not zero")
    }
}

/// A fresh coroutine that descends to `depth` on `stack` and returns. Gives the stack back.
pub fn faulted(stack: Mapped1G, recursion: Recursion, depth: u64) -> Mapped1G {
    let mut coroutine = Coroutine::<(), (), u64, _>::with_stack(stack, move |_, ()| {
        // SAFETY: a plain recursion, and a stack of 1 GB.
        unsafe { bench_call_plain(recursion.plain.start, depth) }
    });
    match coroutine.resume(()) {
        CoroutineResult::Return(result) => assert_eq!(result, depth),
        CoroutineResult::Yield(()) => unreachable!("it does not yield"),
    }
    coroutine.into_stack()
}

/// `stacker`'s documentation: 32 KB of red zone, 1 MB per segment.
#[inline(never)]
fn linked_64(n: u64) -> u64 {
    stacker::maybe_grow(32 << 10, 1 << 20, || if n == 0 { 0 } else { black_box(linked_64(black_box(n - 1))) + 1 })
}

#[inline(never)]
fn linked_256(n: u64) -> u64 {
    stacker::maybe_grow(32 << 10, 1 << 20, || {
        let mut room = [0u64; 22];
        black_box(&mut room);
        if n == 0 { 0 } else { black_box(linked_256(black_box(n - 1))) + 1 }
    })
}

/// The same descent in Rust, with a call of `stacker::maybe_grow` in each frame.
pub fn linked(frame: usize, depth: u64) {
    let result = if frame == 64 { linked_64(depth) } else { linked_256(depth) };
    assert_eq!(result, depth);
}

// ---- Switches ----

/// Two Rust tasks that yield to each other; switches made.
pub fn switch_closures(scheduler: &Scheduler, each: u64) -> u64 {
    let handles = [(); 2].map(|()| scheduler.spawn(move || (0..each).for_each(|_| yield_now())));
    handles.into_iter().for_each(|h| h.join_or_resume());
    2 * each
}

/// Two mapped tasks that yield to each other; switches made.
pub fn switch_mapped(scheduler: &Scheduler, each: u64) -> u64 {
    let handles = [(); 2].map(|()| scheduler.spawn_mapped(yields::function(), (each,)));
    handles.into_iter().for_each(|h| h.join_or_resume());
    2 * each
}

/// A coroutine that is resumed and suspends itself; switches made. `corosensei` knows no scheduler: this is the switch alone.
pub fn switch_coroutine(each: u64) -> u64 {
    let stack = Mapped1G::new().expect("1 GB of addresses");
    let mut coroutine = Coroutine::with_stack(stack, move |yielder, ()| (0..each).for_each(|_| yielder.suspend(())));
    while let CoroutineResult::Yield(()) = coroutine.resume(()) {}
    2 * each
}

// ---- One move ----

static MOVE_NANOS: AtomicU64 = AtomicU64::new(0);
static MOVE_FRAMES: AtomicU64 = AtomicU64::new(0);
static MOVE_USED: AtomicU64 = AtomicU64::new(0);

fn note_move(m: &Move) {
    if (900..1100).contains(&m.frames) {
        MOVE_NANOS.store(m.time.as_nanos() as u64, Relaxed);
        MOVE_FRAMES.store(m.frames as u64, Relaxed);
        MOVE_USED.store(m.used as u64, Relaxed);
    }
}

/// The move of a stack of 64 KB, which 64-byte frames fill at depth 1000: nanoseconds, frames, bytes.
pub fn one_move(scheduler: &Scheduler) -> (f64, u64, usize) {
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(Some(note_move)) };
    copied(scheduler, count_64(), 1_100);
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(None) };
    let frames = MOVE_FRAMES.load(Relaxed);
    assert!(frames != 0, "no move at about 1000 frames");
    (MOVE_NANOS.load(Relaxed) as f64, frames, MOVE_USED.load(Relaxed) as usize)
}

/// `memcpy` of so many bytes between two resident buffers, nanoseconds. The buffers were written by somebody else in
/// between, as a stack is.
pub fn one_memcpy(bytes: usize) -> f64 {
    thread_local! {
        static BUFFERS: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    }
    BUFFERS.with_borrow_mut(|[from, to]| {
        from.resize(bytes, 1);
        to.resize(bytes, 2);
        from.fill(black_box(3));
        time(|| to.copy_from_slice(black_box(from)))
    })
}

// ---- Memory ----

/// Bytes of this process that are resident now.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages") * 4096
}

/// Resident bytes per task of `tasks` that are parked in mapped code.
fn parked_memory(tasks: usize) -> f64 {
    let scheduler = Scheduler::new();
    scheduler.spawn_mapped(count_64().mapped, (1,)).join_or_resume();
    let mut handles = Vec::with_capacity(tasks);
    // Its pages are the caller's, not the tasks'.
    handles.extend((0..tasks).map(|_| None));
    let before = resident();
    for handle in &mut handles {
        *handle = Some(scheduler.spawn_mapped(parks::function(), ()));
    }
    scheduler.run();
    let per_task = (resident() - before) as f64 / tasks as f64;
    for handle in handles.into_iter().flatten() {
        handle.task().unpark();
    }
    scheduler.run();
    per_task
}

// ---- Cold samples ----

const SAMPLE: &str = "MORESTACK_BENCH_SAMPLE";

/// One sample, or part of one, that needs a fresh process.
#[derive(Clone, Copy)]
pub enum Cold {
    Copied,
    Faulted,
    Linked,
    ParkedMemory,
}

/// Measures in a process of its own, which must call [`serve_child`] first. Nanoseconds (or bytes per task).
pub fn cold(what: Cold, frame: usize, depth: u64) -> f64 {
    let sample = format!("{} {frame} {depth}", what as u8);
    let exe = std::env::current_exe().expect("the running program has a path");
    let out = Command::new(exe).env(SAMPLE, sample).output().expect("it can be run again");
    assert!(out.status.success(), "a sample failed: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().parse().expect("a child prints its number")
}

/// In a process that [`cold`] has started: measures, prints the number, and says true.
pub fn serve_child() -> bool {
    let Ok(sample) = std::env::var(SAMPLE) else { return false };
    let numbers: Vec<u64> = sample.split(' ').map(|n| n.parse().expect("a number")).collect();
    let &[what, frame, depth] = &*numbers else { panic!("{SAMPLE}: three numbers") };
    println!("{}", cold_sample(what, count_of(frame as usize), depth));
    true
}

/// The code is run once before, shallow, so that what is cold is memory: ours and the kernel's work for it.
fn cold_sample(what: u64, recursion: Recursion, depth: u64) -> f64 {
    const SHALLOW: u64 = 4;
    if what == Cold::Copied as u64 {
        let scheduler = Scheduler::new();
        copied(&scheduler, recursion, SHALLOW);
        time(|| copied(&scheduler, recursion, depth))
    } else if what == Cold::Faulted as u64 {
        drop(faulted(Mapped1G::new().expect("1 GB of addresses"), recursion, SHALLOW));
        let mut keep = None;
        // Unmapping is not counted.
        time(|| keep = Some(faulted(Mapped1G::new().expect("1 GB of addresses"), recursion, depth)))
    } else if what == Cold::Linked as u64 {
        linked(recursion.frame, SHALLOW);
        time(|| linked(recursion.frame, depth))
    } else {
        parked_memory(depth as usize)
    }
}
