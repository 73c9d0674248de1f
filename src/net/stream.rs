//! Reading and writing streams.

use super::socket::{Kind, Socket};
use super::sys;
use crate::sched::io::Direction;
use std::io::{self, IoSlice, IoSliceMut};

impl<T: Kind> Socket<T> {
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.transfer(Direction::Read, full::<T>([buf.len()]), |fd| sys::recv(fd, buf, 0))
    }

    pub(super) fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let full = full::<T>(bufs.iter().map(|buf| buf.len()));
        self.transfer(Direction::Read, full, |fd| sys::recv_vectored(fd, bufs))
    }

    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.transfer(Direction::Write, full::<T>([buf.len()]), |fd| sys::send(fd, buf))
    }

    pub(super) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let full = full::<T>(bufs.iter().map(|buf| buf.len()));
        self.transfer(Direction::Write, full, |fd| sys::send_vectored(fd, bufs))
    }
}

/// How many bytes a transfer is not short with, given the lengths of its buffers. Unix sockets' are short for other reasons, too.
fn full<T: Kind>(lens: impl IntoIterator<Item = usize>) -> usize {
    if T::UNIX { 0 } else { sys::capacity(lens.into_iter()) }
}
