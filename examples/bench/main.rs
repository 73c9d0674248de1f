//! Rows to compare with other runtimes: each prints lines `name value unit`.
//!
//!     cargo run --release --example bench -- ROW
//!
//! | row | what it measures |
//! |---|---|
//! | `spawn [N]` | spawning a batch of N tasks (100,000) and joining them; one after the other |
//! | `yield` | two tasks that give way to each other |
//! | `mem [N]` | memory of N parked tasks (100,000), and how long they take to park and to end |
//! | `fanout` | work for the processor, split over 64 tasks: with WORKERS=2 it should take half of the time of WORKERS=1 |
//! | `ping` | two tasks that hand numbers to and fro, over channels without a buffer |
//! | `bchan` | producers and consumers of a channel with room for 128 messages, one and four of each |
//! | `select` | `select!` over three channels: with a message in one, and waiting for another task |
//! | `locks` | a `Mutex`, free and wanted by a thousand tasks; and std's, by a thousand threads, in the same run |
//! | `copies` | `safecopy::copy_in` against `memcpy`, from 64 bytes to 64 MB |
//! | `timers [N]` | N sleepers (100,000) of 1 to 100 ms: the time for all, and how late they wake |
//! | `deep` | recursions of compiled Rust in fresh tasks, the first time and again |
//! | `deep_asm` | the same in mapped code, on a go segment that grows by moving |
//! | `hot` | a leaf with a frame of 2 KB, called in a loop at 96 depths |
//! | `latency [N]` | round trips of an echo with an OS thread: alone, and beside N idle tasks (10,000) |
//! | `raw PORT` | serves: a fixed response to each HTTP request, for load generators |
//! | `echo PORT [BUF]` | serves: echo, with a buffer of BUF bytes (1024) for each connection; with `WAITS=1` in the environment only while there is something to put into it |
//! | `overflow` | runs off the end of a task's stack, to show the report |
//!
//! `WORKERS` in the environment is the number of workers (1). Every row runs as a task itself, so a task's spawns, joins and
//! switches are measured, not those of an OS thread. Figures are medians over the repetitions.
//!
//! Names, sizes and repetitions are those of the same rows written for other runtimes (Go's with `go.` in place of
//! `ours.`), so that figures can be compared line by line.

mod bchan;
mod copies;
mod deep;
mod deep_asm;
mod fanout;
mod frames;
mod hot;
mod latency;
mod locks;
mod memory;
mod overflow;
mod ping;
mod report;
mod select;
mod serve;
mod spawn;
mod timers;
mod yields;

use morestack::runtime::Builder;
use std::error::Error;
use std::io;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::str::FromStr;

const USAGE: &str = "usage: bench ROW, where ROW is one of
    spawn [N]   yield   mem [N]   fanout   timers [N]   ping   bchan   select   locks   copies
    deep   deep_asm   hot   latency [N]   raw PORT   echo PORT [BUF]   overflow
WORKERS in the environment is the number of workers (1)";

/// What a row does, as a task.
type Row = Box<dyn FnOnce() -> io::Result<()> + Send>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [help] = &*arguments
        && (help == "-h" || help == "--help")
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let (row, workers) = match row(&arguments).and_then(|row| Ok((row, report::workers()?))) {
        Ok(given) => given,
        Err(mistake) => {
            eprintln!("bench: {mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(row, workers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(row: Row, workers: usize) -> Result<(), Box<dyn Error>> {
    Ok(Builder::new().workers(workers).build()?.run(row)?)
}

/// The row that the arguments name, or what is wrong with them.
fn row(arguments: &[String]) -> Result<Row, String> {
    let name = arguments.first().ok_or("which row?")?;
    let most = match name.as_str() {
        "echo" => 3,
        "spawn" | "mem" | "timers" | "latency" | "raw" => 2,
        _ => 1,
    };
    let second = || number(arguments.get(1), NonZeroUsize::new(100_000).expect("not zero"));
    let row: Row = match name.as_str() {
        "spawn" => sized(spawn::run, second()?),
        "yield" => plain(yields::run),
        "mem" => sized(memory::run, second()?),
        "fanout" => plain(fanout::run),
        "ping" => plain(ping::run),
        "bchan" => plain(bchan::run),
        "select" => plain(select::run),
        "locks" => plain(locks::run),
        "copies" => plain(copies::run),
        "timers" => sized(timers::run, second()?),
        "deep" => plain(deep::run),
        "deep_asm" => plain(deep_asm::run),
        "hot" => plain(hot::run),
        "overflow" => plain(overflow::run),
        "latency" => {
            let idle = number(arguments.get(1), NonZeroUsize::new(10_000).expect("not zero"))?.get();
            Box::new(move || latency::run(idle))
        }
        "raw" | "echo" => {
            let port = number(Some(arguments.get(1).ok_or("which port?")?), 0)?;
            // Without room nothing is read, which looks like the end of the stream.
            let buffer = number(arguments.get(2), NonZeroUsize::new(1024).expect("not zero"))?.get();
            let waits = std::env::var_os("WAITS").is_some();
            let serve = match (name.as_str(), waits) {
                ("raw", _) => |port, _| serve::raw(port),
                (_, false) => serve::echo,
                (_, true) => serve::echo_waiting,
            };
            Box::new(move || serve(port, buffer))
        }
        other => return Err(format!("there is no row {other}")),
    };
    match arguments.get(most) {
        None => Ok(row),
        Some(more) => Err(format!("{name} has no use for {more}")),
    }
}

fn plain(row: impl FnOnce() + Send + 'static) -> Row {
    Box::new(|| {
        row();
        Ok(())
    })
}

fn sized(row: fn(usize), n: NonZeroUsize) -> Row {
    plain(move || row(n.get()))
}

fn number<N: FromStr>(argument: Option<&String>, default: N) -> Result<N, String> {
    argument.map_or(Ok(default), |text| text.parse().map_err(|_| format!("{text} is no number that fits")))
}
