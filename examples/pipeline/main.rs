//! Counts the words of files, in stages that are joined by channels. Plain blocking code throughout.
//!
//!     cargo run --release --example pipeline -- [--top N] [--workers N] [--timeout SECONDS] FILE...
//!
//! ```text
//!     files --> readers --> chunks --> splitters --> shares --> counters --> tables --> merge (here)
//!                  |                      |            (one channel for each counter)     |
//!                  |                      +--<-- stop: closed when the time is up --<-----+
//!                  +--> failures --> progress, on stderr
//! ```
//!
//! Channels with a bound keep fast stages from running ahead of slow ones. A stage ends when the one before it has: its channel is
//! closed then. So the end travels down the stages by itself, and giving up means to end the first two.
//!
//! - `options.rs`: the command line.
//! - `stages.rs`: the stages, and how they end.
//! - `words.rs`: what a word is; no I/O, no tasks.
//! - `progress.rs`: how far it is, drawn while it runs.
//! - `report.rs`: the words that occur most.

mod options;
mod progress;
mod report;
mod stages;
mod words;

use morestack::channel::{after, bounded, never, select_biased, unbounded};
use morestack::runtime::Builder;
use morestack::thread;
use options::{Options, Request, USAGE};
use progress::Progress;
use report::Totals;
use stages::{Stop, Table};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Request::Count(options)) => options,
        Err(mistake) => {
            eprintln!("pipeline: {mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = match Builder::new().workers(options.workers).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("pipeline: {error}");
            return ExitCode::FAILURE;
        }
    };
    let counted = runtime.run(move || count(options));
    // Not dropped: that would wait for a reader whose file has no end, after we have given up.
    std::mem::forget(runtime);
    match counted {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pipeline: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts and prints. Whether all was counted.
fn count(options: Options) -> io::Result<bool> {
    let (files, out_of) = unbounded();
    let progress = Arc::new(Progress::new(options.files.len()));
    for file in options.files {
        files.send(file).expect("its receiver is here");
    }
    drop(files);

    let (stop, stopped) = bounded(0);
    let (failures, failed) = unbounded();
    let (finish, finished) = bounded(0);
    let chunks = stages::read(out_of, Stop(stopped.clone()), failures, &progress);
    let shares = stages::split(&chunks, options.workers, Stop(stopped), &progress);
    let queues = progress::Queues { chunks, shares: shares.clone() };
    let drawing = thread::spawn({
        let progress = progress.clone();
        move || progress::draw(&progress, queues, failed, finished)
    });

    let mut table = Table::new();
    let mut stop = Some(stop);
    let tables = stages::count(shares);
    let time_is_up = options.timeout.map_or_else(never, after);
    loop {
        // In this order: no time at all is too little, however fast the counters are.
        select_biased! {
            recv(time_is_up) -> _ => drop(stop.take()),
            recv(tables) -> words => match words {
                // No word is in two tables.
                Ok(words) => table.extend(words),
                Err(_) => break,
            },
        }
    }
    drop(finish);
    let failures = drawing.join().expect("drawing does not fail");

    report::write(&mut io::stdout().lock(), table, options.top, Totals::of(&progress))?;
    if stop.is_none() {
        eprintln!("pipeline: gave up when the time was over: this is what had been read by then");
    }
    Ok(failures == 0 && stop.is_some())
}
