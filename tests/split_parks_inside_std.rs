//! A task gives way inside a callback that std calls: others run meanwhile, give way in the same places, and all go on where they
//! were.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/waits.rs"]
mod waits;
#[path = "common/watchdog.rs"]
mod watchdog;

use fresh::{ROOMY, below};
use std::cell::{Cell, LazyCell, OnceCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};
use std::hash::{BuildHasher, Hasher};
use std::rc::Rc;
use std::sync::{Once, OnceLock};
use waits::{KINDS, wait};

fn at_once(body: fn(usize)) {
    waits::at_once(30, ROOMY, body);
}

/// Shows a number, and gives way before, between and after.
struct Slow(usize);

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wait(self.0);
        f.write_char('<')?;
        f.write_str(&below(self.0 % 7 * 10, &mut || format!("{:>4}", self.0)))?;
        wait(self.0 + 1);
        f.write_char('>')
    }
}

#[test]
fn in_display() {
    at_once(|i| {
        for round in i..i + KINDS {
            assert_eq!(format!("{}, {:.1} {}", Slow(round), 1.25, Slow(i)), format!("<{round:>4}>, 1.2 <{i:>4}>"));
        }
        assert_eq!(Slow(i).to_string().len(), 6);
        let mut text = String::new();
        writeln!(text, "{}", Slow(i)).unwrap();
        assert_eq!(text.len(), 7);
    });
}

#[test]
fn in_once_and_lazy_values() {
    at_once(|i| {
        for kind in 0..KINDS {
            let (once, lock) = (Once::new(), OnceLock::new());
            let mut runs = 0;
            once.call_once(|| {
                wait(kind);
                runs += 1;
            });
            once.call_once(|| runs += 100);
            assert_eq!(runs, 1);
            let text = lock.get_or_init(|| {
                wait(kind);
                format!("{}", Slow(i))
            });
            assert_eq!(text, &format!("<{i:>4}>"));
            let cell = OnceCell::new();
            let lazy = LazyCell::new(|| {
                wait(kind + 1);
                i * 2
            });
            assert_eq!(*cell.get_or_init(|| *lazy + 1), i * 2 + 1);
        }
    });
}

#[test]
fn in_comparators() {
    at_once(|i| {
        let numbers = || (0..40).map(move |n| (n * 37 + i) % 101);
        let calls = Cell::new(i);
        let sometimes = || {
            calls.set(calls.get() + 1);
            if calls.get().is_multiple_of(11) {
                wait(calls.get() / 11);
            }
        };
        let mut expected: Vec<_> = numbers().collect();
        expected.sort_unstable();
        let mut stable: Vec<_> = numbers().collect();
        stable.sort_by(|a, b| {
            sometimes();
            a.cmp(b)
        });
        let mut unstable: Vec<_> = numbers().collect();
        unstable.sort_unstable_by_key(|n| {
            sometimes();
            *n
        });
        assert_eq!((&stable, &unstable), (&expected, &expected));
        let found = stable.binary_search_by(|n| {
            sometimes();
            n.cmp(&expected[20])
        });
        assert_eq!(found.map(|at| stable[at]), Ok(expected[20]));
    });
}

/// A hasher that gives way when it is asked.
#[derive(Clone, Default)]
struct SlowHasher(Rc<Cell<usize>>, u64);

impl BuildHasher for SlowHasher {
    type Hasher = SlowHasher;
    fn build_hasher(&self) -> SlowHasher {
        self.clone()
    }
}

impl Hasher for SlowHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.1 = bytes.iter().fold(self.1, |hash, byte| hash.rotate_left(7) ^ u64::from(*byte));
    }
    fn finish(&self) -> u64 {
        let calls = self.0.get();
        self.0.set(calls + 1);
        if calls.is_multiple_of(9) {
            wait(calls / 9);
        }
        self.1.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A key that gives way when it is compared.
#[derive(PartialEq, Eq)]
struct SlowKey(usize);

impl PartialOrd for SlowKey {
    fn partial_cmp(&self, other: &SlowKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SlowKey {
    fn cmp(&self, other: &SlowKey) -> std::cmp::Ordering {
        if (self.0 + other.0).is_multiple_of(13) {
            wait(self.0);
        }
        self.0.cmp(&other.0)
    }
}

#[test]
fn in_maps() {
    at_once(|i| {
        let mut map = HashMap::with_hasher(SlowHasher::default());
        for n in 0..60 {
            map.insert(format!("{n}"), n + i);
            *map.entry("0".to_owned()).or_insert_with(|| unreachable!()) += 1;
        }
        assert_eq!((map.len(), map["0"], map["59"]), (60, 60 + i, 59 + i));
        map.retain(|_, n| {
            if n.is_multiple_of(20) {
                wait(*n);
            }
            n.is_multiple_of(2)
        });
        assert_eq!(map.values().filter(|n| n.is_multiple_of(2)).count(), map.len());
        let mut tree: BTreeMap<_, _> = (0..50).map(|n| (SlowKey(n * 7 % 50), n)).collect();
        tree.remove(&SlowKey(3));
        assert!(tree.keys().map(|key| key.0).eq((0..50).filter(|n| *n != 3)));
    });
}

#[test]
fn in_iterators_and_closures() {
    at_once(|i| {
        let sum: usize = (0..60)
            .filter(|n| {
                if n % 17 == 0 {
                    wait(n / 17);
                }
                n % 2 == 0
            })
            .flat_map(|n| {
                if n == 30 {
                    wait(i);
                }
                [n, n + 1]
            })
            .inspect(|n| {
                if *n == 41 {
                    wait(i + 1);
                }
            })
            .fold(0, |sum, n| {
                if n == 50 {
                    wait(i + 2);
                }
                sum + n
            });
        assert_eq!(sum, 1770);
        let texts: Result<Vec<String>, fmt::Error> = (0..3)
            .map(|n| {
                let mut text = String::new();
                write!(text, "{}", Slow(n)).map(|()| text)
            })
            .collect();
        assert_eq!(texts.unwrap().concat(), "<   0><   1><   2>");
        let mut kept: Vec<usize> = (0..50).collect();
        kept.retain_mut(|n| {
            if n.is_multiple_of(23) {
                wait(*n);
            }
            n.is_multiple_of(5)
        });
        assert_eq!(kept.len(), 10);
        let replaced = regex::Regex::new(r"\d+").unwrap().replace_all("1 22 333", |c: &regex::Captures<'_>| {
            wait(c[0].len());
            format!("<{}>", &c[0])
        });
        assert_eq!(replaced, "<1> <22> <333>");
    });
}

/// Everything that std calls at the end: destructors of what collections own, of locals, of a panic's frames.
#[test]
fn in_destructors() {
    struct Waits(usize, Rc<Cell<usize>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            wait(self.0);
            self.1.set(self.1.get() + 1);
        }
    }
    at_once(|i| {
        let dropped = Rc::new(Cell::new(0));
        drop((0..5).map(|n| Waits(n, dropped.clone())).collect::<Vec<_>>());
        drop((0..5).map(|n| (n, Waits(n, dropped.clone()))).collect::<BTreeMap<_, _>>());
        drop((0..5).map(|n| (n, Waits(n, dropped.clone()))).collect::<HashMap<_, _>>());
        drop(Rc::new(Waits(i, dropped.clone())).clone());
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _local = Waits(i, dropped.clone());
            std::panic::resume_unwind(Box::new(i));
        }));
        assert_eq!((caught.unwrap_err().downcast_ref(), dropped.get()), (Some(&i), 17));
    });
}
