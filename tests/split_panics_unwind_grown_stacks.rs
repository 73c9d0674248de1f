//! Panics unwind stacks that have grown, and that grow while they are unwound: caught where they should be, everything dropped
//! once, and the task goes on.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/quiet.rs"]
mod quiet;

use fresh::{DEEP, ROOMY, below, caught_with, depth, task_with};
use quiet::{Expected, number, quiet};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::{Mutex, Once};

/// Frames at which a panic begins.
const DEPTHS: [usize; 7] = [0, 1, 5, 20, 100, 5_000, 20_000];

/// What std and core say in the panics that are wanted here.
const RAISED: [&str; 8] = [
    "out of bounds",
    "overflow",
    "divide by zero",
    "unwrap",
    "char boundary",
    "borrowed",
    "slice index",
    "out of range",
];

thread_local! {
    static DROPS: Cell<usize> = const { Cell::new(0) };
}

/// Counted when it is dropped. Each fiftieth computes something that needs more stack than is left.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
        if DROPS.get().is_multiple_of(50) {
            assert_eq!(black_box(format!("{:>9.3}", 1.5)), "    1.500");
            assert_eq!(sum(300), 45_150);
        }
    }
}

/// How many guards were dropped meanwhile.
fn drops<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = DROPS.get();
    let result = f();
    (result, DROPS.get() - before)
}

#[inline(never)]
fn sum(n: usize) -> usize {
    if n == 0 { 0 } else { black_box(sum(n - 1)) + n }
}

/// Descends, with a guard in each frame, and calls the closure there.
#[inline(never)]
fn descend(n: usize, at_the_end: &mut dyn FnMut()) -> usize {
    let _guard = Guard;
    if n == 0 {
        at_the_end();
        return 0;
    }
    black_box(descend(n - 1, at_the_end)) + 1
}

fn caught<T: fmt::Debug>(f: impl FnOnce() -> T) -> u64 {
    number(catch_unwind(AssertUnwindSafe(f)).unwrap_err())
}

#[test]
fn to_the_base_of_the_task() {
    quiet(&RAISED);
    for n in DEPTHS.map(depth) {
        let (result, drops) = drops(|| caught_with(DEEP, move || descend(n, &mut || panic_any(Expected(42)))));
        assert_eq!((number(result.unwrap_err()), drops), (42, n + 1));
    }
}

#[test]
fn to_the_middle_of_the_stack() {
    quiet(&RAISED);
    for n in DEPTHS.map(depth) {
        for catcher in [0, 1, 7, 50, 1000].map(depth) {
            task_with(DEEP, move || {
                let catch = || {
                    for round in 0..3 {
                        let panicking = || caught(|| descend(n, &mut || panic_any(Expected(round))));
                        assert_eq!(drops(panicking), (round, n + 1));
                    }
                    assert_eq!(sum(depth(20_000)), sum(depth(20_000)));
                };
                let (frames, drops) = drops(|| descend(catcher, &mut || catch()));
                assert_eq!((frames, drops), (catcher, catcher + 1 + 3 * (n + 1)));
                format!("{:?}", vec![1.5; 3])
            });
        }
    }
}

/// The same payload passes many catchers.
#[test]
fn from_catcher_to_catcher() {
    fn relay(n: usize, payload: u64) -> u64 {
        let _guard = Guard;
        if n == 0 {
            resume_unwind(Box::new([payload; 100]));
        }
        let caught = catch_unwind(|| relay(n - 1, payload)).unwrap_err();
        if n.is_multiple_of(10) {
            assert_eq!(black_box(sum(n * 20)), n * 20 * (n * 20 + 1) / 2);
        }
        resume_unwind(caught)
    }
    for n in [1, 30, 500] {
        let (result, drops) = drops(|| caught_with(DEEP, move || relay(n, 9)));
        assert_eq!(result.unwrap_err().downcast_ref::<[u64; 100]>(), Some(&[9; 100]));
        assert_eq!(drops, n + 1);
    }
}

/// A destructor that runs while a panic is unwound panics itself inside, several levels deep, and catches that.
#[test]
fn in_destructors_that_panic_inside() {
    quiet(&RAISED);
    struct Nested {
        levels: usize,
        frames: usize,
    }
    impl Drop for Nested {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            let Nested { levels, frames } = *self;
            if levels == 0 {
                return;
            }
            let inner = || {
                descend(frames, &mut || {
                    let _nested = Nested { levels: levels - 1, frames };
                    panic_any(Expected(levels as u64));
                })
            };
            assert_eq!(drops(|| caught(inner)).0, levels as u64);
            assert!(std::thread::panicking());
        }
    }
    for frames in [0, 3, 40, 2_000].map(depth) {
        for levels in [1, 2, 5] {
            let ((), drops) = drops(|| {
                task_with(DEEP, move || {
                    let outer = || {
                        let _nested = Nested { levels, frames };
                        descend(frames, &mut || panic_any(Expected(99)))
                    };
                    assert_eq!(caught(outer), 99);
                    assert!(!std::thread::panicking());
                });
            });
            assert_eq!(drops, (levels + 1) * (frames + 1));
        }
    }
}

