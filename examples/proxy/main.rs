//! A proxy in plain blocking code: a task per connection, and one more for the way back.
//!
//!     cargo run --release --example proxy -- [ADDRESS] --to HOST:PORT       # all connections go there, whatever they carry
//!     cargo run --release --example proxy [-- [ADDRESS]]                    # an HTTP proxy: curl -x http://127.0.0.1:8082 ...
//!
//! It listens on 127.0.0.1:8082 unless told otherwise, and prints the address: with port 0 the system chooses one. `--help` tells the
//! options. It connects to wherever it is told: whoever reaches its address reaches what it does.
//!
//! As an HTTP proxy it opens tunnels (`CONNECT`), through which TLS goes as it is, and passes on requests for `http://` addresses, one on
//! each connection.
//!
//! - `forward.rs`: connections for another server.
//! - `request.rs`: what a client of an HTTP proxy asks for; no I/O.
//! - `relay.rs`: bytes both ways.
//! - `../server/`: what the example servers share.

mod forward;
mod relay;
mod request;
#[path = "../server/mod.rs"]
mod server;

use lexopt::ValueExt;
use server::Server;
use server::options::{Options, seconds};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: proxy [ADDRESS] [OPTIONS]
ADDRESS is where it listens: 127.0.0.1:8082 if not given, port 0 for any
  --to HOST:PORT        where all connections go; else this is an HTTP proxy
  --connect-timeout SECONDS, --head-timeout SECONDS
                        to reach a server (10), and for a request to come (10)
  --idle-timeout SECONDS
                        without a byte in any direction (300)";

/// How long others may take.
#[derive(Clone, Copy)]
struct Limits {
    connect: Duration,
    head: Duration,
    idle: Duration,
}

#[morestack::main]
fn main() -> ExitCode {
    let [connect, head, idle] = [10, 10, 300].map(Duration::from_secs);
    let mut limits = Limits { connect, head, idle };
    let mut to: Option<String> = None;
    let options = Options::listening_at("127.0.0.1:8082").parse("proxy", USAGE, |option, parser| {
        match option {
            "to" => to = Some(parser.value()?.string()?),
            "connect-timeout" => limits.connect = seconds(parser)?,
            "head-timeout" => limits.head = seconds(parser)?,
            "idle-timeout" => limits.idle = seconds(parser)?,
            _ => return Ok(false),
        }
        Ok(true)
    });
    let options = match options {
        Ok(options) => options,
        Err(code) => return code,
    };
    let served = Server::listen(&options).map(|server| {
        println!("listening on {}", server.address());
        server.run(move |connection| match &to {
            Some(to) => forward::all(connection, to, limits),
            None => forward::requests(connection, limits),
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error}");
            ExitCode::FAILURE
        }
    }
}
