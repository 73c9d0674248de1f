//! What happens when a recursion outgrows its stack of 2 KB, and what the alternatives cost.
//!
//!     cargo run --release --example stack_growth [-- --depth N]

use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult};
use morestack::sched::Scheduler;
use morestack::stack::grow::{Move, set_move_hook};
use std::hint::black_box;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::{Duration, Instant};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/examples/asm/stack_growth.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        /// Calls itself `n` times and returns `n`.
        fn descend(n: u64) -> u64 = "demo.descend";
    }
}

unsafe extern "C" {
    /// The same without the check, on the stack of its caller.
    fn demo_call_unchecked(n: u64) -> u64;
}

/// Bytes per frame of the recursion.
const FRAME: u64 = 64;

/// So many frames fit into the largest stack that a task may have by default, 1 GB.
const MAX_DEPTH: u64 = 10_000_000;

static MOVES: Mutex<Vec<Move>> = Mutex::new(Vec::new());

/// Called after each move. The task waits meanwhile; this runs on its thread's own stack.
fn note(moved: &Move) {
    MOVES.lock().unwrap().push(*moved);
}

fn timed(f: impl FnOnce() -> u64, depth: u64) -> Duration {
    let begin = Instant::now();
    let result = f();
    let time = begin.elapsed();
    assert_eq!(result, depth, "each frame adds one");
    time
}

// ---- Copied ----

/// A new task that runs the mapped recursion, from its start on a stack of 2 KB to its end.
fn copied(scheduler: &Scheduler, depth: u64) -> Duration {
    timed(|| scheduler.spawn_mapped(descend::function(), (depth,)).join_or_resume(), depth)
}

// ---- Faulted ----

/// 1 GB of addresses; the kernel adds memory page by page, when one is first touched.
struct Lazy {
    base: usize,
}

const GIB: usize = 1 << 30;

impl Lazy {
    fn new() -> io::Result<Lazy> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a mapping of our own; its lowest page becomes the guard.
        unsafe {
            let base = libc::mmap(std::ptr::null_mut(), GIB, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if base == libc::MAP_FAILED || libc::mprotect(base, 4096, libc::PROT_NONE) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Lazy { base: base as usize })
        }
    }
}

impl Drop for Lazy {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and no coroutine is on it any more.
        unsafe { libc::munmap(self.base as *mut _, GIB) };
    }
}

// SAFETY: page-aligned, writable down to its guard page.
unsafe impl Stack for Lazy {
    fn base(&self) -> StackPointer {
        NonZeroUsize::new(self.base + GIB).unwrap()
    }
    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.base).unwrap()
    }
}

/// A new coroutine that runs the recursion without checks. Gives its stack back for the next.
fn faulted(stack: Lazy, depth: u64) -> Lazy {
    // SAFETY: the stack has room for MAX_DEPTH frames.
    let mut coroutine =
        Coroutine::<(), (), u64, _>::with_stack(stack, move |_, ()| unsafe { demo_call_unchecked(depth) });
    match coroutine.resume(()) {
        CoroutineResult::Return(result) => assert_eq!(result, depth),
        CoroutineResult::Yield(()) => unreachable!("it does not yield"),
    }
    coroutine.into_stack()
}

// ---- Linked by hand ----

/// In Rust, with a call of `maybe_grow` in each frame: with less than 32 KB left, go on in a new segment of 1 MB.
fn linked(n: u64) -> u64 {
    stacker::maybe_grow(32 << 10, 1 << 20, || if n == 0 { 0 } else { black_box(linked(black_box(n - 1))) + 1 })
}

// ---- What is printed ----

fn size(bytes: usize) -> String {
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{} KB", bytes >> 10),
        _ => format!("{} MB", bytes >> 20),
    }
}

