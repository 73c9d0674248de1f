//! How far it is: counted by the stages, drawn by a task that nobody else waits for.

use crate::stages::{Chunk, Share};
use morestack::channel::{Receiver, never, select, tick};
use std::convert::Infallible;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Often enough to look alive.
const PERIOD: Duration = Duration::from_millis(100);

/// A number that many tasks add to.
#[derive(Default)]
pub struct Counter(AtomicUsize);

impl Counter {
    pub fn add(&self, n: usize) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What has been done so far.
pub struct Progress {
    /// Files in all.
    all: usize,
    /// Files that were read to their end.
    pub files: Counter,
    /// Bytes that were read.
    pub bytes: Counter,
    /// Words that were found.
    pub words: Counter,
}

impl Progress {
    pub fn new(all: usize) -> Progress {
        Progress { all, files: Counter::default(), bytes: Counter::default(), words: Counter::default() }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, bytes, words) = (self.files.get(), self.bytes.get(), self.words.get());
        write!(f, "{files} of {} files, {:.1} MB, {words} words", self.all, bytes as f64 / 1e6)
    }
}

/// A file that could not be read.
pub struct Failure {
    pub path: PathBuf,
    pub error: io::Error,
}

/// The channels whose lengths are shown. As a receiver of each it sees them; it receives nothing.
pub struct Queues {
    pub chunks: Receiver<Chunk>,
    pub shares: Vec<Receiver<Share>>,
}

/// Draws until `finished` is closed: one line that changes, on a terminal; elsewhere a line at the end. Failures are told at once.
/// Returns how many there were.
pub fn draw(progress: &Progress, queues: Queues, failures: Receiver<Failure>, finished: Receiver<Infallible>) -> usize {
    let live = io::stderr().is_terminal();
    let redraw = if live { tick(PERIOD) } else { never() };
    // Back to the beginning of the line, and away with what is there.
    let clear = if live { "\r\x1b[K" } else { "" };
    // After the last reader there is nothing to tell; and a closed channel would always be ready.
    let (mut failures, mut told) = (failures, 0);
    let mut tell = |failure: Failure| {
        told += 1;
        say(format_args!("{clear}pipeline: {}: {}\n", failure.path.display(), failure.error));
    };
    loop {
        select! {
            recv(failures) -> failure => match failure {
                Ok(failure) => tell(failure),
                Err(_) => failures = never(),
            },
            recv(redraw) -> _ => {
                let shares: usize = queues.shares.iter().map(Receiver::len).sum();
                say(format_args!("{clear}{progress}; waiting: {} chunks, {shares} shares", queues.chunks.len()));
            }
            recv(finished) -> _ => break,
        }
    }
    failures.try_iter().for_each(&mut tell);
    say(format_args!("{clear}{progress}\n"));
    told
}

/// Writes to stderr. If that is closed there is nobody to tell.
fn say(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}
