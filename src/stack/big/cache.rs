//! A few hot stacks per OS thread, of the default size, so that taking and freeing one is a few nanoseconds without a lock.

use std::cell::Cell;

use super::arena::Class;
use super::{default_class, pool};
use crate::arch;
use crate::stack::debug::modes;
use crate::stack::error::StackError;
use crate::stack::split::undisturbed;

/// Stacks that a cache holds. They keep whatever memory was touched on them, so a thread may hold on to 32 * 252 KB, until it
/// idles. With so many, a burst of tasks that start and end goes to the pool once in 16 times.
const CAPACITY: usize = 32;

/// How many stacks ahead the top of one is fetched, and how many cache lines of it: a task's `G` and its first frames.
const AHEAD: usize = 2;
const LINES: usize = 8;

/// How many move between a full or empty cache and the pool at a time, so that neither repeats at once.
const BATCH: usize = CAPACITY / 2;

/// The free stacks at hand of one OS thread. [`BigStack::new`](super::BigStack::new) and its drop use the calling thread's;
/// it returns what it holds to the pool when its thread ends.
#[derive(Debug)]
pub struct BigCache {
    /// The first `len` entries are free stacks of the default class, by `hi`, live in the arena's eyes and owned by this cache.
    stacks: [Cell<usize>; CAPACITY],
    len: Cell<usize>,
}

thread_local! {
    static CACHE: BigCache = const { BigCache { stacks: [const { Cell::new(0) }; CAPACITY], len: Cell::new(0) } };
}

impl BigCache {
    /// Returns what the calling thread's cache holds to the pool, and its excess memory to the kernel. For a thread that is
    /// about to idle.
    pub fn flush() {
        let _ = undisturbed(|| CACHE.try_with(|cache| cache.give(CAPACITY)));
    }

    #[inline]
    fn pop(&self) -> Option<usize> {
        let len = self.len.get().checked_sub(1)?;
        self.len.set(len);
        // A burst of tasks that start takes one stack after the other, each in a page that nobody has touched for long. The one
        // after the next is on its way while these run.
        if let Some(soon) = len.checked_sub(AHEAD) {
            let hi = self.stacks[soon].get();
            for line in 1..=LINES {
                arch::prefetch_write(hi - line * 64);
            }
        }
        Some(self.stacks[len].get())
    }

    #[cold]
    fn refill(&self, class: Class) {
        let mut batch = [0; BATCH];
        let taken = pool::take_free(class, &mut batch);
        for (slot, hi) in self.stacks.iter().zip(&batch[..taken]) {
            slot.set(*hi);
        }
        self.len.set(taken);
    }

    /// Returns the oldest, and so coldest, `count` stacks to the pool.
    #[cold]
    fn give(&self, count: usize) {
        let Ok(class) = default_class() else { return };
        let len = self.len.get();
        let count = count.min(len);
        pool::give_all(self.stacks[..count].iter().map(Cell::get), class);
        for i in count..len {
            self.stacks[i - count].set(self.stacks[i].get());
        }
        self.len.set(len - count);
    }
}

impl Drop for BigCache {
    fn drop(&mut self) {
        undisturbed(|| self.give(CAPACITY));
    }
}

/// A stack of the default class. The caller owns it.
#[inline]
pub(super) fn alloc(class: Class) -> Result<usize, StackError> {
    // The cache of a thread that is ending may be gone; then the pool serves.
    let cached = CACHE.try_with(|cache| {
        if let Some(hi) = cache.pop() {
            return Some(hi);
        }
        cache.refill(class);
        cache.pop()
    });
    match cached {
        Ok(Some(hi)) => Ok(hi),
        _ => pool::take(class),
    }
}

/// Takes back a stack of the default class that the caller owned.
#[inline]
pub(super) fn free(hi: usize, class: Class) {
    let cached = !modes().fence
        && CACHE
            .try_with(|cache| {
                if cache.len.get() == CAPACITY {
                    cache.give(BATCH);
                }
                let len = cache.len.get();
                cache.stacks[len].set(hi);
                cache.len.set(len + 1);
            })
            .is_ok();
    if !cached {
        pool::give(hi, class);
    }
}
