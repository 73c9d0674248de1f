//! A panic passes foreign frames that may unwind, however Rust and foreign frames alternate and wherever stacks grew between
//! them, and the task goes on.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/quiet.rs"]
mod quiet;

use fresh::{DEEP, ROOMY, below, caught_with, depth, task_with};
use quiet::{Expected, number, quiet};
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};

thread_local! {
    static DROPS: Cell<u64> = const { Cell::new(0) };
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
        if DROPS.get().is_multiple_of(10) {
            // Foreign code while a panic passes, and growth.
            assert_eq!(foreign::call(|| below(40, &mut || 3)), 3);
        }
    }
}

/// Rust, foreign, Rust, ... so many levels, in several ways.
fn alternate(level: u64, at_the_end: &mut dyn FnMut() -> u64) -> u64 {
    let _guard = Guard;
    if level == 0 {
        return at_the_end();
    }
    let mut next = || alternate(level - 1, at_the_end) + 1;
    match level % 4 {
        0 => foreign::call(next),
        1 => foreign::call_with_stack(|_| next()),
        2 => foreign::descend(5, 64, next) - 5,
        _ => below(20, &mut next),
    }
}

const LEVELS: [u64; 6] = [0, 1, 2, 7, 60, 2_000];

fn levels() -> impl Iterator<Item = u64> {
    LEVELS.into_iter().map(|levels| depth(levels as usize) as u64)
}

#[test]
fn without_a_panic() {
    for n in levels() {
        DROPS.set(0);
        assert_eq!(task_with(DEEP, move || alternate(n, &mut || 7)), n + 7);
        assert_eq!(DROPS.get(), n + 1);
    }
}

#[test]
fn to_the_base_of_the_task() {
    quiet(&[]);
    for n in levels() {
        DROPS.set(0);
        let caught = caught_with(DEEP, move || alternate(n, &mut || panic_any(Expected(n))));
        assert_eq!((number(caught.unwrap_err()), DROPS.get()), (n, n + 1));
    }
}

#[test]
fn to_catchers_between_them() {
    quiet(&[]);
    for outer in levels().filter(|n| *n <= 60) {
        for inner in levels().filter(|n| *n <= 60) {
            DROPS.set(0);
            let result = task_with(DEEP, move || {
                alternate(outer, &mut || {
                    let mut caught = 0;
                    for round in 0..3 {
                        let panicking = || alternate(inner, &mut || panic_any(Expected(round)));
                        caught += number(catch_unwind(AssertUnwindSafe(panicking)).unwrap_err());
                        // What the panic has passed can be used again.
                        caught += alternate(inner, &mut || 100) - inner;
                    }
                    caught
                })
            });
            assert_eq!((result, DROPS.get()), (outer + 303, outer + 1 + 6 * (inner + 1)));
        }
    }
}

/// Each level catches it and lets it go on.
#[test]
fn from_catcher_to_catcher() {
    fn relay(level: u64) -> u64 {
        let _guard = Guard;
        if level == 0 {
            resume_unwind(Box::new(Expected(8)));
        }
        let next = || match catch_unwind(|| relay(level - 1)) {
            Ok(result) => result,
            Err(payload) => resume_unwind(payload),
        };
        if level.is_multiple_of(2) { foreign::call(next) } else { foreign::descend(2, 1024, next) }
    }
    for n in [1, 2, 20, 300] {
        DROPS.set(0);
        let caught = caught_with(DEEP, move || relay(n));
        assert_eq!((number(caught.unwrap_err()), DROPS.get()), (8, n + 1));
    }
}

/// Formatting code of std lies between the foreign frames.
#[test]
fn through_std_as_well() {
    quiet(&[]);
    struct Level(u64);
    impl fmt::Display for Level {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let _guard = Guard;
            if self.0 == 0 {
                panic_any(Expected(4));
            }
            foreign::call(|| u64::from(write!(f, "<{:>5}>", Level(self.0 - 1)).is_ok()));
            Ok(())
        }
    }
    for n in [0, 1, 10, 300] {
        for frames in [0, 9, 25] {
            DROPS.set(0);
            let caught = caught_with(ROOMY * 2, move || below(frames, &mut || Level(n).to_string()));
            assert_eq!((number(caught.unwrap_err()), DROPS.get()), (4, n + 1));
        }
    }
}
