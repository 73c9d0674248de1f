//! Recursion that goes through code of std and of other crates is as deep in a task as its memory allows.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::{DEEP, depth, task_with};
use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::rc::Rc;

struct Node {
    _next: Option<Box<Node>>,
    dropped: Rc<Cell<usize>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

#[test]
fn drop_of_a_long_list() {
    let n = depth(300_000);
    let dropped = task_with(DEEP, move || {
        let dropped = Rc::new(Cell::new(0));
        let list = (0..n).fold(None, |next, _| Some(Box::new(Node { _next: next, dropped: dropped.clone() })));
        drop(black_box(list));
        assert_eq!(Rc::strong_count(&dropped), 1);
        dropped.get()
    });
    assert_eq!(dropped, n);
}

/// As `write!` in its own `fmt`, or through a string for each level.
struct Nested {
    levels: usize,
    by_format: bool,
}

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Nested { levels, by_format } = *self;
        match levels {
            0 => f.write_str("x"),
            _ if by_format => f.write_str(&format!("({})", Nested { levels: levels - 1, by_format })),
            _ => write!(f, "({})", Nested { levels: levels - 1, by_format }),
        }
    }
}

#[test]
fn display_that_displays() {
    // By format each level copies what the inner ones wrote.
    for (by_format, levels) in [(false, depth(100_000)), (true, depth(10_000))] {
        let text = task_with(DEEP, move || Nested { levels, by_format }.to_string());
        assert_eq!(text.len(), 2 * levels + 1);
        assert!(text.bytes().take(levels).all(|byte| byte == b'('));
    }
}

#[test]
fn debug_of_nested_values() {
    #[derive(Debug)]
    struct Level {
        #[allow(dead_code, reason = "read by Debug")]
        below: Option<Box<Level>>,
    }
    let levels = depth(20_000);
    let text = task_with(DEEP, move || {
        let value = (0..levels).fold(None, |below, _| Some(Box::new(Level { below })));
        // The pretty form wraps the writer once a level, so each byte goes through all of them.
        let shallow = (0..150).fold(None, |below, _| Some(Box::new(Level { below })));
        assert_eq!(format!("{shallow:#?}").lines().count(), 4 * 150 + 1);
        format!("{value:?}")
    });
    assert_eq!(text.matches("Level").count(), levels);
}

#[test]
fn json_of_many_levels() {
    use serde::Deserialize;
    let levels = depth(50_000);
    let length = task_with(DEEP, move || {
        let text = "[".repeat(levels) + "7" + &"]".repeat(levels);
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        deserializer.disable_recursion_limit();
        let value = serde_json::Value::deserialize(&mut deserializer).unwrap();
        let copy = value.clone();
        assert!(copy == value);
        let back = value.to_string();
        assert_eq!(back, text);
        back.len()
    });
    assert_eq!(length, 2 * levels + 1);
}

#[test]
fn iterators_of_iterators() {
    let layers = depth(50_000);
    let sum = task_with(DEEP, move || {
        let mut numbers: Box<dyn Iterator<Item = u64>> = Box::new(0..3);
        for layer in 0..layers {
            numbers = match layer % 3 {
                0 => Box::new(numbers.map(|n| n + 3)),
                1 => Box::new(numbers.filter(|n| *n != u64::MAX)),
                _ => Box::new(numbers.chain(std::iter::empty())),
            };
        }
        numbers.sum::<u64>()
    });
    assert_eq!(sum, 3 + 3 * 3 * layers.div_ceil(3) as u64);
}

#[test]
fn sorts_in_comparators() {
    fn nested(levels: usize) -> usize {
        if levels == 0 {
            return 0;
        }
        let mut below = 0;
        let mut pair = [2, 1];
        pair.sort_by(|a, b| {
            if below == 0 {
                below = nested(levels - 1) + 1;
            }
            a.cmp(b)
        });
        assert_eq!(pair, [1, 2]);
        below
    }
    let levels = depth(20_000);
    assert_eq!(task_with(DEEP, move || nested(levels)), levels);
}

/// A recursive parser over nested parentheses and sums.
#[test]
fn a_recursive_parser() {
    fn term(text: &mut &[u8]) -> Result<u64, String> {
        match text.split_first() {
            Some((b'(', rest)) => {
                *text = rest;
                let value = expression(text)?;
                *text =
                    text.strip_prefix(b")").ok_or_else(|| format!("')' is missing, {} bytes are left", text.len()))?;
                Ok(value)
            }
            Some((digit @ b'0'..=b'9', rest)) => {
                *text = rest;
                Ok(u64::from(digit - b'0'))
            }
            other => Err(format!("unexpected {other:?}")),
        }
    }
    fn expression(text: &mut &[u8]) -> Result<u64, String> {
        let mut sum = term(text)?;
        while let Some(rest) = text.strip_prefix(b"+") {
            *text = rest;
            sum += term(text)?;
        }
        Ok(sum)
    }
    let levels = depth(100_000);
    let (good, bad) = task_with(DEEP, move || {
        let text = "1+(".repeat(levels) + "5" + &")".repeat(levels);
        let bad = expression(&mut &text.as_bytes()[..text.len() - 1]);
        (expression(&mut text.as_bytes()), bad)
    });
    assert_eq!(good, Ok(levels as u64 + 5));
    assert_eq!(bad, Err("')' is missing, 0 bytes are left".to_owned()));
}
