//! Unix sockets, a mirror of [`std::os::unix::net`]; `morestack::os::unix::net` is another name of it.
//!
//! What is said of [`net`](super) holds here too. The kernel tells less of Unix sockets than of others, so that some waits are of
//! another kind, in tasks and on OS threads alike:
//!
//! | wait | how it ends |
//! |---|---|
//! | [`UnixStream::connect`], while the listener's backlog is full; [`UnixDatagram::send_to`], while the receiver has as many as it takes | no event tells of room: it is tried again after pauses, from 50 us growing to 10 ms. Who comes later may be faster |
//! | a write, while the buffer is full | by an event, as all; but none tells of a shutdown of one direction. So it asks again each second |
//!
//! They give way to other tasks, and time limits and cancellation end them, as any wait.
//!
//! A wait for data costs one system call more than on a TCP connection: a short read does not say that nothing is left, because
//! the kernel ends one where descriptors were sent along.

mod addr;
mod datagram;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;
