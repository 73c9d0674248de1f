//! Channels with many senders and one receiver: the mirror of [`std::sync::mpsc`], for tasks and OS threads.
//!
//! A program moves over by changing its imports: names, signatures and errors are std's, and the errors are std's own types. Who
//! waits lets the other tasks of its worker run.
//!
//! ```
//! use morestack::sync::mpsc;
//! use morestack::thread;
//!
//! let (sender, receiver) = mpsc::channel();
//! for id in 0..3 {
//!     let sender = sender.clone();
//!     thread::spawn(move || sender.send(id).unwrap());
//! }
//! drop(sender);
//! let mut ids: Vec<_> = receiver.iter().collect();
//! ids.sort();
//! assert_eq!(ids, [0, 1, 2]);
//! ```
//!
//! [`channel`](crate::channel) has what these are made of, and more: receivers that are cloned, time limits for senders, and
//! [`select!`](crate::channel::select). What is said there of cost, order and interrupted waits holds here too.

mod receiver;
mod sender;

pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::{Sender, SyncSender};
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

use crate::channel::{bounded, unbounded};

/// A channel with room for any number of messages: sending never waits.
///
/// ```
/// let (sender, receiver) = morestack::sync::mpsc::channel();
/// sender.send("a message").unwrap();
/// assert_eq!(receiver.recv(), Ok("a message"));
/// drop(sender);
/// assert!(receiver.recv().is_err(), "nobody can send any more");
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = unbounded();
    (Sender::new(sender), Receiver::new(receiver))
}

/// A channel with room for `bound` messages. With room for none, a send waits for a receive, and hands its message over.
///
/// ```
/// use morestack::{sync::mpsc, thread};
///
/// let (sender, receiver) = mpsc::sync_channel(0);
/// let task = thread::spawn(move || sender.send(1));
/// assert_eq!(receiver.recv(), Ok(1));
/// task.join().unwrap().unwrap();
/// ```
///
/// # Panics
/// If memory for `bound` messages is more than there can be.
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = bounded(bound);
    (SyncSender::new(sender), Receiver::new(receiver))
}
