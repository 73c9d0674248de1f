//! A client library that opens its own sockets, on tasks: `ureq`, unchanged, in the three ways there are.
//!
//!     cargo run --release --example fetch [-- [--way stream|blocking|direct] [--pages N] [URL...]]
//!
//! | way | what happens | a page costs |
//! |---|---|---|
//! | `stream` | `ureq` is given connections of ours ([`transport`]): a task that waits for a page leaves its worker to others | a task |
//! | `blocking` | each request runs in `morestack::blocking`: for libraries that take no connections | a thread of the helpers, while it runs |
//! | `direct` | the library blocks the worker: nothing else runs there meanwhile. The monitor says so, and where | all that its worker has to do |
//!
//! Without URLs it asks a server of its own, which takes a fifth of a second for each page.

mod server;
mod transport;

use morestack::channel;
use morestack::{blocking, go, runtime};
use std::io;
use std::process::ExitCode;
use std::time::Instant;
use ureq::Agent;
use ureq::config::Config;

const USAGE: &str = "usage: fetch [--way stream|blocking|direct] [--pages N] [URL...]
fetches the pages all at once, and says how long that took: URLs, or N (100) of a server of its own";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Stream,
    Blocking,
    Direct,
}

struct Options {
    way: Way,
    pages: usize,
    urls: Vec<String>,
}

#[morestack::main]
fn main() -> ExitCode {
    let options = match parse() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("fetch: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    runtime::set_report_hook(|report| println!("the monitor: {report}"));
    match fetch(options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("fetch: {failed} pages failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("fetch: no server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Nothing: help is asked for.
fn parse() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options = Options { way: Way::Stream, pages: 100, urls: Vec::new() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("way") => {
                options.way = parser.value()?.parse_with(|word| match word {
                    "stream" => Ok(Way::Stream),
                    "blocking" => Ok(Way::Blocking),
                    "direct" => Ok(Way::Direct),
                    _ => Err("there is no such way"),
                })?;
            }
            Long("pages") => options.pages = parser.value()?.parse()?,
            Value(url) => options.urls.push(url.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}

/// Fetches all pages at once. How many failed.
fn fetch(Options { way, pages, mut urls }: Options) -> io::Result<usize> {
    if urls.is_empty() {
        let server = server::start()?;
        urls = (0..pages).map(|page| format!("http://{server}/{page}")).collect();
    }
    let agent = match way {
        Way::Stream => Agent::with_parts(Config::default(), transport::Connect, transport::Resolve),
        Way::Blocking | Way::Direct => Agent::new_with_defaults(),
    };
    let begin = Instant::now();
    let (sender, results) = channel::unbounded();
    for url in urls {
        let (agent, sender) = (agent.clone(), sender.clone());
        go!(move || {
            let get = || agent.get(&url).call().and_then(|mut response| response.body_mut().read_to_vec());
            let page = match way {
                Way::Blocking => blocking(get),
                Way::Stream | Way::Direct => get(),
            };
            // The receiver stays until all have sent.
            let _ = sender.send((url.clone(), page.map(|page| page.len())));
        });
    }
    drop(sender);
    let (mut fetched, mut bytes, mut failed) = (0, 0, 0);
    for (url, page) in results {
        match page {
            Ok(len) => (fetched, bytes) = (fetched + 1, bytes + len),
            Err(error) => {
                eprintln!("{url}: {error}");
                failed += 1;
            }
        }
    }
    println!("{way:?}: {fetched} pages, {bytes} bytes in {:.2} s", begin.elapsed().as_secs_f64());
    Ok(failed)
}
