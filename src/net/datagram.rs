//! Sending and receiving, where a short transfer says nothing of what comes next: datagrams, and whoever only looks.

use super::socket::{Kind, Socket};
use super::sys;
use crate::sched::io::{Direction, Until};
use socket2::SockAddr;
use std::io;

impl<T: Kind> Socket<T> {
    /// Receives one datagram, or what there is of a stream; `flags` may peek.
    pub(super) fn receive(&self, buf: &mut [u8], flags: i32) -> io::Result<usize> {
        self.run(Direction::Read, Until::Setting, |socket| sys::recv(socket.as_fd(), buf, flags))
    }

    /// The same, with the sender's address.
    pub(super) fn receive_from(&self, buf: &mut [u8], flags: i32) -> io::Result<(usize, SockAddr)> {
        self.run(Direction::Read, Until::Setting, |socket| sys::recv_from(socket.as_fd(), buf, flags))
    }

    /// Sends one datagram to whom the socket is connected.
    pub(super) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.run(Direction::Write, Until::Setting, |socket| sys::send(socket.as_fd(), buf))
    }
}
