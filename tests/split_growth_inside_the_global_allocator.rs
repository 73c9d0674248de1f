//! A stack may grow in the middle of the program's allocator, which is ordinary Rust and holds a lock of its own there. So growth takes
//! no memory from it: neither for segments, nor for what is known of them, nor for another big stack.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::caps;
use fresh::{DEEP, ROOMY, depth, task_with};
use morestack::sched::{self, Scheduler};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use watchdog::Watchdog;

/// The system's allocator behind a lock. Who comes back while he holds it is told.
struct Locked;

#[global_allocator]
static GLOBAL: Locked = Locked;

/// Who holds the lock, by [`me`]; 0 for nobody.
static HOLDER: AtomicUsize = AtomicUsize::new(0);

/// What the allocator does under its lock.
#[derive(Clone, Copy, Default, PartialEq)]
enum Detour {
    #[default]
    None,
    /// Descends so many frames.
    Frames(usize),
    /// As many callbacks of C within one another.
    Callbacks(usize),
}

thread_local! {
    /// The next call's on this thread.
    static DETOUR: Cell<Detour> = const { Cell::new(Detour::None) };
}

/// The calling thread: an address of its own.
fn me() -> usize {
    DETOUR.with(|own| std::ptr::from_ref(own).addr())
}

struct Held;

impl Held {
    fn new() -> Held {
        let me = me();
        while let Err(holder) = HOLDER.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
            if holder == me {
                let said = b"the global allocator was used in the middle of the global allocator\n";
                // SAFETY: readable for its length.
                unsafe { libc::write(libc::STDERR_FILENO, said.as_ptr().cast(), said.len()) };
                std::process::abort();
            }
            std::thread::yield_now();
        }
        match DETOUR.take() {
            Detour::None => {}
            Detour::Frames(n) => assert_eq!(frames(n), n),
            Detour::Callbacks(n) => assert_eq!(callbacks(n), n),
        }
        Held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HOLDER.store(0, Ordering::Release);
    }
}

// SAFETY: System's, and nothing else is done with the blocks.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _held = Held::new();
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _held = Held::new();
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline(never)]
fn frames(n: usize) -> usize {
    let local = black_box([n; 6]);
    if n == 0 { 0 } else { black_box(frames(n - 1)) + local[5] - (n - 1) }
}

fn callbacks(n: usize) -> usize {
    if n == 0 {
        return 0;
    }
    let mut below = 0;
    libc_callbacks::sort(&mut [2_u8, 1], |a, b| {
        below = callbacks(n - 1);
        a.cmp(b)
    });
    below + 1
}

/// Allocates a block, and gives it back, both with this detour.
fn allocate_by(detour: Detour) {
    DETOUR.set(detour);
    let block = black_box(Box::new(77_u64));
    assert!(DETOUR.get() == Detour::None, "the allocator was not called");
    DETOUR.set(detour);
    drop(block);
    assert!(DETOUR.get() == Detour::None, "the allocator was not called");
}

#[test]
fn from_every_place_in_a_segment() {
    let _watchdog = Watchdog::new(120);
    for n in 0..300 {
        task_with(ROOMY, move || allocate_by(Detour::Frames(n)));
    }
}

/// So many tasks stand deep at once that growth has to make blocks and arenas for their segments, and write down what is in them.
fn deep_tasks(tasks: usize) {
    /// Goes on descending in the allocator, from where a task's segments have some ten KB.
    #[inline(never)]
    fn descend(n: usize) {
        if n == 0 {
            allocate_by(Detour::Frames(depth(600)));
            sched::yield_now();
            return;
        }
        let local = black_box([n; 6]);
        descend(n - 1);
        assert_eq!(local, [n; 6]);
    }
    let scheduler = Scheduler::new();
    let handles: Vec<_> = (0..caps::tasks(tasks))
        .map(|i| scheduler.builder().stack_size(ROOMY).spawn(move || descend(100 + i % 50)).unwrap())
        .collect();
    for handle in handles {
        handle.join_or_resume();
    }
}

#[test]
fn of_thousands_of_tasks() {
    let _watchdog = Watchdog::new(300);
    deep_tasks(3000);
}

#[test]
fn of_several_threads() {
    let _watchdog = Watchdog::new(300);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| deep_tasks(500));
        }
    });
}

/// So deep in callbacks that the first big stack is exhausted.
#[test]
fn which_needs_another_big_stack() {
    let _watchdog = Watchdog::new(300);
    let levels = depth(60_000);
    task_with(DEEP, move || allocate_by(Detour::Callbacks(levels)));
}
