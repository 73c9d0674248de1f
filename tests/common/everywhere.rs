//! Where a behaviour is to hold: on OS threads and in tasks.

#![allow(dead_code, reason = "each test binary uses a part")]

use morestack::net::{TcpListener, TcpStream};

/// Runs a body wherever it has to hold. Here is the place to add another kind.
pub fn everywhere(body: fn()) {
    std::thread::spawn(body).join().unwrap();
    morestack::thread::spawn(body).join().unwrap();
}

/// The two ends of a connection: connected, and accepted.
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}
