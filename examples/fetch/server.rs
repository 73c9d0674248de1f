//! A server for those who have none at hand: each page takes a fifth of a second. It has a worker of its own, which no client blocks.

use morestack::net::{TcpListener, TcpStream};
use morestack::runtime::{Builder, Runtime};
use morestack::{go, thread};
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

const TAKES: Duration = Duration::from_millis(200);

/// Starts it, for as long as the process runs.
pub fn start() -> io::Result<SocketAddr> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let runtime = Builder::new().workers(1).name("server").build()?;
    let accepts = move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => go!(move || {
                    // Who goes away has got what it wanted.
                    let _ = serve(&stream);
                }),
                // No descriptors, perhaps.
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    };
    drop(RUNTIME.get_or_init(|| runtime).spawn(accepts));
    Ok(address)
}

/// Answers requests without bodies, one after the other.
fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        // The head ends with an empty line.
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        thread::sleep(TAKES);
        let path = request.split(' ').nth(1).unwrap_or("/");
        let body = format!("This is page {path}.\n");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = stream;
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}
