//! `thread::scope`: tasks that borrow, and a scope that waits for them whatever happens.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::sched::Cancelled;
use morestack::thread::{self, Builder};
use morestack::{go, runtime};
use places::{Drops, bounded, everywhere, message};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Long enough for whoever does not wait to be caught.
fn a_while() {
    thread::sleep(Duration::from_millis(20));
}

#[test]
fn tasks_borrow_and_change_what_is_outside() {
    everywhere(|| {
        let mut numbers = vec![1, 2, 3];
        let mut sum = 0;
        let text = String::from("borrowed");
        let length = thread::scope(|s| {
            s.spawn(|| sum += numbers.iter().sum::<i32>());
            s.spawn(|| text.len()).join().unwrap()
        });
        numbers.push(sum);
        assert_eq!((numbers, length), (vec![1, 2, 3, 6], 8));
        let mut parts = [0u32; 10];
        thread::scope(|s| {
            for (i, part) in parts.iter_mut().enumerate() {
                s.spawn(move || {
                    thread::yield_now();
                    *part = i as u32;
                });
            }
        });
        assert_eq!(parts.iter().sum::<u32>(), 45);
    });
}

#[test]
fn results_may_borrow() {
    everywhere(|| {
        let words = ["one".to_owned(), "two".to_owned()];
        let longest: &str = thread::scope(|s| {
            let parts: Vec<_> = words.iter().map(|word| s.spawn(move || word.as_str())).collect();
            parts.into_iter().map(|part| part.join().unwrap()).max().unwrap()
        });
        assert_eq!(longest, "two");
    });
}

#[test]
fn the_scope_waits_for_tasks_that_are_not_joined() {
    everywhere(|| {
        let done = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    a_while();
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(done.into_inner(), 10);
    });
}

#[test]
fn tasks_of_a_scope_spawn_into_it() {
    fn tree<'scope>(s: &'scope thread::Scope<'scope, '_>, depth: u32, leaves: &'scope AtomicUsize) {
        if depth == 0 {
            thread::yield_now();
            leaves.fetch_add(1, Ordering::Relaxed);
        } else {
            for _ in 0..2 {
                s.spawn(move || tree(s, depth - 1, leaves));
            }
        }
    }
    everywhere(|| {
        let leaves = AtomicUsize::new(0);
        thread::scope(|s| tree(s, 7, &leaves));
        assert_eq!(leaves.into_inner(), 128);
    });
}

#[test]
fn scopes_nest() {
    everywhere(|| {
        let outer = AtomicUsize::new(1);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    let inner = AtomicUsize::new(0);
                    thread::scope(|t| {
                        for _ in 0..4 {
                            t.spawn(|| {
                                inner.fetch_add(1, Ordering::Relaxed);
                                outer.fetch_add(1, Ordering::Relaxed);
                            });
                            // A task of the outer one, from within the inner one.
                            s.spawn(|| outer.fetch_add(1, Ordering::Relaxed));
                        }
                    });
                    assert_eq!(inner.into_inner(), 4);
                });
            }
        });
        assert_eq!(outer.into_inner(), 33);
    });
}

#[test]
fn a_panic_that_nobody_joins_is_the_scope_s() {
    everywhere(|| {
        let others = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                s.spawn(|| panic!("of a task"));
                for _ in 0..3 {
                    s.spawn(|| {
                        a_while();
                        others.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }));
        assert_eq!(message(&*caught.unwrap_err()), "a scoped thread panicked");
        assert_eq!(others.into_inner(), 3, "it waits for the others");
        assert!(!thread::panicking());
    });
}

#[test]
fn a_panic_that_is_joined_is_the_joiner_s() {
    everywhere(|| {
        let payload = thread::scope(|s| s.spawn(|| panic!("told")).join().unwrap_err());
        assert_eq!(message(&*payload), "told");
        // Joined by another task of the scope.
        let text = Mutex::new(String::new());
        thread::scope(|s| {
            let task = s.spawn(|| panic!("told too"));
            let text = &text;
            s.spawn(move || *text.lock().unwrap() = message(&*task.join().unwrap_err()).to_owned());
        });
        assert_eq!(text.into_inner().unwrap(), "told too");
    });
}

