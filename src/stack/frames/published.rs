//! A value that many may read at any moment, and that is replaced now and then: readers never wait and take no lock, not even in a
//! signal handler; a value that was replaced is freed when nobody can be reading it any more.
//!
//! ```text
//!     reader    readers[turn] += 1;  fence;  load current;  ... read ...;  readers[that turn] -= 1
//!     writer    swap current;  fence;  then look at both counters, again and again, and let new readers use the other one meanwhile
//! ```
//!
//! A counter that is 0 once, after the swap, has no reader left that could have loaded the old value: whoever has counted before has
//! left, and whoever counts later loads the new one, by the fences. Counting by turns is what lets a writer see a 0 although there is
//! always somebody reading. But a writer does not wait for that: what is still read stays in a list for the next writer. (In a child of
//! `fork`, whose other threads are gone in the middle of a read, it stays there for good.)

use super::sync::{Acquire, AtomicPtr, AtomicUsize, Relaxed, Release, SeqCst, const_fn, fence};
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// How often a writer looks at the counters before it leaves the rest to the next one. Reads last as long as a walk over a stack.
/// An odd number, so that readers who come now do not count where those have who kept the writer from finishing.
const LOOKS: usize = if cfg!(loom) { 1 } else { 7 };
const _: () = assert!(LOOKS % 2 == 1);

/// See the module's description.
pub(crate) struct Published<T> {
    current: AtomicPtr<T>,
    /// Which counter new readers use: the lowest bit. Either will do, so nothing is ordered by it.
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
pub(crate) struct Reading<'p, T> {
    value: &'p T,
    counter: &'p AtomicUsize,
}

impl<T> Published<T> {
    const_fn! {
        /// Without a value.
        pub(crate) fn new() -> Published<T> {
            Published {
                current: AtomicPtr::new(ptr::null_mut()),
                turn: AtomicUsize::new(0),
                readers: [AtomicUsize::new(0), AtomicUsize::new(0)],
                replaced: Mutex::new(Vec::new()),
            }
        }
    }

    /// The value as it is now; `None` if there is none, which costs one load.
    #[inline]
    pub(crate) fn read(&self) -> Option<Reading<'_, T>> {
        // Relaxed: who looks for something has learnt of it from whoever published it, and so reads that value or a later one.
        if self.current.load(Relaxed).is_null() { None } else { self.read_counted() }
    }

    #[cold]
    fn read_counted(&self) -> Option<Reading<'_, T>> {
        let counter = &self.readers[self.turn.load(Relaxed) & 1];
        counter.fetch_add(1, Relaxed);
        fence(SeqCst);
        let value = self.current.load(Acquire);
        // SAFETY: null, or a value that was published. A writer that has replaced it frees it only after it has found this counter at 0,
        // later than its swap and its fence. If that is before the addition above, the load above has found the swap's value, by the two
        // fences. Else it is after the subtraction in `drop`, whose release it acquires.
        match unsafe { value.as_ref() } {
            Some(value) => Some(Reading { value, counter }),
            None => {
                counter.fetch_sub(1, Relaxed);
                None
            }
        }
    }

    /// Puts `new` in the place of the value, and frees the old ones that nobody reads.
    pub(crate) fn replace(&self, new: Option<Box<T>>) {
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        // Writers exclude each other: acquiring is the lock's part.
        let old = self.current.swap(new.map_or(ptr::null_mut(), Box::into_raw), Release);
        fence(SeqCst);
        if !old.is_null() {
            // SAFETY: it came out of `Box::into_raw` here, and whoever takes it out of `current` is the only one to do so.
            replaced.push(Replaced { value: unsafe { Box::from_raw(old) }, seen: [false; 2] });
        }
        let mut free = Vec::new();
        for look in 0..LOOKS {
            for (side, counter) in self.readers.iter().enumerate() {
                if counter.load(Acquire) == 0 {
                    replaced.iter_mut().for_each(|old| old.seen[side] = true);
                }
            }
            free.extend(replaced.extract_if(.., |old| old.seen == [true; 2]).map(|old| old.value));
            if replaced.is_empty() {
                break;
            }
            self.turn.fetch_add(1, Relaxed);
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
        self.counter.fetch_sub(1, Release);
    }
}
