//! A child that was forked while other threads take stack memory from the pools, and give it back, has stacks that grow: no lock of the
//! pools is taken there by a thread that the child does not have.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/watchdog.rs"]
mod watchdog;

use fresh::{ROOMY, below, task_with};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use watchdog::Watchdog;

/// Bytes of frames from a KB to a MB: segments of every kind.
const DEPTHS: [usize; 6] = [10, 100, 300, 1000, 5000, 20_000];

fn grow(frames: usize) -> usize {
    below(frames, &mut || frames)
}

#[test]
fn whatever_others_do() {
    let _watchdog = Watchdog::new(120);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for first in 0..2 {
            let done = &done;
            scope.spawn(move || {
                for round in (first..).step_by(2).take_while(|_| !done.load(Relaxed)) {
                    let frames = DEPTHS[round % DEPTHS.len()];
                    assert_eq!(task_with(ROOMY, move || grow(frames)), frames);
                }
            });
        }
        for round in 0..300 {
            let frames = DEPTHS[round % DEPTHS.len()];
            let status = task_with(ROOMY, move || {
                let mut child = Command::new("true");
                // SAFETY: nothing there allocates or locks, but for stack memory.
                unsafe {
                    child.pre_exec(move || {
                        if grow(frames) == frames { Ok(()) } else { Err(io::Error::other("a result has changed")) }
                    })
                };
                child.status()
            });
            assert!(status.unwrap().success());
        }
        done.store(true, Relaxed);
    });
}
