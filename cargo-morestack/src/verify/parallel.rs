//! Work on all functions of a binary at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` for each number below `len`, on all processors.
pub(super) fn in_parallel<L>(
    len: usize,
    local: impl Fn() -> L + Sync,
    work: impl Fn(usize, &mut L) + Sync,
    done: impl Fn(L) + Sync,
) {
    // Few enough that all threads end together, many enough that the counter is cold.
    const BATCH: usize = 32;
    let next = AtomicUsize::new(0);
    let run = || {
        let mut mine = local();
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= len {
                break;
            }
            for index in start..len.min(start + BATCH) {
                work(index, &mut mine);
            }
        }
        done(mine);
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
}
