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

    /// A value that is written before it is published, read while it is, and written when it is freed. loom's cell notices a race.
    struct Value(UnsafeCell<usize>);

    impl Value {
        fn new(number: usize) -> Box<Value> {
            let value = Box::new(Value(UnsafeCell::new(0)));
            // SAFETY: loom looks at who else is there.
            value.0.with_mut(|value| unsafe { *value = number });
            value
        }

        fn number(&self) -> usize {
            // SAFETY: as above.
            self.0.with(|value| unsafe { *value })
        }
    }

    impl Drop for Value {
        fn drop(&mut self) {
            // SAFETY: as above.
            self.0.with_mut(|value| unsafe { *value = usize::MAX });
        }
    }

    /// A reader, while the first value is published, replaced and taken away.
    fn read_while_replaced() {
        let published = Arc::new(Published::new());
        let reader = {
            let published = published.clone();
            thread::spawn(move || published.read().map_or(0, |value: published::Reading<'_, Value>| value.number()))
        };
        published.replace(Some(Value::new(1)));
        published.replace(Some(Value::new(2)));
        assert!(reader.join().unwrap() <= 2);
        published.replace(None);
        assert!(published.read().is_none());
    }

    /// Two readers, which may be counted on different sides, and a value that is replaced once.
    fn two_readers() {
        let published = Arc::new(Published::new());
        published.replace(Some(Value::new(1)));
        let readers = [(); 2].map(|()| {
            let published = published.clone();
            thread::spawn(move || published.read().map_or(0, |value: published::Reading<'_, Value>| value.number()))
        });
        published.replace(None);
        for reader in readers {
            assert!(reader.join().unwrap() <= 1);
        }
        // With nobody left, nothing stays.
        published.replace(None);
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
