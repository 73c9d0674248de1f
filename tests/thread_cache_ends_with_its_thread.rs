//! What a thread keeps goes back when it ends, whether it ran tasks or not.

use morestack::alloc::{ThreadCache, kept};
use morestack::runtime::Builder;
use std::hint::black_box;

#[path = "common/heap.rs"]
mod heap;

#[global_allocator]
static GLOBAL: ThreadCache = ThreadCache::new();

/// Leaves the calling thread with a full cache.
fn fill() {
    let strings: Vec<String> = (0..6000).map(|i| "x".repeat(900 + i % 100)).collect();
    black_box(&strings);
    drop(strings);
    assert!(kept() > ThreadCache::KEEP / 2, "{}", kept());
}

/// How much more is in use after `times` of `body` than after the first.
fn growth(times: usize, body: impl Fn()) -> usize {
    body();
    let before = heap::in_use();
    for _ in 0..times {
        body();
    }
    heap::in_use().saturating_sub(before)
}

/// One test, because all look at the heap of the process.
#[test]
fn threads_that_end_leave_nothing() {
    // 4 MB would stay of each.
    let more = growth(50, || std::thread::spawn(fill).join().unwrap());
    assert!(more < heap::NOISE, "threads: {more}");

    let more = growth(20, || {
        let runtime = Builder::new().workers(2).build().unwrap();
        let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(fill)).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
    assert!(more < 2 * heap::NOISE, "workers: {more}");

    // Threads that panic end like others.
    std::panic::set_hook(Box::new(|_| {}));
    let more = growth(20, || {
        std::thread::spawn(|| {
            fill();
            panic!("on purpose");
        })
        .join()
        .unwrap_err();
    });
    assert!(more < heap::NOISE, "panics: {more}");
}
