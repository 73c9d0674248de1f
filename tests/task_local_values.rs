//! `task_local!`: values of a task's own, made on first use and dropped at its end.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::sched::Scheduler;
use morestack::thread::{self, AccessError, Builder};
use morestack::{mapped_export, runtime, task_local};
use places::{Counted, Drops, bounded, everywhere};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;

task_local! {
    static NUMBER: Cell<u32> = const { Cell::new(5) };
    /// With an attribute, and what is not Send.
    pub(crate) static SHARED: Rc<Cell<u32>> = Rc::new(Cell::new(1));
    static NAMES: RefCell<Vec<&'static str>> = RefCell::new(vec!["made"])
}

#[test]
fn each_task_has_its_own() {
    everywhere(|| {
        NUMBER.set(10);
        let tasks: Vec<_> = (0..20)
            .map(|i| {
                thread::spawn(move || {
                    assert_eq!(NUMBER.get(), 5);
                    for round in 0..10 {
                        NUMBER.set(i * 100 + round);
                        SHARED.with(|shared| shared.set(i));
                        thread::yield_now();
                        assert_eq!(NUMBER.get(), i * 100 + round);
                        assert_eq!(SHARED.with(|shared| shared.get()), i);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(NUMBER.get(), 10);
    });
}

#[test]
fn outside_tasks_each_os_thread_has_one() {
    std::thread::spawn(|| {
        NUMBER.set(1);
        assert_eq!(std::thread::spawn(|| NUMBER.replace(2)).join().unwrap(), 5);
        assert_eq!(NUMBER.get(), 1);
        // A scheduler's task on this very thread has its own.
        let scheduler = Scheduler::new();
        assert_eq!(scheduler.spawn(|| NUMBER.get()).join().unwrap(), 5);
        assert_eq!(NUMBER.get(), 1);
    })
    .join()
    .unwrap();
}

#[test]
fn the_conveniences_do_what_std_s_do() {
    everywhere(|| {
        task_local! {
            static LAZY: Cell<u32> = unreachable!("`set` calls no initialiser");
            static LIST: RefCell<Vec<u32>> = unreachable!("`set` calls no initialiser");
        }
        std::thread_local!(static STD: Cell<u32> = const { Cell::new(0) });
        LAZY.set(3);
        LAZY.set(4);
        STD.set(LAZY.get());
        assert_eq!((LAZY.replace(9), LAZY.take(), LAZY.get(), STD.get()), (4, 9, 0, 4));
        LIST.set(vec![1]);
        LIST.set(vec![2]);
        LIST.with_borrow_mut(|list| list.push(3));
        assert_eq!(LIST.with_borrow(Vec::len), 2);
        assert_eq!((LIST.replace(vec![]), LIST.take()), (vec![2, 3], vec![]));
        assert_eq!(NAMES.take(), ["made"]);
        LAZY.try_with(|value| value.set(8)).unwrap();
        assert_eq!(LAZY.with(Cell::get), 8);
    });
}

#[test]
fn an_initialiser_may_use_its_own_key() {
    everywhere(|| {
        thread_local!(static MADE: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) });
        struct Value(u32);
        impl Drop for Value {
            fn drop(&mut self) {
                MADE.with_borrow_mut(|made| made.push(self.0));
            }
        }
        task_local! {
            static DEPTH: Cell<u32> = const { Cell::new(0) };
            static RECURSIVE: Value = {
                DEPTH.set(DEPTH.get() + 1);
                let depth = DEPTH.get();
                if depth < 3 {
                    RECURSIVE.with(|inner| assert_eq!(inner.0, depth + 1));
                }
                Value(depth)
            };
        }
        // One OS thread, so that the destructors write where this looks.
        let scheduler = Scheduler::new();
        let task = scheduler.spawn(|| {
            assert_eq!(RECURSIVE.with(|value| value.0), 1);
            assert_eq!(MADE.take(), [3, 2], "replaced, as std's are");
        });
        task.join().unwrap();
        assert_eq!(MADE.take(), [1]);
    });
}

#[test]
fn values_are_dropped_at_the_end_however_it_comes() {
    everywhere(|| {
        task_local!(static KEPT: OnceCell<Counted> = const { OnceCell::new() });
        let drops = Drops::new();
        let keep = |value| KEPT.with(|kept| assert!(kept.set(value).is_ok()));
        let value = drops.value();
        thread::spawn(move || keep(value)).join().unwrap();
        assert_eq!(drops.count(), 1, "before the join returns");
        let value = drops.value();
        let panicked = thread::spawn(move || {
            keep(value);
            panic!("with a value")
        });
        assert!(panicked.join().is_err());
        assert_eq!(drops.count(), 2);
        let value = drops.value();
        drop(thread::spawn(move || keep(value)));
        drops.wait_for(3);
        let runtime = runtime::Builder::new().workers(1).build().unwrap();
        let value = drops.value();
        let cancelled = runtime.spawn(move || {
            keep(value);
            thread::park();
        });
        // One worker, which takes them in order: that one is parked now.
        runtime.spawn(|| ()).join().unwrap();
        drop(runtime);
        drop(cancelled);
        drops.wait_for(4);
    });
}

/// A destructor that waits is not interrupted when its task was ended by a shutdown: that would end the process.
#[test]
fn destructors_may_wait_while_their_runtime_is_shut_down() {
    struct Waits(Counted);
    impl Drop for Waits {
        fn drop(&mut self) {
            thread::sleep(std::time::Duration::from_millis(5));
            thread::yield_now();
            let _ = &self.0;
        }
    }
    task_local!(static KEPT: OnceCell<Waits> = const { OnceCell::new() });
    bounded(|| {
        let drops = Drops::new();
        let runtime = runtime::Builder::new().workers(1).build().unwrap();
        let value = drops.value();
        let task = runtime.spawn(move || {
            KEPT.with(|kept| assert!(kept.set(Waits(value)).is_ok()));
            thread::park();
        });
        runtime.spawn(|| ()).join().unwrap();
        assert_eq!(runtime.shutdown(std::time::Duration::from_secs(20)), []);
        assert!(task.join().is_err());
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn destructors_run_in_the_task_newest_first_and_may_use_other_keys() {
    everywhere(|| {
        static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
        struct Logs(&'static str, thread::ThreadId);
        impl Drop for Logs {
            fn drop(&mut self) {
                assert_eq!(thread::current().id(), self.1);
                // It may switch as well.
                thread::yield_now();
                let own = FIRST.try_with(|_| ()).map_err(|error| error.to_string());
                let other = NUMBER.try_with(Cell::get).map_err(|error| error.to_string());
                let late = LATE.try_with(|late| late.replace(true)).map_err(|error| error.to_string());
                LOG.lock().unwrap().push(format!("{} {own:?} {other:?} {late:?}", self.0));
            }
        }
        task_local! {
            static FIRST: Logs = Logs("first", thread::current().id());
            static SECOND: Logs = Logs("second", thread::current().id());
            static LATE: Cell<bool> = const { Cell::new(false) };
        }
        thread::spawn(|| {
            FIRST.with(|_| ());
            SECOND.with(|_| ());
        })
        .join()
        .unwrap();
        let log = std::mem::take(&mut *LOG.lock().unwrap());
        // What the first destructor has made is dropped before the next one runs.
        let gone = "Err(\"already destroyed\")";
        assert_eq!(log, ["second Ok(()) Ok(5) Ok(false)".to_owned(), format!("first {gone} {gone} {gone}")]);
    });
}

#[test]
fn a_value_that_is_being_dropped_cannot_be_used() {
    everywhere(|| {
        static SEEN: Mutex<Vec<Result<(), AccessError>>> = Mutex::new(Vec::new());
        struct Looks;
        impl Drop for Looks {
            fn drop(&mut self) {
                SEEN.lock().unwrap().push(OWN.try_with(|_| ()));
                let with = std::panic::catch_unwind(|| OWN.with(|_| ())).unwrap_err();
                assert!(places::message(&*with).contains("during or after its destruction"));
            }
        }
        task_local!(static OWN: Looks = const { Looks });
        thread::spawn(|| OWN.with(|_| ())).join().unwrap();
        std::thread::spawn(|| OWN.with(|_| ())).join().unwrap();
        let seen = std::mem::take(&mut *SEEN.lock().unwrap());
        assert!(!seen.is_empty());
        for seen in seen {
            let error = seen.unwrap_err();
            assert_eq!(format!("{error:?} {error}"), "AccessError already destroyed");
        }
    });
}

#[test]
fn an_initialiser_that_panics_leaves_no_value() {
    everywhere(|| {
        task_local! {
            static TRIED: Cell<u32> = const { Cell::new(0) };
            static FAILS_ONCE: u32 = {
                TRIED.set(TRIED.get() + 1);
                assert!(TRIED.get() > 1, "the first time");
                7
            };
        }
        thread::spawn(|| {
            assert!(std::panic::catch_unwind(|| FAILS_ONCE.with(|_| ())).is_err());
            assert_eq!(FAILS_ONCE.with(|value| *value), 7);
        })
        .join()
        .unwrap();
    });
}

morestack::mapped_asm!(
    r#"
    FILE "tests/task_local_values.rs"

/* func rust_yield_rust(n uint64, yields uint64) uint64: calls Rust, gives way so often, and calls Rust again */
TEXT locals.rust_yield_rust, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL tasks.rust
1:  cmpq $0, FP+8(%rsp)
    je 2f
    decq FP+8(%rsp)
    CALL runtime.Gosched
    jmp 1b
2:  movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL tasks.rust
    movq 8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END locals.rust_yield_rust
"#
);

morestack::mapped! {
    unsafe extern "ABI0" {
        /// Calls `tasks.rust`, gives way so often, and calls it again.
        fn rust_yield_rust(n: u64, yields: u64) -> u64 = "locals.rust_yield_rust";
    }
}

task_local!(static CALLS: Tally = Tally(Cell::new(0), std::thread::current().id()));

/// Not Send: it must be used and dropped on one OS thread.
struct Tally(Cell<u64>, std::thread::ThreadId);

static TALLIES_DROPPED: Mutex<u64> = Mutex::new(0);

impl Drop for Tally {
    fn drop(&mut self) {
        assert_eq!(std::thread::current().id(), self.1);
        assert_eq!(self.0.get(), 2, "a value per task, which calls twice");
        *TALLIES_DROPPED.lock().unwrap() += 1;
    }
}

mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        CALLS.with(|tally| {
            assert_eq!(std::thread::current().id(), tally.1);
            tally.0.set(tally.0.get() + 1);
            thread::yield_now();
            n
        })
    }
}

/// Rust code that a mapped task calls uses that task's values; it stays on its thread from then on.
#[test]
fn mapped_tasks_have_values_too() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(2).build().unwrap();
        let before = *TALLIES_DROPPED.lock().unwrap();
        let results = runtime.run(|| {
            // Few at a time, so that the other worker sleeps and would like to have them.
            let spawn = |n| Builder::new().spawn_mapped(rust_yield_rust::function(), (n, 20_000)).unwrap();
            let pair = |n: u64| [spawn(2 * n), spawn(2 * n + 1)].map(|task| task.join().unwrap());
            (0..20).flat_map(pair).collect::<Vec<_>>()
        });
        assert_eq!(results, (0..40).collect::<Vec<_>>());
        // They are dropped by the worker, after the join maybe, but before the runtime's end.
        drop(runtime);
        assert_eq!(*TALLIES_DROPPED.lock().unwrap() - before, 40);
    });
}
