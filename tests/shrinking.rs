//! The go segments of parked tasks that use less than a quarter are halved; what the tasks hold is right afterwards.

mod common;

use common::caps;
use morestack::sched::{Idle, JoinHandle, Scheduler, park, yield_now};
use morestack::stack::stats;
use std::sync::{Mutex, PoisonError};

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/shrinking.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
        fn using(depth: u64, hold: u64, how: u64) -> (u64, u64, u64) = "shrinking.use";
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "shrinking.rust")]
    fn shrinking_rust() {
        let here = [9_u64; 100];
        park();
        assert_eq!(std::hint::black_box(here), [9; 100]);
    }
}

/// Parks in mapped code, and in Rust that mapped code calls.
const IN_MAPPED: u64 = 0;
const IN_RUST: u64 = 1;

/// The counters are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn depth() -> u64 {
    caps::depth(20_000) as u64
}

/// A mapped task, a Rust task that calls mapped code, for each way to park.
fn sleepers(scheduler: &Scheduler, depth: u64, hold: u64) -> Vec<JoinHandle<(u64, u64, u64)>> {
    let both = |how| {
        let mapped = scheduler.spawn_mapped(using::function(), (depth, hold, how));
        [mapped, scheduler.spawn(move || using(depth, hold, how))]
    };
    [both(IN_MAPPED), both(IN_RUST)].into_iter().flatten().collect()
}

/// Wakes the task. Its sum is right; returns the sizes before and after its park.
fn wake(task: JoinHandle<(u64, u64, u64)>, hold: u64) -> (u64, u64) {
    task.task().unpark();
    let (sum, before, after) = task.join_or_resume();
    assert_eq!(sum, hold * (hold + 1) / 2);
    (before, after)
}

#[test]
fn of_parked_tasks_by_hand() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // What stays in use: a few hundred bytes, two KB, a tenth and a third of the whole.
    for hold in [0, 20, depth() / 30, depth() / 9] {
        let scheduler = Scheduler::new();
        let tasks = sleepers(&scheduler, depth(), hold);
        assert_eq!(scheduler.run(), Idle::Parked(4));
        let shrinks = stats().shrinks;
        let shrunk = scheduler.shrink_parked();
        assert_eq!(stats().shrinks - shrinks, shrunk as u64);
        assert_eq!(scheduler.shrink_parked(), 0, "one look is enough");
        let sizes: Vec<_> = tasks.into_iter().map(|task| wake(task, hold)).collect();
        // A frame of `hold` is 80 bytes, its locals, return address and saved frame pointer.
        let used = 80 * hold;
        for &(before, after) in &sizes {
            assert!(before >= 32 * depth() && before.is_power_of_two() && after.is_power_of_two(), "{sizes:?}");
            assert!(after > used && after <= before, "{sizes:?}");
            assert!(
                after == 2048 || after <= 4 * (used + 1024) || after == before,
                "less than a quarter used: {sizes:?}"
            );
            assert!(used + 1024 >= before / 4 || after < before, "{sizes:?}");
        }
        assert_eq!(shrunk, sizes.iter().filter(|(before, after)| after < before).count());
        assert!(hold > 20 || shrunk == 4, "{sizes:?}");
    }
}

#[test]
fn of_tasks_that_have_left_mapped_code() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scheduler = Scheduler::new();
    let task = scheduler.spawn(|| {
        assert_eq!(count(depth()), depth());
        park();
        count(depth())
    });
    // One that never had a segment, and one that has not started.
    let without = scheduler.spawn(park);
    assert_eq!(scheduler.run(), Idle::Parked(2));
    let fresh = scheduler.spawn_mapped(count::function(), (5,));
    assert_eq!((scheduler.shrink_parked(), scheduler.shrink_parked()), (1, 0));
    task.task().unpark();
    without.task().unpark();
    assert_eq!((task.join_or_resume(), fresh.join_or_resume()), (depth(), 5));
    without.join_or_resume();
}

#[test]
fn again_and_again() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scheduler = Scheduler::new();
    let n = caps::often(500) as u64;
    let task = scheduler.spawn(move || {
        for _ in 0..20 {
            let (sum, before, after) = using(n, 3, IN_RUST);
            assert_eq!(sum, 6);
            assert!(after < before);
        }
    });
    for round in 0..20 {
        assert_eq!(scheduler.run(), Idle::Parked(1));
        assert_eq!(scheduler.shrink_parked(), 1, "round {round}");
        task.task().unpark();
    }
    task.join_or_resume();
}

#[test]
fn by_itself_while_the_scheduler_runs() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scheduler = Scheduler::new();
    let hold = 10;
    let tasks = sleepers(&scheduler, depth(), hold);
    assert_eq!(scheduler.run(), Idle::Parked(4));
    let shrinks = stats().shrinks;
    // Another task that parks often; ready ones are left alone.
    let busy = scheduler.spawn(|| {
        assert_eq!(count(depth()), depth());
        for _ in 0..5_000 {
            morestack::sched::current().expect("in a task").unpark();
            park();
            yield_now();
        }
    });
    let pair = [(); 2].map(|()| scheduler.spawn(|| (0..10_000).for_each(|_| park())));
    while !pair[0].is_finished() || !pair[1].is_finished() {
        pair.iter().for_each(|task| task.task().unpark());
        scheduler.run();
    }
    busy.join_or_resume();
    assert_eq!(stats().shrinks - shrinks, 4);
    assert_eq!(scheduler.shrink_parked(), 0, "nothing is left to do");
    for task in tasks {
        let (before, after) = wake(task, hold);
        assert!(after < before / 4 && after <= 8192, "{before} {after}");
    }
}
