//! 100,000 tasks at once, parked after a `format!` or in the middle of one. In a split build each takes less than 4 KB of memory,
//! in a plain one the pages of its big stack, which is printed.

mod common;

use common::{caps, role, run_child};
use morestack::sched::{Idle, JoinHandle, Scheduler, park};
use morestack::stack::debug;
use std::fmt;
use std::hint::black_box;

/// What a parked task may take in a split build, in bytes: its stack, its `G` and its closure, with what it computes.
// Frames that are not optimised are larger, and one more segment is linked.
const MOST: usize = if cfg!(debug_assertions) { 8192 } else { 4096 };

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Parks so many tasks that run `body`, measures them, and lets them end.
fn park_many(what: &str, n: usize, body: fn(usize) -> usize) {
    let scheduler = Scheduler::new();
    let n = caps::tasks(n);
    // What is made once.
    let first = scheduler.spawn(move || body(0));
    assert_eq!(scheduler.run(), Idle::Parked(1));
    let before = resident();
    let tasks: Vec<_> = (1..=n).map(|i| scheduler.spawn(move || body(i))).collect();
    assert_eq!(scheduler.run(), Idle::Parked(n + 1));
    let each = resident().saturating_sub(before) / n;
    eprintln!("{n} tasks parked, {what}: {each} bytes each");
    if cfg!(morestack_split) && debug::modes() == debug::Modes::default() {
        assert!(each < MOST, "{what}: {each} bytes each");
    }
    first.task().unpark();
    tasks.iter().map(JoinHandle::task).for_each(|task| task.unpark());
    assert_eq!(scheduler.run(), Idle::Finished);
    assert_eq!(first.join_or_resume(), body_length(0));
    for (i, task) in (1..).zip(tasks) {
        assert_eq!(task.join_or_resume(), body_length(i));
    }
}

/// What each body returns: the length of the number and of ten characters.
fn body_length(i: usize) -> usize {
    i.to_string().len() + 10
}

/// In a process of its own: what earlier tasks gave back would be used again, and not count.
fn in_child(name: &str, n: usize, body: fn(usize) -> usize) {
    match role() {
        Some(_) => park_many(name, n, body),
        None => {
            let ended = run_child(name, "child");
            print!("{}", ended.stderr);
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
}

#[test]
fn after_a_format() {
    in_child("after_a_format", 100_000, |i| {
        let length = black_box(format!("{i} {:.2} {:>4}", 1.5, "x")).len();
        park();
        length
    });
}

#[test]
fn inside_a_display_under_format() {
    struct Parks;
    impl fmt::Display for Parks {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            park();
            f.pad("x")
        }
    }
    in_child("inside_a_display_under_format", 100_000, |i| format!("{i} {:.2} {:>4}", 1.5, Parks).len());
}

/// The stack grows to 16 KB and more, each task's in turn, and is trimmed when the task parks.
#[test]
fn after_recursion() {
    #[inline(never)]
    fn sum(n: usize) -> usize {
        if n == 0 { 0 } else { black_box(sum(n - 1)) + n }
    }
    in_child("after_recursion", 20_000, |i| {
        assert_eq!(sum(200), 20_100);
        park();
        body_length(i)
    });
}
