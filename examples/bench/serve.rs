//! Servers for load generators: one task per connection, plain blocking code.

use morestack::net::{TcpListener, TcpStream};
use morestack::thread;
use std::io::{self, Read, Write};
use std::time::Duration;

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\n\r\nHello, World!";

/// Answers whatever ends in an empty line. There is no parser, and the load generator does not pipeline: this measures the
/// runtime and the kernel.
pub fn raw(port: u16) -> io::Result<()> {
    serve(port, |stream| {
        let mut buffer = vec![0; 4096];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            if n >= 4 && buffer[n - 1] == b'\n' && buffer[n - 3] == b'\n' {
                stream.write_all(RESPONSE)?;
            }
        }
    })
}

/// Sends back what comes. The buffer is there as long as the connection, as in the same row for other runtimes.
pub fn echo(port: u16, buffer: usize) -> io::Result<()> {
    serve(port, move |stream| {
        let mut buffer = vec![0; buffer];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..n])?;
        }
    })
}

/// The same, but the buffer is there only while there is something to put into it.
pub fn echo_waiting(port: u16, buffer: usize) -> io::Result<()> {
    serve(port, move |stream| {
        loop {
            stream.wait_readable()?;
            let mut buffer = vec![0; buffer];
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..n])?;
        }
    })
}

fn serve(port: u16, connection: impl Fn(&mut TcpStream) -> io::Result<()> + Copy + Send + 'static) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    loop {
        match listener.accept() {
            // A connection that ends in an error is its peer's affair.
            Ok((mut stream, _)) => morestack::go!(move || drop(connection(&mut stream))),
            Err(error) => {
                eprintln!("accept: {error}");
                // Descriptors may be free again by then.
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