struct Panics(usize);

impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _guard = Guard;
        match self.0 {
            0 => {
                descend(200, &mut || panic_any(Expected(5)));
                Ok(())
            }
            n => write!(f, "[{:>3}{}]", n, Panics(n - 1)),
        }
    }
}

#[derive(Clone, Default)]
struct PanicsAt(Rc<Cell<usize>>);

impl BuildHasher for PanicsAt {
    type Hasher = PanicsAt;
    fn build_hasher(&self) -> PanicsAt {
        self.clone()
    }
}

impl Hasher for PanicsAt {
    fn write(&mut self, _: &[u8]) {
        let left = self.0.get();
        self.0.set(left.wrapping_sub(1));
        if left == 0 {
            descend(50, &mut || panic_any(Expected(6)));
        }
    }
    fn finish(&self) -> u64 {
        3
    }
}

/// Library code lies between the panic and the catcher.
#[test]
fn through_std() {
    quiet(&RAISED);
    for frames in 0..40 {
        task_with(ROOMY, move || below(frames, &mut through_std_here));
    }
}

fn through_std_here() {
    for n in [0, 1, 30] {
        assert_eq!(drops(|| caught(|| format!("{}", Panics(n)))), (5, n + 1 + 201));
    }
    let mut numbers: Vec<u32> = (0..100).rev().collect();
    let mut compared = 0;
    let sort = || {
        numbers.sort_by(|a, b| {
            compared += 1;
            if compared == 70 {
                descend(50, &mut || panic_any(Expected(7)));
            }
            a.cmp(b)
        })
    };
    assert_eq!(drops(|| caught(sort)), (7, 51));
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..100), "a sort that panics loses nothing");

    let hasher = PanicsAt::default();
    hasher.0.set(usize::MAX);
    let mut map = HashMap::with_hasher(hasher.clone());
    map.extend((0..20).map(|n| (n, n.to_string())));
    hasher.0.set(3);
    let insert = || (20..40).for_each(|n| drop(map.insert(n, n.to_string())));
    assert_eq!(drops(|| caught(insert)), (6, 51));
    hasher.0.set(usize::MAX);
    assert!((0..20).all(|n| map[&n] == n.to_string()));

    let collect = || {
        let numbers = (0..100).map(|n| (Guard, if n == 60 { panic_any(Expected(8)) } else { n }));
        numbers.filter(|pair| pair.1 % 2 == 0).collect::<Vec<_>>().len()
    };
    assert_eq!(drops(|| caught(collect)), (8, 61));

    let (once, mutex) = (Once::new(), Mutex::new(0));
    assert_eq!(caught(|| once.call_once(|| panic_any(Expected(9)))), 9);
    assert!(catch_unwind(AssertUnwindSafe(|| once.call_once_force(|state| assert!(state.is_poisoned())))).is_ok());
    let lock = || {
        *mutex.lock().unwrap() += 1;
        let _guard = mutex.lock().unwrap();
        descend(30, &mut || panic_any(Expected(10)));
    };
    assert_eq!(caught(lock), 10);
    assert!(mutex.is_poisoned());
    let threads = std::thread::scope(|scope| scope.spawn(|| panic_any(Expected(11))).join());
    assert_eq!(number(threads.unwrap_err()), 11);
}

/// Panics that core and std raise themselves.
#[test]
fn raised_by_core() {
    quiet(&RAISED);
    type Raises = fn(usize) -> usize;
    let raise: [(Raises, &str); 9] = [
        (|n| [1, 2, 3][black_box(n + 3)], "index out of bounds"),
        (|n| 7 / black_box(n - n), "divide by zero"),
        (|n| black_box(None::<usize>).unwrap() + n, "unwrap"),
        (|n| black_box(Err::<usize, _>(n)).expect("expected"), "expected"),
        (|n| black_box("\u{e9}\u{e9}")[n - n + 1..].len(), "char boundary"),
        (|n| black_box(&[0_u8; 4][..])[n + 2..n + 1].len(), "slice"),
        (|n| (Vec::<u64>::with_capacity(black_box(usize::MAX - n % 2))).len(), "capacity overflow"),
        (
            |n| "x".repeat(black_box(usize::MAX / 2 + n % 2 + 2)).len() * "xx".repeat(black_box(usize::MAX)).len(),
            "overflow",
        ),
        (
            |n| {
                let cell = std::cell::RefCell::new(n);
                let _first = cell.borrow_mut();
                *black_box(&cell).borrow_mut()
            },
            "borrowed",
        ),
    ];
    for (raise, text) in raise {
        for n in [1, 10, 200] {
            let result = caught_with(ROOMY, move || {
                let mut found = 0;
                descend(n, &mut || found = raise(n));
                found
            });
            let payload = result.unwrap_err();
            let message =
                payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            // A message with that text in it would not be printed.
            if !message.is_some_and(|message| message.contains(text)) {
                println!("{message:?}, not {text}");
                panic!("another message");
            }
        }
    }
}
