//! Rust code that mapped code has called runs a scheduler of its own, whose task waits inside C. The big stack with C's frames is that
//! task's from then on, and nobody else's calls may go there.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/tasks.rs"]
mod tasks;

use morestack::sched::{Scheduler, park, yield_now};
use tasks::rust_twice;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        let inner = Scheduler::new();
        let waits = || {
            park();
            7
        };
        let parked: Vec<_> = (0..3).map(|i| inner.spawn(move || foreign::descend(i * 10, 256, waits))).collect();
        inner.run();
        for _ in 0..10 {
            yield_now();
        }
        for (i, task) in parked.into_iter().enumerate() {
            task.task().unpark();
            assert_eq!(task.join_or_resume(), i as u64 * 10 + 7);
        }
        n + 1
    }
}

#[test]
fn keep_their_tasks_c_frames() {
    let scheduler = Scheduler::new();
    let mapped: Vec<_> = (0..3).map(|i| scheduler.spawn_mapped(rust_twice::function(), (i,))).collect();
    let others: Vec<_> = (0..10)
        .map(|i| {
            scheduler.spawn(move || {
                for round in 0..20 {
                    let inside = || {
                        yield_now();
                        round
                    };
                    // Over all that may lie there.
                    assert_eq!(foreign::descend(50, 512, inside), 50 + round);
                    yield_now();
                }
                i
            })
        })
        .collect();
    for (i, task) in mapped.into_iter().enumerate() {
        assert_eq!(task.join_or_resume(), i as u64 + 1);
    }
    for (i, task) in others.into_iter().enumerate() {
        assert_eq!(task.join_or_resume(), i);
    }
}
