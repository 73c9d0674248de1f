//! Promises of stacks: a task that is spawned has none before it starts, yet the spawn is to fail if there will be none.
//!
//! What can fail is address space (and, on kernels without guard marks, the number of mappings). So it is counted: there are
//! never more promises than slots. A promise is held from a task's spawn to its end. The few stacks that are taken without
//! one (lent to mapped tasks, other coroutines') come on top, and can fail by themselves.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BigStack, default_class, guard, pool};
use crate::stack::debug::modes;
use crate::stack::error::StackError;
use crate::stack::split::undisturbed;

/// Promises that a thread takes at a time, so that a spawn is not a meeting at the counter; twice as many are kept at most.
const BATCH: usize = 64;

/// Promises given, those that the threads keep for their next spawns included.
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// A thread's promises for its next spawns. They go back when it ends.
struct Stock(Cell<usize>);

impl Drop for Stock {
    fn drop(&mut self) {
        GIVEN.fetch_sub(self.0.get(), Ordering::Relaxed);
    }
}

thread_local! {
    static STOCK: Stock = const { Stock(Cell::new(0)) };
}

/// Makes sure of a stack of the default size. `None`: it is promised, and is to be given back by [`unpromise`]. Or the stack
/// itself, where nothing less makes sure of it.
///
/// # Errors
/// As [`BigStack::new`].
#[inline]
pub(crate) fn promise() -> Result<Option<BigStack>, StackError> {
    let from_stock = STOCK.try_with(|stock| match stock.0.get() {
        0 => false,
        left => {
            stock.0.set(left - 1);
            true
        }
    });
    if from_stock == Ok(true) { Ok(None) } else { promise_slow() }
}

#[cold]
fn promise_slow() -> Result<Option<BigStack>, StackError> {
    let class = default_class()?;
    if !guard::has_marks() || modes().fence {
        return BigStack::new(None).map(Some);
    }
    let take = |count: usize| {
        let given = GIVEN.fetch_add(count, Ordering::Relaxed) + count;
        undisturbed(|| pool::ensure(class, given)).inspect_err(|_| {
            GIVEN.fetch_sub(count, Ordering::Relaxed);
        })
    };
    if take(BATCH).is_ok() {
        match STOCK.try_with(|stock| stock.0.set(stock.0.get() + BATCH - 1)) {
            Ok(()) => {}
            // The thread is ending.
            Err(_) => drop(GIVEN.fetch_sub(BATCH - 1, Ordering::Relaxed)),
        }
    } else {
        take(1)?;
    }
    Ok(None)
}

/// Gives a promise back.
#[inline]
pub(crate) fn unpromise() {
    let kept = STOCK.try_with(|stock| {
        let mut left = stock.0.get() + 1;
        if left > 2 * BATCH {
            left -= BATCH;
            GIVEN.fetch_sub(BATCH, Ordering::Relaxed);
        }
        stock.0.set(left);
    });
    if kept.is_err() {
        GIVEN.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_go_back_with_their_thread() {
        let before = GIVEN.load(Ordering::Relaxed);
        std::thread::spawn(|| {
            for _ in 0..1000 {
                promise().unwrap();
            }
            assert!(GIVEN.load(Ordering::Relaxed) >= 1000 || !guard::has_marks() || modes().fence);
            for _ in 0..1000 {
                if guard::has_marks() && !modes().fence {
                    unpromise();
                }
            }
        })
        .join()
        .unwrap();
        // Other tests may hold some, but none of a thousand.
        assert!(GIVEN.load(Ordering::Relaxed) < before + 1000);
    }
}