/// 1234567 as 1,234,567.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn duration(time: Duration) -> String {
    match time.as_nanos() as f64 {
        ns if ns < 1e4 => format!("{ns:.0} ns"),
        ns if ns < 1e7 => format!("{:.0} us", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

fn show_moves(depth: u64, moves: &[Move], total: Duration) {
    let n = grouped(depth as usize);
    println!("A task calls a function that calls itself {n} times, {FRAME} bytes of stack each time.");
    let Some((first, last)) = moves.first().zip(moves.last()) else {
        println!("It starts on 2 KB of stack, and that is enough: nothing has to move. Try --depth 1000.\n");
        return;
    };
    println!("It starts on {} of stack, at {:#x}.", size(first.old.1), first.old.0);
    println!("Each time the stack is full, it moves to one of twice the size: the bytes in use go to the");
    println!("top of the new stack, and what pointed into the old one is adjusted, frame by frame.\n");
    println!("       from                    to                        bytes used      frames      took");
    for (i, m) in moves.iter().enumerate() {
        let place = |(lo, bytes): (usize, usize)| format!("{:>6} at {lo:#x}", size(bytes));
        let (used, frames) = (grouped(m.used), grouped(m.frames));
        println!("{:>4}. {} {} {used:>11} {frames:>11} {:>9}", i + 1, place(m.old), place(m.new), duration(m.time));
    }
    let moving: Duration = moves.iter().map(|m| m.time).sum();
    println!();
    println!(
        "At the bottom the stack had {}. {} moves took {} of the {} that the",
        size(last.new.1),
        moves.len(),
        duration(moving),
        duration(total)
    );
    println!("descent and the return took. The function ran on as if nothing had happened.\n");
}

struct Bar {
    name: &'static str,
    time: Duration,
}

fn show_chart(depth: u64, fresh: &[Bar], again: &[Bar]) {
    const WIDTH: f64 = 36.0;
    println!("Three ways to such a depth, measured in this run, in ns per frame (shorter is better):");
    let per_frame = |bar: &Bar| bar.time.as_nanos() as f64 / depth as f64;
    let longest = fresh.iter().chain(again).map(per_frame).fold(0.0, f64::max);
    for (title, bars) in [("on fresh memory", fresh), ("again, on the memory that is there now", again)] {
        println!("\n  {title}");
        for bar in bars {
            let length = (per_frame(bar) / longest * WIDTH).round().max(1.0) as usize;
            println!("    {:<15} {} {:.1}", bar.name, "#".repeat(length), per_frame(bar));
        }
    }
    println!();
    println!("  copied          2 KB at first, doubled by moving: this crate");
    println!("  faulted         the same instructions without the check in a coroutine (corosensei) with");
    println!("                  1 GB of addresses, which the kernel fills page by page");
    println!("  linked by hand  Rust code that calls stacker::maybe_grow in each frame; it gives every");
    println!("                  segment back at once, so its memory is always fresh");
    println!();
    println!("A stack that is faulted in needs no moves, but it takes 1 GB of addresses and a page of memory");
    println!("at least for every task. A copied one takes 2 KB until its task needs more.\n");
}

fn usage() -> ! {
    eprintln!("usage: stack_growth [--depth N]     N: calls, from 1 to {MAX_DEPTH}; 1000000 if not given");
    std::process::exit(2)
}

fn depth() -> u64 {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => 1_000_000,
        ["--depth", n] => match n.parse() {
            Ok(n @ 1..=MAX_DEPTH) => n,
            _ => usage(),
        },
        _ => usage(),
    }
}

fn main() -> io::Result<()> {
    let depth = depth();
    let scheduler = Scheduler::new();
    // What happens only once in a process shall not be measured.
    copied(&scheduler, 1);
    drop(faulted(Lazy::new()?, 1));
    linked(1);

    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(Some(note)) };
    let copied_fresh = copied(&scheduler, depth);
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(None) };
    show_moves(depth, &MOVES.lock().unwrap(), copied_fresh);

    let mut stack = Some(Lazy::new()?);
    let mut fault = || {
        timed(
            || {
                stack = stack.take().map(|s| faulted(s, depth));
                depth
            },
            depth,
        )
    };
    let (faulted_fresh, faulted_again) = (fault(), fault());
    let copied_again = copied(&scheduler, depth);
    let linked_fresh = timed(|| linked(depth), depth);
    let bar = |name, time| Bar { name, time };
    show_chart(
        depth,
        &[bar("copied", copied_fresh), bar("faulted", faulted_fresh), bar("linked by hand", linked_fresh)],
        &[bar("copied", copied_again), bar("faulted", faulted_again)],
    );

    println!("Functions in assembly that carry frame maps (\"mapped\", as the one above) grow by copying in every");
    println!("build. Rust closures run on reserved big stacks in a plain one, lazily filled like the second way");
    println!("above (256 KB of addresses unless said otherwise). In the split build, `cargo morestack run`, they");
    println!("start on 2 KB as well, and are copied or linked.");
    Ok(())
}