#[test]
fn a_panic_of_the_closure_waits_and_goes_on() {
    everywhere(|| {
        let done = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|s| {
                s.spawn(|| {
                    a_while();
                    // The owner's panic is over while it waits, also where both share an OS thread.
                    assert!(!thread::panicking());
                    done.fetch_add(1, Ordering::Relaxed);
                });
                s.spawn(|| panic!("of a task"));
                panic!("of the closure");
            })
        }));
        let payload: Box<dyn std::any::Any + Send> = caught.unwrap_err();
        assert_eq!(message(&*payload), "of the closure");
        assert_eq!(done.into_inner(), 1);
    });
}

#[test]
fn a_scope_in_a_destructor_works_while_a_panic_unwinds() {
    struct Scopes<'a>(&'a AtomicUsize);
    impl Drop for Scopes<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            thread::scope(|s| {
                s.spawn(|| {
                    a_while();
                    assert!(!thread::panicking());
                    self.0.fetch_add(1, Ordering::Relaxed);
                });
            });
            assert!(thread::panicking());
        }
    }
    everywhere(|| {
        let count = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _scopes = Scopes(&count);
            panic!("outside");
        }));
        assert_eq!(message(&*caught.unwrap_err()), "outside");
        assert_eq!(count.into_inner(), 1);
    });
}

/// Looks at what it borrows when it is dropped, after some time.
struct Looks<'a>(&'a AtomicBool, &'a AtomicUsize);

impl Drop for Looks<'_> {
    fn drop(&mut self) {
        a_while();
        assert!(self.0.load(Ordering::SeqCst), "the scope has not ended");
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn what_borrows_is_dropped_before_the_scope_ends() {
    everywhere(|| {
        let (open, looked) = (AtomicBool::new(true), AtomicUsize::new(0));
        let look = || Looks(&open, &looked);
        thread::scope(|s| {
            // A result that nobody joins, of a handle dropped at once and of one dropped later; and what a closure owns.
            s.spawn(look);
            let kept = s.spawn(look);
            let owned = look();
            s.spawn(move || {
                let _owned = owned;
            });
            let unwound = look();
            let panics = s.spawn(move || {
                let _unwound = unwound;
                panic::resume_unwind(Box::new(1))
            });
            assert!(panics.join().is_err());
            while !kept.is_finished() {
                thread::yield_now();
            }
        });
        open.store(false, Ordering::SeqCst);
        assert_eq!(looked.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn a_result_that_panics_when_dropped_is_the_scope_s_panic() {
    struct Bomb<'a>(&'a AtomicUsize);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("dropped");
        }
    }
    everywhere(|| {
        let count = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| thread::scope(|s| _ = s.spawn(|| Bomb(&count)))));
        assert_eq!(message(&*caught.unwrap_err()), "a scoped thread panicked");
        assert_eq!(count.into_inner(), 1);
    });
}

#[test]
fn handles_are_dropped_at_any_time() {
    everywhere(|| {
        let drops = Drops::new();
        thread::scope(|s| {
            let spawn = || {
                let value = drops.value();
                s.spawn(move || {
                    thread::yield_now();
                    value
                })
            };
            for _ in 0..20 {
                // Before it starts, while it runs, when it has ended, by another task.
                drop(spawn());
                let running = spawn();
                thread::yield_now();
                drop(running);
                let ended = spawn();
                while !ended.is_finished() {
                    thread::yield_now();
                }
                drop(ended);
                let elsewhere = spawn();
                s.spawn(move || drop(elsewhere));
                drop(spawn().join().unwrap());
            }
        });
        assert_eq!(drops.count(), 100);
    });
}

#[test]
fn handles_and_scopes_are_as_std_s() {
    fn send_and_sync<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    thread::scope(|s| {
        send_and_sync(s);
        let task = Builder::new().name("scoped".into()).spawn_scoped(s, || std::cell::Cell::new(1)).unwrap();
        send_and_sync(&task);
        assert_eq!(task.thread().name(), Some("scoped"));
        assert!(format!("{task:?} {s:?}").contains("scoped"));
        assert_eq!(task.join().unwrap().get(), 1);
    });
}

