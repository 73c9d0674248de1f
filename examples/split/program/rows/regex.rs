//! `regex`: searches through a log, with captures.

use crate::program::measure::row;
use regex::Regex;
use std::fmt::Write;
use std::hint::black_box;

const LINES: usize = 1000;

pub fn pattern() -> Regex {
    Regex::new(r"(?m)^(\d{4})-(\d\d)-(\d\d) \S+ (?:ERROR|WARN) \[(\w+)\] .*?(\d+) ms$").expect("a valid pattern")
}

/// The same text in each run; every third line matches.
pub fn log(lines: usize) -> String {
    let mut text = String::new();
    for i in 0..lines {
        let level = ["INFO", "DEBUG", "ERROR"][i % 3];
        writeln!(
            text,
            "2025-{:02}-{:02} 12:00:{:02} {level} [worker{}] request {i} took {} ms",
            i % 12 + 1,
            i % 28 + 1,
            i % 60,
            i % 7,
            i * 13 % 997
        )
        .expect("a String takes all");
    }
    text
}

pub fn run() {
    let (pattern, text) = (pattern(), log(LINES));
    row("regex", LINES, || {
        let mut sum = 0;
        for captures in pattern.captures_iter(&text) {
            sum += captures[2].len() + captures[4].len() + captures[5].len();
        }
        black_box(sum);
    });
}
