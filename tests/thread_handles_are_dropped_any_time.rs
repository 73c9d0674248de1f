//! Handles of every kind, dropped before the task starts, while it runs, while it is parked and after its end: what the task
//! owns is dropped once, and the task runs on.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::runtime;
use morestack::thread::{self, Builder, JoinHandle};
use places::{Counted, Drops, bounded, everywhere};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A task that owns a value, waits for its leave, and returns another value.
fn task(drops: &Drops, leave: &Arc<AtomicBool>) -> JoinHandle<Counted> {
    let (owned, result, leave) = (drops.value(), drops.value(), leave.clone());
    thread::spawn(move || {
        let _owned = owned;
        while !leave.load(Ordering::SeqCst) {
            thread::park_timeout(Duration::from_millis(1));
        }
        result
    })
}

#[test]
fn join_handles() {
    everywhere(|| {
        let (yes, no) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        // Before it starts, or just after.
        let drops = Drops::new();
        drop(task(&drops, &yes));
        drops.wait_for(2);
        // While it waits.
        let drops = Drops::new();
        let waiting = task(&drops, &no);
        thread::sleep(Duration::from_millis(5));
        assert_eq!(drops.count(), 0);
        drop(waiting);
        no.store(true, Ordering::SeqCst);
        drops.wait_for(2);
        // When it has ended.
        let drops = Drops::new();
        let ended = task(&drops, &yes);
        while !ended.is_finished() {
            thread::yield_now();
        }
        assert_eq!(drops.count(), 1, "the result is the handle's");
        drop(ended);
        assert_eq!(drops.count(), 2);
        // On another thread.
        let drops = Drops::new();
        let elsewhere = task(&drops, &yes);
        std::thread::spawn(move || drop(elsewhere)).join().unwrap();
        drops.wait_for(2);
        // In the middle of a panic.
        let drops = Drops::new();
        let unwound = task(&drops, &yes);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _unwound = unwound;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        drops.wait_for(2);
    });
}

#[test]
fn a_result_whose_drop_panics_harms_nobody() {
    struct Bomb(Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped, {}", std::mem::size_of_val(&self.0));
        }
    }
    everywhere(|| {
        let drops = Drops::new();
        for _ in 0..5 {
            let value = drops.value();
            drop(thread::spawn(move || Bomb(value)));
            let value = drops.value();
            let ended = thread::spawn(move || Bomb(value));
            while !ended.is_finished() {
                thread::yield_now();
            }
            drop(ended);
        }
        drops.wait_for(10);
    });
}

#[test]
fn names_of_tasks() {
    everywhere(|| {
        let leave = Arc::new(AtomicBool::new(false));
        let drops = Drops::new();
        let handle = task(&drops, &leave);
        let names: Vec<_> = (0..10).map(|_| handle.thread().clone()).collect();
        drop(handle);
        drop(names[1..].to_vec());
        leave.store(true, Ordering::SeqCst);
        names[0].unpark();
        drops.wait_for(2);
        drop(names);
    });
}

#[test]
fn builders() {
    let _unused = Builder::new().name("never spawned".to_owned()).stack_size(1 << 20).affinity(1);
}

/// Handles outlive their runtime.
#[test]
fn handles_of_a_runtime_that_is_gone() {
    bounded(|| {
        let drops = Drops::new();
        let runtime = runtime::Builder::new().workers(2).build().unwrap();
        let handles: Vec<_> = (0..40)
            .map(|i| {
                let value = drops.value();
                runtime.spawn(move || {
                    let _value = value;
                    if i % 2 == 0 {
                        thread::park();
                    }
                    i
                })
            })
            .collect();
        drop(runtime);
        let mut ended = 0;
        for (i, handle) in handles.into_iter().enumerate() {
            assert!(handle.is_finished());
            handle.thread().unpark();
            if i % 4 < 2 {
                match handle.join() {
                    Ok(number) => assert_eq!((number, number % 2), (i, 1)),
                    Err(_) => ended += 1,
                }
            }
        }
        assert!(ended >= 10, "those that parked were cancelled");
        assert_eq!(drops.count(), 40);
    });
}

/// One end that joins and one that drops, for as many moments as possible.
#[test]
fn drops_race_with_ends() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(2).build().unwrap();
        let drops = Drops::new();
        let spins = AtomicUsize::new(0);
        for round in 0..3000 {
            let value = drops.value();
            let handle = runtime.spawn(move || value);
            for _ in 0..round % 300 {
                spins.fetch_add(1, Ordering::Relaxed);
            }
            drop(handle);
        }
        drops.wait_for(3000);
    });
}
