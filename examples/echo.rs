//! A TCP echo server in plain blocking code: one task per connection.
//!
//!     cargo run --release --example echo [-- [ADDRESS] [OPTIONS]]
//!
//! It listens on 127.0.0.1:7000 unless told otherwise, and prints the address: with port 0 the system chooses one. `--help` tells the
//! options. A connection that is idle holds no buffer: the task waits for the socket to be readable first.
//!
//! Accepting, limits and the end are in `server/`, which the example servers share.

#[path = "server/mod.rs"]
mod server;

use server::options::{Options, seconds};
use server::{Connection, Server, is_gone, within};
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: echo [ADDRESS] [OPTIONS]
ADDRESS is where it listens: 127.0.0.1:7000 if not given, port 0 for any
  --idle-timeout SECONDS
                        for a client to send something, or to take what it is sent (for ever)";

const BUFFER: usize = 16 << 10;

#[morestack::main]
fn main() -> ExitCode {
    let mut idle = Duration::MAX;
    let options = Options::listening_at("127.0.0.1:7000").parse("echo", USAGE, |option, parser| {
        if option == "idle-timeout" {
            idle = seconds(parser)?;
        }
        Ok(option == "idle-timeout")
    });
    let options = match options {
        Ok(options) => options,
        Err(code) => return code,
    };
    let served = Server::listen(&options).map(|server| {
        println!("listening on {}", server.address());
        server.run(move |connection| echo(connection, idle))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends back what comes, until the peer has sent everything, is silent for too long, or the server stops.
fn echo(connection: &Connection, idle: Duration) -> io::Result<()> {
    let mut stream = connection.stream();
    loop {
        connection.idle();
        match within(idle, || stream.wait_readable()) {
            Ok(()) => {}
            Err(error) if is_gone(&error) || error.kind() == ErrorKind::TimedOut => return Ok(()),
            Err(error) => return Err(error),
        }
        connection.busy();
        let mut buffer = vec![0; BUFFER];
        let n = within(idle, || stream.read(&mut buffer))?;
        if n == 0 {
            return Ok(());
        }
        within(idle, || stream.write_all(&buffer[..n]))?;
    }
}
