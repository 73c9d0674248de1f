//! A value that many may read at any moment, and that is replaced now and then: readers never wait and take no lock, not even in a
//! signal handler; a value that was replaced is freed when nobody can be reading it any more.
//!
//! ```text
//!     reader    readers[turn] += 1;  load current;  ... read ...;  readers[that turn] -= 1
//!     writer    swap current;  then look at both counters, again and again, and let new readers use the other one meanwhile:
//!               a counter that has been 0 since the swap has no reader left who could have loaded the old value
//! ```
//!
//! Counting by turns is what lets a writer finish although there is always somebody reading. A writer does not wait for that: what is
//! still read stays in a list for the next writer. (In a child of `fork`, whose other threads are gone in the middle of a read, it stays
//! there for good.)

use crate::stack::locked;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

/// How often a writer looks at the counters before it leaves the rest to the next one. Reads last as long as a walk over a stack.
const LOOKS: usize = 8;

/// See the module's description.
pub(super) struct Published<T> {
    current: AtomicPtr<T>,
    /// Which counter new readers use: the lowest bit.
    turn: AtomicUsize,
    readers: [AtomicUsize; 2],
    replaced: Mutex<Vec<Replaced<T>>>,
}

/// A value that has been replaced, and which counters have been 0 since.
struct Replaced<T> {
    value: Box<T>,
    seen: [bool; 2],
}

/// The value is being read.
pub(super) struct Reading<'p, T> {
    value: &'p T,
    counter: &'p AtomicUsize,
}

impl<T> Published<T> {
    pub(super) const fn new() -> Published<T> {
        Published {
            current: AtomicPtr::new(ptr::null_mut()),
            turn: AtomicUsize::new(0),
            readers: [AtomicUsize::new(0), AtomicUsize::new(0)],
            replaced: Mutex::new(Vec::new()),
        }
    }

    /// The value as it is now; `None` if there is none, which costs one load.
    #[inline]
    pub(super) fn read(&self) -> Option<Reading<'_, T>> {
        // Relaxed: who looks for something has learnt of it from whoever published it, and so reads that value or a later one.
        if self.current.load(std::sync::atomic::Ordering::Relaxed).is_null() { None } else { self.read_counted() }
    }

    #[cold]
    fn read_counted(&self) -> Option<Reading<'_, T>> {
        let counter = &self.readers[self.turn.load(SeqCst) & 1];
        counter.fetch_add(1, SeqCst);
        let value = self.current.load(SeqCst);
        // SAFETY: null, or a value that was published. A writer that replaces it frees it only after it has seen this counter at 0
        // later than its swap. If it sees that before the addition above, then the load above comes after its swap in the one order
        // of all SeqCst operations, and has not loaded that value. Else it has to wait for the subtraction in `drop`.
        match unsafe { value.as_ref() } {
            Some(value) => Some(Reading { value, counter }),
            None => {
                counter.fetch_sub(1, SeqCst);
                None
            }
        }
    }

    /// Puts `new` in the place of the value, and frees the old ones that nobody reads.
    pub(super) fn replace(&self, new: Option<Box<T>>) {
        let mut replaced = locked(&self.replaced);
        let old = self.current.swap(new.map_or(ptr::null_mut(), Box::into_raw), SeqCst);
        if !old.is_null() {
            // SAFETY: it came out of `Box::into_raw` here, and whoever takes it out of `current` is the only one to do so.
            replaced.push(Replaced { value: unsafe { Box::from_raw(old) }, seen: [false; 2] });
        }
        let mut free = Vec::new();
        for look in 0..LOOKS {
            for (side, counter) in self.readers.iter().enumerate() {
                if counter.load(SeqCst) == 0 {
                    replaced.iter_mut().for_each(|old| old.seen[side] = true);
                }
            }
            free.extend(replaced.extract_if(.., |old| old.seen == [true; 2]).map(|old| old.value));
            if replaced.is_empty() {
                break;
            }
            self.turn.fetch_add(1, SeqCst);
            if look > 0 {
                std::thread::yield_now();
            }
        }
        // Not under the lock: what a value owns is its own affair.
        drop(replaced);
        drop(free);
    }
}

impl<T> std::ops::Deref for Reading<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T> Drop for Reading<'_, T> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    /// Says when it is freed, and what it was.
    struct Value(usize, Arc<AtomicUsize>);

    impl Drop for Value {
        fn drop(&mut self) {
            self.0 = usize::MAX;
            self.1.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_value_stays_while_it_is_read() {
        let freed = Arc::new(AtomicUsize::new(0));
        let published = Published::new();
        assert!(published.read().is_none());
        published.replace(Some(Box::new(Value(1, freed.clone()))));
        let first = published.read().unwrap();
        published.replace(Some(Box::new(Value(2, freed.clone()))));
        assert_eq!((first.0, published.read().unwrap().0, freed.load(SeqCst)), (1, 2, 0));
        // Others come and go meanwhile, and are not in the way.
        let second = published.read().unwrap();
        drop(first);
        published.replace(None);
        assert_eq!((second.0, freed.load(SeqCst)), (2, 1));
        drop(second);
        assert!(published.read().is_none());
        published.replace(None);
        assert_eq!(freed.load(SeqCst), 2);
    }

    #[test]
    fn readers_on_other_threads_see_whole_values() {
        let freed = Arc::new(AtomicUsize::new(0));
        let (published, stop) = (Published::new(), AtomicBool::new(false));
        published.replace(Some(Box::new(Value(0, freed.clone()))));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !stop.load(SeqCst) {
                        let value = published.read().unwrap();
                        assert!((last..=20_000).contains(&value.0), "{} after {last}", value.0);
                        last = value.0;
                    }
                });
            }
            for number in 1..=20_000 {
                published.replace(Some(Box::new(Value(number, freed.clone()))));
            }
            stop.store(true, SeqCst);
        });
        published.replace(None);
        assert_eq!(freed.load(SeqCst), 20_001, "nothing is kept");
    }
}
