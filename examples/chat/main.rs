//! A chat in one room, over WebSocket, in plain blocking code: two tasks per client, one that reads and one that writes.
//!
//!     cargo run --release --example chat [-- [ADDRESS] [OPTIONS]]
//!
//! and then http://127.0.0.1:8081 in a browser. It listens there unless told otherwise, and prints the address: with port 0 the system
//! chooses one. `--help` tells the options.
//!
//! A client's first message is its name; what follows are lines. What it receives are lines too: those before its time, and from then on
//! all that are said, its own included. Each client has an outbox of its own, with a bound: who does not read loses his connection, and
//! holds up nobody.
//!
//! - `room.rs`: who is there, what was said; no I/O.
//! - `visit.rs`: one connection: a page, or a client of the room.
//! - `client.rs`: the two tasks of a client.
//! - `page.rs`, `page.html`: what a browser shows.
//! - `../server/`: what the example servers share.

mod client;
mod page;
mod room;
#[path = "../server/mod.rs"]
mod server;
mod visit;

use room::Room;
use server::Server;
use server::options::{Options, number, seconds};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: chat [ADDRESS] [OPTIONS]
ADDRESS is where it listens: 127.0.0.1:8081 if not given, port 0 for any
  --history N           lines that newcomers see (50)
  --outbox N            lines that may wait for a client, on top of those (200)
  --idle-timeout SECONDS
                        a client that is silent for so long, and does not answer pings, is gone (90)
  --write-timeout SECONDS
                        for a line to go (10)";

/// Most lines of an outbox, and of the history.
const MOST_LINES: usize = 100_000;

/// How long clients may take.
#[derive(Clone, Copy)]
struct Limits {
    /// For the request, and for the name.
    begin: Duration,
    idle: Duration,
    write: Duration,
}

#[morestack::main]
fn main() -> ExitCode {
    let [begin, idle, write] = [10, 90, 10].map(Duration::from_secs);
    let mut limits = Limits { begin, idle, write };
    let (mut history, mut outbox) = (50_usize, 200_usize);
    let options = Options::listening_at("127.0.0.1:8081").parse("chat", USAGE, |option, parser| {
        match option {
            "history" => history = number::<usize>(parser)?.min(MOST_LINES),
            "outbox" => outbox = number::<usize>(parser)?.min(MOST_LINES),
            "idle-timeout" => limits.idle = seconds(parser)?,
            "write-timeout" => limits.write = seconds(parser)?,
            _ => return Ok(false),
        }
        Ok(true)
    });
    let options = match options {
        Ok(options) => options,
        Err(code) => return code,
    };
    let room = Room::new(history, outbox);
    let served = Server::listen(&options).map(|server| {
        println!("listening on http://{}", server.address());
        server.run(move |connection| visit::serve(connection, &room, limits))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}
