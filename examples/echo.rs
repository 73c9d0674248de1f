//! A TCP echo server in plain blocking code: one task per connection.
//!
//!     cargo run --release --example echo [-- ADDRESS]
//!
//! It listens on 127.0.0.1:7000 unless told otherwise, and prints the address: with port 0 the system chooses one. A
//! connection that is idle holds no buffer: the task waits for the socket to be readable first.

use morestack::net::{TcpListener, TcpStream};
use morestack::thread;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: echo [ADDRESS]
ADDRESS is where it listens: 127.0.0.1:7000 if not given, port 0 for any";

const BUFFER: usize = 16 << 10;

#[morestack::main]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match &*arguments {
        [] => "127.0.0.1:7000",
        [address] if !address.starts_with('-') => address,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Err(error) = serve(address);
    eprintln!("echo: cannot listen on {address}: {error}");
    ExitCode::FAILURE
}

fn serve(address: &str) -> io::Result<Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((mut stream, peer)) => morestack::go!(move || {
                if let Err(error) = echo(&mut stream) {
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

/// Sends back what comes, until the peer has sent everything.
fn echo(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        stream.wait_readable()?;
        let mut buffer = vec![0; BUFFER];
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n])?;
    }
}
