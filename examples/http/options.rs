//! What the server is told on the command line, besides what all servers are.

use crate::files::Files;
use crate::server::options::{Options, seconds};
use lexopt::{Parser, ValueExt};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// To be told with the usage.
pub const USAGE: &str = "  --files DIRECTORY     served below /files/
  --head-timeout SECONDS, --body-timeout SECONDS
                        for a request to come, up to its body and from there (10, 30)
  --write-timeout SECONDS
                        for some 64 KB of a response to go (30)
  --idle-timeout SECONDS
                        between requests (60)
  --debug-page[=ADDRESS]
                        what the server does, for a browser (127.0.0.1:6060)";

/// How long clients may take.
#[derive(Clone, Debug)]
pub struct Limits {
    pub head: Duration,
    pub body: Duration,
    /// For what is written at a time.
    pub write: Duration,
    pub idle: Duration,
}

/// What connections are served by.
pub struct Site {
    pub limits: Limits,
    pub files: Option<Files>,
}

/// What a server of pages can be told.
#[derive(Debug)]
pub struct Pages {
    limits: Limits,
    files: Option<PathBuf>,
    /// Where the page about the server itself is to be.
    pub debug_page: Option<SocketAddr>,
}

impl Default for Pages {
    fn default() -> Pages {
        let [head, body, write, idle] = [10, 30, 30, 60].map(Duration::from_secs);
        Pages { limits: Limits { head, body, write, idle }, files: None, debug_page: None }
    }
}

impl Pages {
    /// Takes an option, if it is one of these.
    pub fn take(&mut self, option: &str, parser: &mut Parser) -> Result<bool, lexopt::Error> {
        match option {
            "files" => self.files = Some(parser.value()?.into()),
            "head-timeout" => self.limits.head = seconds(parser)?,
            "body-timeout" => self.limits.body = seconds(parser)?,
            "write-timeout" => self.limits.write = seconds(parser)?,
            "idle-timeout" => self.limits.idle = seconds(parser)?,
            "debug-page" => {
                let address = parser.optional_value().unwrap_or_else(|| "127.0.0.1:6060".into());
                self.debug_page = Some(address.parse()?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What to serve. Blocks.
    ///
    /// # Errors
    /// What to say of the directory.
    pub fn site(self) -> Result<Site, String> {
        let files = self.files.map(|path| {
            Files::of(&path).map_err(|error| format!("cannot serve the files of {}: {error}", path.display()))
        });
        Ok(Site { limits: self.limits, files: files.transpose()? })
    }
}

/// All of the command line of a server of pages, which listens at this address by itself. `more` takes what options it has besides.
pub fn parse(
    name: &str,
    usage: &str,
    address: &str,
    mut more: impl FnMut(&str, &mut Parser) -> Result<bool, lexopt::Error>,
) -> Result<(Options, Pages), ExitCode> {
    let mut pages = Pages::default();
    let usage = format!("{usage}\n{USAGE}");
    let take = |option: &str, parser: &mut Parser| Ok(pages.take(option, parser)? || more(option, parser)?);
    let options = Options::listening_at(address).parse(name, &usage, take)?;
    Ok((options, pages))
}
