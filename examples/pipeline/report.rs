//! What is printed in the end.

use crate::progress::Progress;
use crate::stages::Table;
use std::cmp::Reverse;
use std::io::{self, Write};

/// What there was in all.
pub struct Totals {
    files: usize,
    bytes: usize,
    words: usize,
}

impl Totals {
    pub fn of(progress: &Progress) -> Totals {
        Totals { files: progress.files.get(), bytes: progress.bytes.get(), words: progress.words.get() }
    }
}

/// Writes the words that occur most, one a line, those that are equal by the alphabet; then the totals.
pub fn write(out: &mut impl Write, table: Table, top: usize, totals: Totals) -> io::Result<()> {
    let different = table.len();
    let mut words: Vec<_> = table.into_iter().map(|(word, count)| (Reverse(count), word)).collect();
    if top < words.len() {
        words.select_nth_unstable(top);
        words.truncate(top);
    }
    words.sort_unstable();
    for (Reverse(count), word) in words {
        writeln!(out, "{count:>8} {word}")?;
    }
    let Totals { files, bytes, words } = totals;
    writeln!(out, "{files} files, {bytes} bytes, {words} words, {different} different")?;
    out.flush()
}
