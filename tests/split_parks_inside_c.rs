//! A task gives way inside a callback that C calls, holds C's frames meanwhile, and goes on in them; others do the same.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;
#[path = "common/waits.rs"]
mod waits;
#[path = "common/watchdog.rs"]
mod watchdog;

use fresh::{ROOMY, below};
use libc_callbacks::{Tree, find_linear, find_sorted, sort};
use morestack::sched::yield_now;
use waits::{KINDS, wait};

fn at_once(body: fn(usize)) {
    waits::at_once(30, ROOMY, body);
}

/// Gives way at each eleventh call, and uses more stack than is left at each seventh.
fn now_and_then(calls: &mut usize) {
    *calls += 1;
    if calls.is_multiple_of(11) {
        wait(*calls / 11);
    }
    if calls.is_multiple_of(7) {
        assert_eq!(below(*calls % 50, &mut || format!("{:>5.1}", 2.5)), "  2.5");
    }
}

#[test]
fn in_comparators_of_qsort() {
    at_once(|i| {
        for length in [2, 10, 60] {
            let mut calls = i;
            let mut numbers: Vec<u64> = (0..length).map(|n| (n * 37 + i as u64) % 101).collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort(&mut numbers, |a, b| {
                now_and_then(&mut calls);
                a.cmp(b)
            });
            assert_eq!(numbers, expected);
        }
    });
}

#[test]
fn in_comparators_of_searches() {
    at_once(|i| {
        let mut calls = i;
        let numbers: Vec<usize> = (0..100).map(|n| n * 3).collect();
        for wanted in [0, 30 + i * 3, 297] {
            let linear = find_linear(&numbers, |n| {
                now_and_then(&mut calls);
                wanted.cmp(n)
            });
            let sorted = find_sorted(&numbers, |n| {
                wait(calls);
                calls += 1;
                wanted.cmp(n)
            });
            assert_eq!((linear, sorted), (Some(wanted / 3), Some(wanted / 3)));
        }
        let missing = find_sorted(&numbers, |n| {
            now_and_then(&mut calls);
            4.cmp(n)
        });
        assert_eq!(missing, None);
    });
}

#[test]
fn in_trees() {
    at_once(|i| {
        let mut tree = Tree::new(|n| {
            if n.is_multiple_of(19) {
                wait(n as usize / 19);
            }
        });
        for n in 0..60 {
            tree.insert((n * 37 + i as u64) % 61);
        }
        tree.insert(i as u64);
        assert!(tree.contains(i as u64) && !tree.contains(1000));
        assert!(tree.remove(i as u64) && !tree.remove(i as u64));
        let mut seen = Vec::new();
        tree.for_each(|n| {
            now_and_then(&mut { n as usize });
            seen.push(n);
        });
        let missing = (60 * 37 + i as u64) % 61;
        assert!(seen.iter().copied().eq((0..61).filter(|n| *n != i as u64 && *n != missing)), "{seen:?}");
    });
}

/// C, std, C, std: each with a wait at the bottom and on the way back.
#[test]
fn in_callbacks_of_callbacks() {
    fn level(n: usize, i: usize) -> u64 {
        if n == 0 {
            wait(i);
            return 0;
        }
        let below = foreign::call(|| {
            let mut result = 0;
            let mut pair = [2_u8, 1];
            sort(&mut pair, |a, b| {
                result = level(n - 1, i + 1);
                a.cmp(b)
            });
            wait(n + i);
            result + u64::from(pair[0])
        });
        format!("{below}").parse::<u64>().unwrap() + 1
    }
    at_once(|i| {
        for n in [1, 2, 12] {
            assert_eq!(level(n, i), 2 * n as u64);
        }
    });
}

/// Foreign frames keep what is in their registers and on their stack, however large, while others use theirs.
#[test]
fn below_large_foreign_frames() {
    at_once(|i| {
        for kind in 0..KINDS {
            let result = foreign::descend(10, 1024 * (1 + i as u64 % 8), || {
                wait(kind);
                foreign::call(|| {
                    wait(kind + i);
                    foreign::call_with_stack(|sum| {
                        wait(i);
                        sum
                    })
                })
            });
            assert_eq!(result, 10 + 1240);
        }
    });
}

/// The big stack that a task took along is given back when it gives way in Rust, from where it has just run.
#[test]
fn and_gives_way_outside_of_it_later() {
    at_once(|i| {
        for round in 0..4 {
            let inside = || {
                wait(i + round);
                7
            };
            assert_eq!(foreign::call(inside), 7);
            yield_now();
            assert_eq!(foreign::descend(20, 512, inside), 27);
            wait(i);
        }
    });
}