#[test]
fn many_scopes_at_once() {
    bounded(|| {
        let runtime = runtime::Builder::new().workers(2).build().unwrap();
        std::thread::scope(|os| {
            for _ in 0..3 {
                os.spawn(|| {
                    for _ in 0..200 {
                        let local = AtomicUsize::new(0);
                        runtime.run(|| {
                            thread::scope(|s| {
                                for _ in 0..5 {
                                    s.spawn(|| local.fetch_add(1, Ordering::Relaxed));
                                }
                            });
                        });
                        assert_eq!(local.load(Ordering::Relaxed), 5);
                        thread::scope(|s| (0..5).for_each(|_| drop(s.spawn(|| local.fetch_add(1, Ordering::Relaxed)))));
                        assert_eq!(local.into_inner(), 10);
                    }
                });
            }
        });
    });
}

/// Shuts a runtime down while a scope of one of its tasks has tasks that wait, and fresh ones that never start.
#[test]
fn a_shutdown_ends_scopes_and_what_they_borrow_lives_until_then() {
    bounded(|| {
        let drops = Drops::new();
        let fresh_ran = std::sync::Arc::new(AtomicBool::new(false));
        let runtime = runtime::Builder::new().workers(1).build().unwrap();
        let (value, ran) = (drops.value(), fresh_ran.clone());
        let parked = std::sync::Arc::new(AtomicBool::new(false));
        let reached = parked.clone();
        let owner = runtime.spawn(move || {
            let value = value;
            let borrowed = AtomicUsize::new(0);
            thread::scope(|s| {
                s.spawn(|| {
                    let _looks = scopeguard(|| _ = borrowed.fetch_add(1, Ordering::Relaxed));
                    reached.store(true, Ordering::SeqCst);
                    // Keeps the only worker until the shutdown has begun, so that the other stays fresh.
                    s.spawn(|| ran.store(true, Ordering::SeqCst));
                    std::thread::sleep(Duration::from_millis(50));
                    thread::park();
                });
            });
            unreachable!("the scope unwinds, because its tasks were cancelled: {}", drop_name(&value));
        });
        while !parked.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert_eq!(runtime.shutdown(Duration::from_secs(10)), []);
        assert!(owner.join().unwrap_err().is::<Cancelled>());
        assert_eq!(drops.count(), 1);
    });
}

fn drop_name(_: &places::Counted) -> &'static str {
    "counted"
}

/// Calls a function when dropped.
fn scopeguard<F: FnMut()>(f: F) -> impl Drop {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(f)
}

/// Runs a body in a task of a runtime whose shutdown has begun: what it spawns there will not start.
fn while_closing<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> thread::Result<T> {
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    let (give, take) = std::sync::mpsc::channel::<runtime::Runtime>();
    let task = runtime.spawn(move || {
        let runtime = take.recv().unwrap();
        // In one of its own tasks this does not wait.
        runtime.shutdown(Duration::from_secs(10));
        body()
    });
    give.send(runtime).unwrap();
    task.join()
}

#[test]
fn a_task_that_never_starts_is_not_taken_for_done() {
    bounded(|| {
        let (drops, after) = (Drops::new(), Drops::new());
        let (value, borrowed) = (drops.value(), after.value());
        let unwound = while_closing(move || {
            let borrowed = borrowed;
            thread::scope(|s| {
                s.spawn(|| {
                    let _both = (&borrowed, value);
                    unreachable!("it starts");
                });
            });
            unreachable!("the scope returns");
        });
        assert!(unwound.unwrap_err().is::<Cancelled>());
        assert_eq!((drops.count(), after.count()), (1, 1));
    });
}

#[test]
fn who_joins_a_task_that_never_starts_is_told_and_the_scope_goes_on() {
    bounded(|| {
        let other = runtime::Builder::new().workers(1).build().unwrap();
        let message = while_closing(move || {
            thread::scope(|s| {
                let fresh = s.spawn(|| unreachable!("it starts"));
                let joined: thread::Result<()> = other.run(move || fresh.join());
                *joined.unwrap_err().downcast::<&str>().unwrap()
            })
        });
        assert_eq!(message.unwrap(), "the runtime was shut down before the task had started");
    });
}

#[test]
fn go_and_scopes_mix() {
    everywhere(|| {
        let drops = Drops::new();
        let value = drops.value();
        thread::scope(|s| {
            s.spawn(move || {
                go!(move || drop(value));
            });
        });
        drops.wait_for(1);
    });
}
