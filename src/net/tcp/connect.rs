//! Connecting: started without waiting, then waited for like a write.

use super::TcpStream;
use crate::net::socket::Socket;
use crate::sched::io::{Direction, Settings, Until, poll_now};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

/// Connects to one address. `EAGAIN` means that the time is up.
pub(super) fn connect(addr: &SocketAddr, until: Until) -> io::Result<TcpStream> {
    let started = OwnedFd::from(mio::net::TcpStream::connect(*addr)?);
    let socket = Socket::new(std::net::TcpStream::from(started), Settings::fresh());
    socket.run(Direction::Write, until, |stream| {
        poll_now(stream.as_fd(), Direction::Write)?;
        // It is decided.
        match stream.take_error()? {
            Some(error) => Err(error),
            // Who else asked for the error has it; the connection is not there all the same.
            None => stream.peer_addr().map(drop),
        }
    })?;
    // The mode is the program's to set: see the module `net`.
    socket.io().set_nonblocking(false)?;
    Ok(TcpStream(socket))
}
