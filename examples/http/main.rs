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
use std::error::Error;
use std::time::Duration;

#[morestack::main]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let timeout = Duration::from_millis(arguments.next().map_or(Ok(10_000), |ms| ms.parse())?);
    let listener = TcpListener::bind(&*address)?;
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
