//! `thread::Builder`: settings that are kept, and those that are refused.

mod common;
#[path = "common/places.rs"]
mod places;
#[path = "common/tasks.rs"]
mod tasks;

use morestack::stack::StackError;
use morestack::thread::{self, Builder, MIN_STACK};
use morestack::{mapped_export, runtime};
use places::{Drops, bounded, everywhere, message};
use std::hint::black_box;
use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        n + 1
    }
}

#[test]
fn the_name_is_the_task_s() {
    everywhere(|| {
        let named = Builder::new().name("worker bee".to_owned()).spawn(|| thread::current().name().map(str::to_owned));
        let named = named.unwrap();
        assert_eq!(named.thread().name(), Some("worker bee"));
        assert_eq!(named.join().unwrap().as_deref(), Some("worker bee"));
        assert_eq!(thread::spawn(|| thread::current().name().map(str::to_owned)).join().unwrap(), None);
        let empty = Builder::new().name(String::new()).spawn(|| ()).unwrap();
        assert_eq!(empty.thread().name(), Some(""));
    });
}

#[test]
fn a_name_with_a_null_byte_panics() {
    everywhere(|| {
        let drops = Drops::new();
        let value = drops.value();
        let builder = Builder::new().name("a\0b".to_owned());
        let spawn = AssertUnwindSafe(|| builder.spawn(move || drop(value)));
        let payload = panic::catch_unwind(spawn).unwrap_err();
        assert_eq!(message(&*payload), "thread name may not contain interior null bytes");
        assert_eq!(drops.count(), 1);
    });
}

/// Uses about so much stack, and returns it.
#[inline(never)]
fn use_stack(bytes: usize) -> usize {
    let block = black_box([1u8; 4096]);
    if bytes <= block.len() { 4096 } else { use_stack(bytes - block.len()) + usize::from(block[0]) * 4096 }
}

#[test]
fn stacks_are_as_large_as_asked_for_and_at_least_the_minimum() {
    assert_eq!(MIN_STACK, 16 * 1024);
    everywhere(|| {
        for tiny in [0, 1, 4096] {
            let task = Builder::new().stack_size(tiny).spawn(|| use_stack(8 * 1024)).unwrap();
            assert_eq!(task.join().unwrap(), 8 * 1024);
        }
        let large = Builder::new().stack_size(16 << 20).spawn(|| use_stack(8 << 20)).unwrap();
        assert_eq!(large.join().unwrap(), 8 << 20);
        let boxed = Builder::new().stack_size(1).spawn(|| panic::catch_unwind(|| panic!("on little stack")).is_err());
        assert!(boxed.unwrap().join().unwrap());
    });
}

#[test]
fn an_absurd_stack_size_is_an_error() {
    everywhere(|| {
        let drops = Drops::new();
        for absurd in [usize::MAX, 1 << 50] {
            let value = drops.value();
            let error = Builder::new().stack_size(absurd).spawn(move || drop(value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let stack = error.get_ref().unwrap().downcast_ref::<StackError>().unwrap();
            assert!(matches!(stack, StackError::BadSize { size, .. } if *size == absurd));
        }
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn affinity_binds_to_a_worker() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(2).name("bound").build().unwrap();
        let here = || std::thread::current().name().unwrap().to_owned();
        for worker in [0, 1, 1, 0] {
            let bound = || Builder::new().affinity(worker);
            let expected = format!("bound-{worker}");
            // From outside, and from inside.
            assert_eq!(bound().spawn_on(&runtime, here).unwrap().join().unwrap(), expected);
            assert_eq!(runtime.run(|| bound().spawn(here).unwrap().join().unwrap()), expected);
            let name = runtime.run(|| thread::scope(|s| bound().spawn_scoped(s, here).unwrap().join().unwrap()));
            assert_eq!(name, expected);
        }
        let drops = Drops::new();
        let value = drops.value();
        let error = Builder::new().affinity(2).spawn_on(&runtime, move || drop(value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "affinity to worker 2, but the runtime has 2, counted from 0");
        assert_eq!(drops.count(), 1);
        let outside = Builder::new().affinity(usize::MAX).spawn(|| ()).unwrap_err();
        assert_eq!(outside.kind(), ErrorKind::InvalidInput);
        // A refused task of a scope is none of the scope's.
        thread::scope(|s| assert!(Builder::new().affinity(usize::MAX).spawn_scoped(s, || ()).is_err()));
        thread::scope(|s| {
            let spawn = || Builder::new().name("\0".to_owned()).spawn_scoped(s, || ());
            assert!(panic::catch_unwind(AssertUnwindSafe(spawn)).is_err());
        });
    });
}

/// A worker that has ended takes nothing, so what is bound to it ends unstarted.
#[test]
fn a_task_bound_to_a_worker_that_ends_is_dropped() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(2).build().unwrap();
        let (give, take) = std::sync::mpsc::channel::<runtime::Runtime>();
        let drops = Drops::new();
        let value = drops.clone();
        let spawner = move || {
            // In one of its own tasks this does not wait. Worker 0 ends at once, or after the first spawns.
            take.recv().unwrap().shutdown(Duration::from_secs(10));
            let spawn = |worker| {
                let value = value.value();
                Builder::new().affinity(worker).spawn(move || drop(value)).unwrap()
            };
            let mut bound: Vec<_> = (0..20).map(|i| spawn(i % 2)).collect();
            std::thread::sleep(Duration::from_millis(50));
            bound.extend((0..20).map(|i| spawn(i % 2)));
            bound
        };
        let spawner = Builder::new().affinity(1).spawn_on(&runtime, spawner).unwrap();
        give.send(runtime).unwrap();
        for bound in spawner.join().unwrap() {
            let why = bound.join().unwrap_err();
            assert_eq!(message(&*why), "the runtime was shut down before the task had started");
        }
        assert_eq!(drops.count(), 40);
    });
}

#[test]
fn spawn_on_goes_to_the_runtime_that_is_named() {
    everywhere(|| {
        let other = runtime::Builder::new().workers(1).name("other").build().unwrap();
        let task = Builder::new().spawn_on(&other, || std::thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(task.join().unwrap().as_deref(), Some("other-0"));
    });
}

#[test]
fn mapped_functions_are_spawned_too() {
    everywhere(|| {
        let add = Builder::new().name("adder".to_owned()).spawn_mapped(tasks::add::function(), (40, 2)).unwrap();
        assert_eq!(add.thread().name(), Some("adder"));
        assert_eq!(add.join().unwrap(), 42);
        let deep = Builder::new().max_stack(1 << 24).spawn_mapped(tasks::count::function(), (1000,)).unwrap();
        assert_eq!(deep.join().unwrap(), 1000);
        let many: Vec<_> =
            (0..100).map(|n| Builder::new().spawn_mapped(tasks::rust_twice::function(), (n,)).unwrap()).collect();
        for (n, task) in many.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), tasks::rust_twice(n as u64));
        }
    });
}

#[test]
fn spawn_unchecked_borrows() {
    everywhere(|| {
        let words = ["a".to_owned(), "b".to_owned()];
        // SAFETY: joined before the words are gone.
        let task = unsafe { Builder::new().spawn_unchecked(|| &words[1]) }.unwrap();
        assert_eq!(task.join().unwrap(), "b");
    });
}
