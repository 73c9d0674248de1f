//! What is known of functions is read while it is replaced: a value is whole while it is read, and freed when nobody reads it.
//!
//! With `--cfg loom` the shipped file is checked by loom, in all interleavings of small models. Without, threads try it.

#[path = "../src/stack/frames/published.rs"]
mod published;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/stack/frames/sync.rs"]
mod sync;

use published::Published;
use std::sync::Arc;

#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::{Model, all_pass};
    use loom::cell::UnsafeCell;
    use loom::thread;

    /// What loom looks at in the place of the values' contents: written before a value is published, read while it is, and written
    /// when it is freed. The cells stay, so that a model of what is wrong reads a number too many, and no freed pointer.
    type Cells = Arc<[UnsafeCell<()>; 3]>;

    struct Value {
        number: usize,
        cells: Cells,
    }

    impl Value {
        fn new(number: usize, cells: &Cells) -> Box<Value> {
            cells[number].with_mut(|_| ());
            Box::new(Value { number, cells: cells.clone() })
        }
    }

    impl Drop for Value {
        fn drop(&mut self) {
            self.cells[self.number].with_mut(|_| ());
        }
    }

    fn cells() -> Cells {
        Arc::new([(); 3].map(UnsafeCell::new))
    }

    /// A thread that reads once. It returns the number that it has found, 0 for nothing.
    fn reader(published: &Arc<Published<Value>>, cells: &Cells) -> thread::JoinHandle<usize> {
        let (published, cells) = (published.clone(), cells.clone());
        thread::spawn(move || match published.read() {
            None => 0,
            Some(value) => {
                cells[value.number].with(|_| ());
                value.number
            }
        })
    }

    /// A reader, while the first value is published, replaced and taken away.
    fn read_while_replaced() {
        let (published, cells) = (Arc::new(Published::new()), cells());
        let reader = reader(&published, &cells);
        published.replace(Some(Value::new(1, &cells)));
        published.replace(Some(Value::new(2, &cells)));
        assert!(reader.join().unwrap() <= 2);
        published.replace(None);
        assert!(published.read().is_none());
    }

    /// Two readers, which may be counted on different sides, and a value that is taken away.
    fn two_readers() {
        let (published, cells) = (Arc::new(Published::new()), cells());
        published.replace(Some(Value::new(1, &cells)));
        let readers = [(); 2].map(|()| reader(&published, &cells));
        published.replace(None);
        for reader in readers {
            assert!(reader.join().unwrap() <= 1);
        }
        // With nobody left, nothing stays.
        published.replace(None);
        assert_eq!(Arc::strong_count(&cells), 1);
    }

    #[test]
    fn published() {
        let models: [Model; 2] =
            [("read while replaced", read_while_replaced, None), ("two readers", two_readers, Some(3))];
        all_pass(&["frames/published.rs"], &models).are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

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
