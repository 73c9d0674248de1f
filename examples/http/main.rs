//! An HTTP/1.1 server in plain blocking code: one task per connection.
//!
//!     cargo run --release --example http [-- ADDRESS [TIMEOUT_IN_MS]]
//!     curl http://127.0.0.1:8080/hello/world
//!
//! It listens on 127.0.0.1:8080 unless told otherwise, and prints the address: with port 0 the system chooses one. A client that
//! does not get a request through in the timeout (10 s) is told so and disconnected; one that asks nothing for as long is
//! disconnected.
//!
//! - `protocol.rs`: bytes in, responses out; no I/O. What it can do, and what it refuses, is written there.
//! - `routes.rs`: which page is where.
//! - `connection.rs`: the socket, timeouts, the end of a connection.

mod connection;
mod protocol;
mod routes;

use morestack::net::TcpListener;
use morestack::thread;
use std::convert::Infallible;
use std::io;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: http [ADDRESS [TIMEOUT_IN_MS]]
ADDRESS is where it listens: 127.0.0.1:8080 if not given, port 0 for any; the timeout is 10000";

#[morestack::main]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, timeout) = match options(&arguments) {
        Ok(given) => given,
        Err(mistake) => {
            eprintln!("http: {mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Err(error) = serve(address, timeout);
    eprintln!("http: cannot listen on {address}: {error}");
    ExitCode::FAILURE
}

/// Where to listen, and for how long to wait for clients; or what is wrong with the arguments.
fn options(arguments: &[String]) -> Result<(&str, Duration), String> {
    let (address, timeout) = match arguments {
        [] => ("127.0.0.1:8080", None),
        [address] => (&**address, None),
        [address, timeout] => (&**address, Some(timeout)),
        _ => return Err("too many arguments".to_owned()),
    };
    if address.starts_with('-') {
        return Err(format!("there is no option {address}"));
    }
    let timeout = timeout.map_or(Ok(10_000), |text| text.parse().map(NonZeroU64::get));
    let timeout = timeout.map_err(|_| "the timeout is a number of milliseconds above zero".to_owned())?;
    Ok((address, Duration::from_millis(timeout)))
}

fn serve(address: &str, timeout: Duration) -> io::Result<Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, peer)) => morestack::go!(move || {
                if let Err(error) = connection::serve(stream, timeout) {
                    eprintln!("{peer}: {error}");
                }
            }),
            Err(error) => {
                eprintln!("cannot accept: {error}");
                // Out of descriptors, perhaps. Some may be free again by then.
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
