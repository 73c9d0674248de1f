//! When a task has ended, all its segments are free again, wherever it has stood on the way: parked deep in a recursion, called back
//! by foreign code, in a call of a mapped function, unwound by a panic.

#[path = "common/caps.rs"]
mod caps;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;

use morestack::sched::{self, Scheduler};
use morestack::stack;
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn add(a: i32, b: i32) -> (i32, bool) = "primer.add";
    }
}

/// Does something below `n` frames.
#[inline(never)]
fn descend(n: usize, f: fn(usize)) {
    let local = black_box([n; 6]);
    if n == 0 {
        f(local[5]);
    } else {
        descend(n - 1, f);
    }
    assert_eq!(local[5], n);
}

fn in_a_callback(n: usize) {
    let mut depth = n;
    libc_callbacks::sort(&mut [2_u8, 1], |a, b| {
        depth += 1;
        descend(40, |_| sched::yield_now());
        a.cmp(b)
    });
    assert!(depth > n);
}

fn panicking(n: usize) {
    sched::yield_now();
    panic::resume_unwind(Box::new(n));
}

fn mapped(n: usize) {
    assert_eq!(add(n as i32, 32), (n as i32 + 32, true));
}

fn live() -> Vec<u64> {
    let stats = stack::stats();
    (0..stack::SIZES).map(|size| stats.live(size)).collect()
}

/// Tasks of all depths do this at once, on a thread of their own: its segments go back to where they are counted when it ends.
fn at_all_depths(name: &str, f: fn(usize)) {
    let tasks = move || {
        let scheduler = Scheduler::new();
        let handles: Vec<_> = (0..caps::depth(300))
            .map(|n| {
                let deep = move || drop(panic::catch_unwind(AssertUnwindSafe(|| descend(n, f))));
                scheduler.builder().stack_size(1 << 20).spawn(deep).unwrap()
            })
            .collect();
        for handle in handles {
            handle.join_or_resume();
        }
    };
    let before = live();
    for _ in 0..3 {
        std::thread::spawn(tasks).join().unwrap();
        assert_eq!(live(), before, "segments by size, after tasks that have {name}");
    }
}

#[test]
fn of_tasks_that_have_ended() {
    at_all_depths("done nothing", |_| {});
    at_all_depths("given way", |_| sched::yield_now());
    at_all_depths("given way in a callback", in_a_callback);
    at_all_depths("panicked", panicking);
    at_all_depths("called mapped code", mapped);
    at_all_depths("been a scheduler", |_| Scheduler::new().spawn(sched::yield_now).join_or_resume());
}
