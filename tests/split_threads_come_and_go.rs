//! While tasks grow, call back from C and use big stacks, OS threads and whole runtimes start and end around them, with tasks of
//! their own, and what one gave back another uses. (Under the debug mode `poison` it is filled with garbage in between.)

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;
#[path = "common/work.rs"]
mod work;

use fresh::{ROOMY, below, depth, task_with};
use morestack::sched::{self, Scheduler};
use morestack::{runtime, thread};
use quiet::{Expected, number, quiet};
use std::cell::RefCell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use watchdog::Watchdog;
use work::SECTIONS;

#[inline(never)]
fn sum(n: usize) -> usize {
    let local = black_box([n; 6]);
    if n == 0 { 0 } else { black_box(sum(n - 1)) + local[5] }
}

/// Grows, calls back from C, panics, and gives way in each.
fn mix(i: usize) {
    let n = depth(100 + i % 7 * 300);
    assert_eq!(sum(n), n * (n + 1) / 2);
    let mut numbers: Vec<usize> = (0..20).map(|k| (k * 37 + i) % 101).collect();
    libc_callbacks::sort(&mut numbers, |a, b| {
        if (a + b).is_multiple_of(9) {
            sched::yield_now();
            assert_eq!(sum(100), 5050);
        }
        a.cmp(b)
    });
    assert!(numbers.is_sorted());
    let panicking = || foreign::call(|| below(50, &mut || panic_any(Expected(i as u64))));
    assert_eq!(number(catch_unwind(AssertUnwindSafe(panicking)).unwrap_err()), i as u64);
    let result = foreign::descend(10, 2048, || {
        sched::yield_now();
        format!("{:>3}", sum(20)).len() as u64
    });
    assert_eq!(result, 13);
}

thread_local! {
    /// Ends with its thread, deep in recursion and in a task.
    static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

static ENDED: AtomicUsize = AtomicUsize::new(0);

struct AtTheEnd;

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let n = depth(2000);
        assert_eq!(sum(n), n * (n + 1) / 2);
        task_with(ROOMY, || mix(3));
        ENDED.fetch_add(1, SeqCst);
    }
}

#[test]
fn around_tasks_that_grow() {
    let _watchdog = Watchdog::new(180);
    quiet(&[]);
    let done = AtomicBool::new(false);
    let rounds = 60;
    let done = &done;
    std::thread::scope(|scope| {
        // Those who stay, on a runtime and on schedulers of their own.
        let stay = move |seed: usize| {
            let mut i = seed;
            while !done.load(SeqCst) {
                let scheduler = Scheduler::new();
                let tasks: Vec<_> =
                    (0..10).map(|k| scheduler.builder().stack_size(ROOMY).spawn(move || mix(i + k)).unwrap()).collect();
                tasks.into_iter().for_each(|task| task.join_or_resume());
                i += 1;
            }
        };
        scope.spawn(move || stay(0));
        scope.spawn(move || {
            let runtime = runtime::Builder::new().workers(2).build().unwrap();
            let mut i = 0;
            while !done.load(SeqCst) {
                let tasks: Vec<_> = (0..10)
                    .map(|k| thread::Builder::new().stack_size(ROOMY).spawn_on(&runtime, move || mix(i + k)).unwrap())
                    .collect();
                tasks.into_iter().for_each(|task| task.join().unwrap());
                i += 1;
            }
        });
        // Those who come and go.
        for round in 0..rounds {
            let thread = scope.spawn(move || {
                LAST.set(Some(AtTheEnd));
                let (_, section) = SECTIONS[round % SECTIONS.len()];
                let expected = section();
                assert_eq!(task_with(ROOMY, move || below(round % 20, &mut || section())), expected);
                mix(round);
            });
            if round.is_multiple_of(3) {
                let runtime = runtime::Builder::new().workers(1 + round % 2).build().unwrap();
                let tasks: Vec<_> = (0..5)
                    .map(|k| {
                        thread::Builder::new().stack_size(ROOMY).spawn_on(&runtime, move || mix(round + k)).unwrap()
                    })
                    .collect();
                if round.is_multiple_of(2) {
                    tasks.into_iter().for_each(|task| task.join().unwrap());
                } else {
                    // Ends with tasks in the middle of it, which are unwound.
                    drop(tasks);
                }
            }
            thread.join().unwrap();
        }
        done.store(true, SeqCst);
    });
    assert_eq!(ENDED.load(SeqCst), rounds);
}
