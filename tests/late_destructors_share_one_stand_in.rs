//! Mapped code called in the destructor of a thread-local, when the thread's own part of this library is gone: what stands
//! in for it is made once per thread, not once per call.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::sched::{Scheduler, yield_now};
use morestack::stack::{debug, stats};
use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, Ordering};
use tasks::{add, count};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

const CALLS: u64 = 1000;

static DONE: AtomicU64 = AtomicU64::new(0);

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        // A stand-in has a cache of its own, which goes to the pool for its first segment.
        let before = stats().refills;
        for i in 0..CALLS {
            assert_eq!(add(i, 1), i + 1);
            DONE.fetch_add(1, Ordering::Relaxed);
        }
        let scheduler = Scheduler::new();
        assert_eq!(scheduler.spawn(|| (yield_now(), count(10)).1).join_or_resume(), 10);
        assert_eq!(scheduler.spawn_mapped(count::function(), (10,)).join_or_resume(), 10);
        let refills = stats().refills - before;
        assert!(refills <= 2, "{refills} caches were filled");
        assert!(refills > 0 || debug::modes().fence, "the thread's own part is gone");
    }
}

thread_local! {
    static LATE: OnceCell<Late> = const { OnceCell::new() };
}

#[test]
fn of_the_thread_s_own_part() {
    let thread = std::thread::spawn(|| {
        LATE.with(|late| assert!(late.set(Late).is_ok()));
        // Its destructor runs first, since it is the younger.
        assert_eq!(add(1, 1), 2);
    });
    thread.join().unwrap();
    assert_eq!(DONE.load(Ordering::Relaxed), CALLS);
}
