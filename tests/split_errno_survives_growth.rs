//! A stack may grow between a call of libc that has failed and the look at `errno`. Growth makes system calls that may fail, and
//! still leaves `errno` as it was.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use common::{caps, debug_mode};
use fresh::{ROOMY, task_with};
use morestack::sched::{self, Scheduler};
use morestack::stack;
use std::hint::black_box;
use std::io;

#[inline(never)]
fn sum(n: usize) -> usize {
    let local = black_box([n; 6]);
    if n == 0 { 0 } else { black_box(sum(n - 1)) + local[5] }
}

/// One that no call sets.
const ERRNO: i32 = 1234;

/// Grows, looks at `errno`, and stays there for a while.
#[inline(never)]
fn grow(n: usize) {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = ERRNO };
    let small = sum(300);
    let error = io::Error::last_os_error();
    assert_eq!((small, error.raw_os_error()), (300 * 301 / 2, Some(ERRNO)));
    if n > 0 {
        return grow(black_box(n - 1));
    }
    stay(400);
}

#[inline(never)]
fn stay(n: usize) {
    let local = black_box([n; 6]);
    if n == 0 {
        // SAFETY: as above.
        assert_eq!(unsafe { *libc::__errno_location() }, ERRNO);
        sched::park();
    } else {
        stay(n - 1);
    }
    assert_eq!(local[5], n);
}

#[test]
fn it_is_what_the_failed_call_has_left() {
    // Whatever is made once is made before the limit.
    task_with(ROOMY, || sum(2000));
    let arenas = stack::stats().arenas;
    // Under `fence` each segment is a mapping of its own, and no arena is.
    if cfg!(morestack_split) && !debug_mode("fence") {
        // The next arena, of 64 MB, will be refused, and half of it granted.
        common::limit_address_space(50 << 20);
    }
    let scheduler = Scheduler::new();
    let mut handles = Vec::new();
    for _ in 0..caps::tasks(2000) {
        handles.push(scheduler.builder().stack_size(ROOMY).spawn(|| grow(3)).unwrap());
        scheduler.run();
        if stack::stats().arenas > arenas {
            break;
        }
    }
    for handle in handles {
        handle.task().unpark();
        handle.join_or_resume();
    }
}
