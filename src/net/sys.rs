//! Transfers that never wait in the kernel, whatever the descriptor's mode: std has none.

use socket2::{SockAddr, SockRef};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// What one call transfers at most: the kernel's `MAX_RW_COUNT` and `UIO_MAXIOV`. More in a buffer or in more buffers is not
/// looked at, so a transfer of that much is not a short one.
const MAX_BYTES: usize = 0x7fff_f000;
const MAX_SLICES: usize = libc::UIO_MAXIOV as usize;

/// Receives; `flags` besides `MSG_DONTWAIT`.
pub(super) fn recv(fd: BorrowedFd<'_>, buf: &mut [u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the kernel writes into `buf`, at most its length.
    let n = unsafe {
        libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len().min(MAX_BYTES), flags | libc::MSG_DONTWAIT)
    };
    transferred(n)
}

/// Sends. A broken connection is an error, never SIGPIPE.
pub(super) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads from `buf`, at most its length.
    transferred(unsafe { libc::send(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len().min(MAX_BYTES), flags) })
}

/// As [`recv`], with the sender's address.
pub(super) fn recv_from(fd: BorrowedFd<'_>, buf: &mut [u8], flags: i32) -> io::Result<(usize, SockAddr)> {
    // SAFETY: nothing uninitialised is written into it: the kernel fills it from the front, if at all.
    let buf = unsafe { &mut *(ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) };
    SockRef::from(&fd).recv_from_with_flags(buf, flags | libc::MSG_DONTWAIT)
}

/// As [`send`], to an address.
pub(super) fn send_to(fd: BorrowedFd<'_>, buf: &[u8], addr: &SockAddr) -> io::Result<usize> {
    SockRef::from(&fd).send_to_with_flags(buf, addr, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
}

/// As [`recv`], into several buffers.
pub(super) fn recv_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut header = header(bufs.as_mut_ptr().cast(), bufs.len());
    // SAFETY: an IoSliceMut is laid out as an iovec, and the buffers are ours to write to.
    transferred(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut header, libc::MSG_DONTWAIT) })
}

/// As [`send`], from several buffers.
pub(super) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let header = header(bufs.as_ptr().cast_mut().cast(), bufs.len());
    // SAFETY: an IoSlice is laid out as an iovec; the kernel only reads what it is to send.
    transferred(unsafe { libc::sendmsg(fd.as_raw_fd(), &header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
}

/// How much a call could transfer at most, given the lengths of its buffers.
pub(super) fn capacity(lens: impl Iterator<Item = usize>) -> usize {
    lens.take(MAX_SLICES).fold(0, usize::saturating_add).min(MAX_BYTES)
}

fn header(slices: *mut libc::iovec, len: usize) -> libc::msghdr {
    // SAFETY: a msghdr of zeros is one without name, buffers and control data.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = slices;
    header.msg_iovlen = len.min(MAX_SLICES);
    header
}

fn transferred(n: isize) -> io::Result<usize> {
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}
