//! Parked tasks, each after a `format!`. Their memory is what the process has more while they are parked: stacks, control blocks, handles, and, apart
//! from that, page tables, which the kernel does not count as resident.

use crate::report::{Memory, line, nanos};
use morestack::thread::{self, JoinHandle};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Gate {
    waiting: AtomicUsize,
    open: AtomicBool,
}

impl Gate {
    fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        while !self.open.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

/// Spawns `n` tasks, and returns when each has come to the gate.
fn park(n: usize, gate: &Arc<Gate>) -> Vec<JoinHandle<()>> {
    let tasks = (0..n)
        .map(|i| {
            let gate = gate.clone();
            thread::spawn(move || {
                // What a task has done before it waits leaves its mark: how far its stack has been used, or has grown.
                black_box(format!("task {i} waits"));
                gate.wait();
            })
        })
        .collect();
    while gate.waiting.load(Ordering::Relaxed) < n {
        thread::yield_now();
    }
    tasks
}

/// Wakes all of them and waits for their ends.
fn finish(tasks: Vec<JoinHandle<()>>, gate: &Gate) {
    gate.open.store(true, Ordering::Release);
    for task in &tasks {
        task.thread().unpark();
    }
    for task in tasks {
        task.join().expect("a parked task");
    }
}

pub fn run(n: usize) {
    thread::sleep(Duration::from_millis(20));
    let gate = Arc::new(Gate::default());
    let before = Memory::now();
    let begin = Instant::now();
    let tasks = park(n, &gate);
    let up = nanos(begin);
    thread::sleep(Duration::from_millis(200));
    let parked = Memory::now();
    let begin = Instant::now();
    finish(tasks, &gate);
    let down = nanos(begin);

    let resident = (parked.resident - before.resident) / n as f64;
    let page_tables = (parked.page_tables - before.page_tables) / n as f64;
    line(&format!("park_rss_{n}"), resident, "B/task");
    line(&format!("park_pagetables_{n}"), page_tables, "B/task");
    line(&format!("park_memory_{n}"), resident + page_tables, "B/task");
    line(&format!("park_spawn_{n}"), up / 1e6, "ms");
    line(&format!("park_finish_{n}"), down / 1e6, "ms");

    // A second time, on what the first has left in the pools.
    let gate = Arc::new(Gate::default());
    let begin = Instant::now();
    finish(park(n, &gate), &gate);
    line(&format!("park_total_again_{n}"), nanos(begin) / 1e6, "ms");
}
