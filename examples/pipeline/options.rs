//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

pub const USAGE: &str = "usage: pipeline [--top N] [--workers N] [--timeout SECONDS] FILE...
counts the words of the files; prints the N that occur most (10), and how many there are.
N workers (as many as there are processors) do it; when the time is over they give up, with what they have";

/// What is asked for.
pub enum Request {
    Help,
    Count(Options),
}

pub struct Options {
    /// At least one.
    pub files: Vec<PathBuf>,
    /// How many words to print.
    pub top: usize,
    /// OS threads that tasks run on; also how many tasks split, and how many count. At least one.
    pub workers: usize,
    pub timeout: Option<Duration>,
}

/// Makes sense of the arguments, or says what is wrong with them. What comes after `--` is a file, whatever it looks like.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options { files: vec![], top: 10, workers: processors, timeout: None };
    let mut arguments = arguments;
    let mut only_files = false;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") if !only_files => only_files = true,
            Some(option) if option.starts_with('-') && !only_files => match option {
                "-h" | "--help" => return Ok(Request::Help),
                "--top" => options.top = value(option, arguments.next())?,
                "--workers" => options.workers = value(option, arguments.next())?,
                "--timeout" => options.timeout = Some(seconds(value(option, arguments.next())?)?),
                _ => return Err(format!("there is no option {option}")),
            },
            _ => options.files.push(argument.into()),
        }
    }
    if options.workers == 0 {
        return Err("--workers 0 would get nothing done".to_owned());
    }
    if options.files.is_empty() {
        return Err("which files?".to_owned());
    }
    Ok(Request::Count(options))
}

/// The number that has to follow an option.
fn value<N: FromStr>(option: &str, argument: Option<OsString>) -> Result<N, String> {
    let argument = argument.ok_or_else(|| format!("{option} needs a number"))?;
    let number = argument.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{option} {} is no number that fits", argument.display()))
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("--timeout {seconds} is no time to wait"))
}
