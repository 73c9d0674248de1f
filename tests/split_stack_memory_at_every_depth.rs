//! Code that takes and gives back stack memory may itself find its stack full at any point. What it works on, growth works on
//! too: caches of the thread, pools and their locks.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;
#[path = "segments_common/mod.rs"]
mod segments_common;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::caps;
use fresh::{DEEP, below};
use morestack::stack::big::{self, BigCache, BigStack};
use morestack::stack::{self, StackCache};
use morestack::thread;
use segments_common::{check, mark};
use std::cell::RefCell;
use std::panic;
use watchdog::Watchdog;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn add(a: i32, b: i32) -> (i32, bool) = "primer.add";
    }
}

/// Depths, in frames of some 80 bytes: 128 KB, so that segments of all kinds but the largest are taken at some of them.
const DEPTHS: usize = 1600;

/// A big stack for the frames of a plain build, unoptimised.
const STACK: usize = (2 << 20) - 4096;

/// Does it once at each depth, in tasks of several workers at a time.
fn at_every_depth(operation: fn(usize)) {
    let _watchdog = Watchdog::new(300);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in 0..caps::depth(DEPTHS) {
                    let task = move || below(n, &mut || operation(n));
                    let task = thread::Builder::new().stack_size(STACK).spawn(task).unwrap();
                    task.join().unwrap_or_else(|payload| panic::resume_unwind(payload));
                }
            });
        }
    });
}

thread_local! {
    static CACHE: RefCell<StackCache> = const { RefCell::new(StackCache::new()) };
}

/// Sizes of each kind: from the thread's lists, from blocks, mapped.
const SIZES: [usize; 5] = [2 << 10, 32 << 10, 64 << 10, 128 << 10, 512 << 10];

#[test]
fn segments_are_taken_and_given_back() {
    at_every_depth(|n| {
        CACHE.with_borrow_mut(|cache| {
            let size = SIZES[n % SIZES.len()];
            let one = cache.alloc(size).unwrap();
            let other = cache.alloc(size).unwrap();
            mark(&one, 1024, n as u64);
            mark(&other, 1024, !n as u64);
            check(&one, 1024, n as u64);
            cache.free(one);
            check(&other, 1024, !n as u64);
            cache.free(other);
        });
    });
}

#[test]
fn segments_are_moved() {
    at_every_depth(|n| {
        CACHE.with_borrow_mut(|cache| {
            let size = SIZES[n % SIZES.len()];
            let small = cache.alloc(size).unwrap();
            mark(&small, 1024, n as u64);
            let large = cache.relocate(small, 1024, 2 * size).unwrap();
            check(&large, 1024, n as u64);
            cache.free(large);
        });
    });
}

#[test]
fn caches_are_flushed_and_memory_is_released() {
    at_every_depth(|n| {
        CACHE.with_borrow_mut(|cache| {
            let segment = cache.alloc(SIZES[n % SIZES.len()]).unwrap();
            cache.free(segment);
            cache.flush();
        });
        stack::release_idle();
        assert!(stack::stats().allocs[0] > 0);
    });
}

#[test]
fn caches_are_dropped() {
    at_every_depth(|n| {
        let mut cache = Box::new(StackCache::new());
        let segment = cache.alloc(SIZES[n % SIZES.len()]).unwrap();
        cache.free(segment);
    });
}

#[test]
fn big_stacks_are_taken_and_given_back() {
    at_every_depth(|n| {
        let kept = BigStack::new(None).unwrap();
        let sized = BigStack::new(Some([5_000, 100_000, 1 << 20][n % 3])).unwrap();
        assert!(kept.hi() <= sized.lo() || sized.hi() <= kept.lo(), "two stacks overlap");
        drop(kept);
        if n % 5 == 0 {
            BigCache::flush();
        }
        drop(sized);
        assert!(big::stats().allocated >= 2);
    });
}

#[test]
fn mapped_tasks_are_spawned() {
    at_every_depth(|n| {
        let task = thread::Builder::new().spawn_mapped(add::function(), (n as i32, 32)).unwrap();
        assert_eq!(task.join().unwrap(), (n as i32 + 32, true));
    });
}

#[test]
fn mapped_functions_are_called() {
    at_every_depth(|n| assert_eq!(add(n as i32, 32), (n as i32 + 32, true)));
}

#[test]
fn tasks_are_spawned() {
    at_every_depth(|n| {
        let tasks: [_; 3] = std::array::from_fn(|i| thread::spawn(move || n + i));
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), n + i);
        }
    });
}

/// Foreign code that calls back exhausts its big stack somewhere in here, and another one is needed. At each level a big stack of the
/// same size is taken.
#[test]
fn big_stacks_are_taken_where_foreign_code_has_exhausted_one() {
    fn level(n: usize) {
        drop(BigStack::new(Some(big::DEFAULT_SIZE)).unwrap());
        if n > 0 {
            libc_callbacks::sort(&mut [2_u8, 1], |a, b| {
                level(n - 1);
                a.cmp(b)
            });
        }
    }
    let _watchdog = Watchdog::new(300);
    let levels = fresh::depth(40_000);
    for shift in 0..caps::depth(20) {
        let before = big::stats().allocated;
        let task = move || below(shift, &mut || level(levels));
        thread::Builder::new().stack_size(DEEP).spawn(task).unwrap().join().unwrap();
        if shift == 0 && levels == 40_000 && cfg!(morestack_split) {
            assert!(big::stats().allocated > before, "one big stack was enough");
        }
    }
}
