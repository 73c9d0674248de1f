//! A crowd: many who do the same at once, as tasks, as OS threads and mixed.

#![allow(dead_code, reason = "each test binary uses a part")]

use super::watchdog::Watchdog;
use morestack::runtime::{Builder, Runtime};
use morestack::sched::Scheduler;
use std::sync::Arc;

/// Who its members are.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Tasks of so many workers.
    Tasks(usize),
    Threads,
    /// Tasks of two workers, OS threads, and tasks of schedulers of their own, in turn.
    Mixed,
}

pub const KINDS: [Kind; 4] = [Kind::Tasks(1), Kind::Tasks(2), Kind::Threads, Kind::Mixed];

/// Runs the body so many times at once, and returns when all are done. It is given the member's number.
///
/// # Panics
/// If one has panicked.
pub fn crowd(kind: Kind, members: usize, body: impl Fn(usize) + Send + Sync + 'static) {
    let _watchdog = Watchdog::new(120);
    let body = Arc::new(body);
    let runtime = Builder::new().workers(if let Kind::Tasks(workers) = kind { workers } else { 2 }).build().unwrap();
    let members: Vec<_> = (0..members)
        .map(|i| {
            let body = body.clone();
            match (kind, i % 3) {
                (Kind::Tasks(_), _) | (Kind::Mixed, 0) => as_task(&runtime, move || body(i)),
                (Kind::Threads, _) | (Kind::Mixed, 1) => as_thread(move || body(i)),
                (Kind::Mixed, _) => as_thread(move || {
                    let scheduler = Scheduler::new();
                    let task = scheduler.spawn(move || body(i));
                    // It returns when nothing is ready, and others' wakes do not make it come back.
                    while !task.is_finished() {
                        scheduler.run();
                        std::thread::yield_now();
                    }
                    task.join_or_resume();
                }),
            }
        })
        .collect();
    members.into_iter().for_each(|join| join());
}

type Join = Box<dyn FnOnce()>;

fn as_task(runtime: &Runtime, body: impl FnOnce() + Send + 'static) -> Join {
    let task = runtime.spawn(body);
    Box::new(|| task.join().unwrap())
}

fn as_thread(body: impl FnOnce() + Send + 'static) -> Join {
    let thread = std::thread::spawn(body);
    Box::new(|| thread.join().unwrap())
}
