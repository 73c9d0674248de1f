//! The part of the command line that all servers understand.

use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// What all servers can be told.
#[derive(Debug)]
pub struct Options {
    /// Where to listen.
    pub address: String,
    /// Connections at once, at least one. Who comes on top waits in the kernel's backlog.
    pub max_connections: usize,
    /// How long what is in flight may take when the server is to stop.
    pub grace: Duration,
}

/// To be told with the usage of each server.
pub const USAGE: &str = "  --max-connections N   at once; others wait (10000)
  --grace SECONDS       for what is in flight when ctrl-c or SIGTERM comes (10)";

impl Options {
    /// The options of a server that listens here unless it is told otherwise.
    pub fn listening_at(address: &str) -> Options {
        Options { address: address.to_owned(), max_connections: 10_000, grace: Duration::from_secs(10) }
    }

    /// Makes sense of the arguments. What is not of these options goes to `own`, with its name, which says whether it knows it.
    ///
    /// # Errors
    /// What to exit with, when all has been said: the usage was asked for, or something is wrong.
    pub fn parse(
        mut self,
        name: &str,
        usage: &str,
        own: impl FnMut(&str, &mut Parser) -> Result<bool, lexopt::Error>,
    ) -> Result<Options, ExitCode> {
        match self.read(Parser::from_env(), own) {
            Ok(true) => Ok(self),
            Ok(false) => {
                println!("{usage}\n{USAGE}");
                Err(ExitCode::SUCCESS)
            }
            Err(mistake) => {
                eprintln!("{name}: {mistake}\n{usage}\n{USAGE}");
                Err(ExitCode::from(2))
            }
        }
    }

    /// Whether to serve; else to help.
    fn read(
        &mut self,
        mut parser: Parser,
        mut own: impl FnMut(&str, &mut Parser) -> Result<bool, lexopt::Error>,
    ) -> Result<bool, lexopt::Error> {
        let mut addresses = 0;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(false),
                Arg::Long("max-connections") => self.max_connections = number(&mut parser)?,
                Arg::Long("grace") => self.grace = seconds(&mut parser)?,
                Arg::Long(option) => {
                    let option = option.to_owned();
                    if !own(&option, &mut parser)? {
                        return Err(Arg::Long(&option).unexpected());
                    }
                }
                Arg::Value(address) if addresses == 0 => {
                    self.address = address.string()?;
                    addresses = 1;
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(true)
    }
}

/// The number above zero that has to follow an option.
pub fn number<N: FromStr + Default + PartialEq>(parser: &mut Parser) -> Result<N, lexopt::Error> {
    let value = parser.value()?;
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if number != N::default() => Ok(number),
        _ => Err(wrong(&value, "is no number above zero that fits")),
    }
}

/// The time above zero that has to follow an option, in seconds.
pub fn seconds(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    let value = parser.value()?;
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => Err(wrong(&value, "is no time in seconds")),
    }
}

fn wrong(value: &OsString, why: &str) -> lexopt::Error {
    lexopt::Error::Custom(format!("{} {why}", value.display()).into())
}
