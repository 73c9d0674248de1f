//! An echo server in plain blocking code: one task per connection.
//!
//!     cargo run --release --example echo [-- [ADDRESS] [OPTIONS]]
//!
//! With `--udp` it sends back datagrams; with `--unix PATH` it listens on a Unix socket there. It listens on 127.0.0.1:7000 unless told otherwise, and prints the address: with port 0 the system chooses one. `--help` tells the
//! options. A connection that is idle holds no buffer: the task waits for the socket to be readable first.
//!
//! Accepting, limits and the end are in `server/`, which the example servers share.

#[path = "server/mod.rs"]
mod server;

use lexopt::ValueExt;
use morestack::net::UdpSocket;
use server::listener::Stream;
use server::options::{Options, seconds};
use server::{Connection, Error, Server, is_gone, within};
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: echo [ADDRESS] [OPTIONS]
ADDRESS is where it listens: 127.0.0.1:7000 if not given, port 0 for any
  --udp                 datagrams instead of connections
  --unix PATH           a Unix socket instead of an address; the path must not exist, and is removed at the end
  --idle-timeout SECONDS
                        for a client to send something, or to take what it is sent (for ever)";

const BUFFER: usize = 16 << 10;
/// The largest datagram there can be.
const DATAGRAM: usize = 64 << 10;

#[morestack::main]
fn main() -> ExitCode {
    let (mut idle, mut udp, mut unix) = (Duration::MAX, false, None);
    let options = Options::listening_at("127.0.0.1:7000").parse("echo", USAGE, |option, parser| {
        match option {
            "idle-timeout" => idle = seconds(parser)?,
            "udp" => udp = true,
            "unix" => unix = Some(parser.value()?.string()?),
            _ => return Ok(false),
        }
        Ok(true)
    });
    let options = match options {
        Ok(options) => options,
        Err(code) => return code,
    };
    let served = match unix {
        Some(path) => Server::listen_at(&options, &path).map(|server| {
            println!("listening on {path}");
            server.run(move |connection| echo(connection, idle));
            // Somebody may have been faster.
            let _ = std::fs::remove_file(path);
        }),
        None if udp => datagrams(&options.address),
        None => Server::listen(&options).map(|server| {
            println!("listening on {}", server.address());
            server.run(move |connection| echo(connection, idle));
        }),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends back each datagram, until it is told to stop. One task is enough: it waits for nobody.
fn datagrams(address: &str) -> Result<(), Error> {
    let signals = server::signals()?;
    let failed = |error| Error::Listen { address: address.to_owned(), error };
    let socket = UdpSocket::bind(address).map_err(failed)?;
    println!("listening on {}", socket.local_addr().map_err(failed)?);
    morestack::go!(move || {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let answered = socket.recv_from(&mut buffer).and_then(|(n, peer)| socket.send_to(&buffer[..n], peer));
            if let Err(error) = answered {
                eprintln!("a datagram is not answered: {error}");
            }
        }
    });
    let signal = signals.recv().expect("the channel stays");
    eprintln!("{signal}: stopping");
    Ok(())
}

/// Sends back what comes, until the peer has sent everything, is silent for too long, or the server stops.
fn echo<S>(connection: &Connection<S>, idle: Duration) -> io::Result<()>
where
    S: Stream,
    for<'a> &'a S: Read + Write,
{
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
