//! Channels: the mirror of [`crossbeam-channel`](crossbeam_channel), for tasks and OS threads.
//!
//! A program that was written for that crate moves over by changing its imports; what it waits for, a task waits for without
//! blocking its OS thread. The error types are that crate's own.
//!
//! ```
//! use morestack::channel;
//! use morestack::thread;
//!
//! let (s, r) = channel::bounded(0);
//! thread::spawn(move || s.send("a message").unwrap());
//! assert_eq!(r.recv(), Ok("a message"));
//! assert!(r.recv().is_err(), "the sender is gone");
//! ```
//!
//! - [`bounded`] has room for so many messages; for none, too: then sender and receiver meet, and the message goes straight from one
//!   frame to the other.
//! - [`unbounded`] has always room.
//! - [`after`], [`at`] and [`tick`] are clocks: what is received is the time. [`never()`] has no message ever.
//! - [`select!`] and [`Select`] wait for several at once.
//!
//! # Who gets what
//! Messages of one sender arrive in their order. Of several that wait, the one that came first is woken first; but a message in a
//! buffer is had by whoever takes it, so a task that runs may be faster than one that is just being woken, which then waits on
//! before all others.
//!
//! # Cost
//! While nobody has to wait, a message in a buffer costs one exchange to put in and one to take out, and no lock; without a buffer,
//! a short lock for each side. To wait allocates nothing. A sender that always finds room, and a receiver that always finds a
//! message, give way to others now and then.
//!
//! # Cancellation
//! A send or receive that is ended by a [`timeout`](crate::time::timeout), or because its runtime is shut down, has not happened: its
//! message is dropped with it, and nobody else's is lost.

mod buffer;
mod buffered;
mod clock;
mod handle;
mod iter;
mod list;
mod macros;
mod operation;
mod operations;
mod rendezvous;
mod ring;
mod select;
mod shared;
mod waiters;

pub use crossbeam_channel::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError, SendTimeoutError, TryReadyError,
    TryRecvError, TrySelectError, TrySendError,
};
pub use handle::{Receiver, Sender};
pub use iter::{IntoIter, Iter, TryIter};
#[doc(inline)]
pub use macros::{select, select_biased};
#[doc(hidden)]
pub use select::__select;
pub use select::{Select, SelectedOperation};

use buffered::Buffered;
use clock::{Once, Tick};
use handle::{ReceiverKind, SenderKind};
use list::List;
use rendezvous::Rendezvous;
use ring::Ring;
use shared::share;
use std::convert::identity;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A channel with room for any number of messages: sending never waits.
///
/// ```
/// let (s, r) = morestack::channel::unbounded();
/// s.send(1).unwrap();
/// s.send(2).unwrap();
/// drop(s);
/// assert_eq!(r.iter().collect::<Vec<_>>(), [1, 2]);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (s, r) = share(Buffered::new(List::new()));
    (Sender(SenderKind::Unbounded(s)), Receiver(ReceiverKind::Unbounded(r)))
}

/// A channel with room for `cap` messages. With room for none, a send waits for a receive, and hands its message over.
///
/// ```
/// let (s, r) = morestack::channel::bounded(1);
/// s.send(1).unwrap();
/// assert!(s.try_send(2).is_err(), "it is full");
/// assert_eq!(r.recv(), Ok(1));
/// ```
///
/// # Panics
/// If memory for `cap` messages is more than there can be.
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    if cap == 0 {
        let (s, r) = share(Rendezvous::new());
        return (Sender(SenderKind::Rendezvous(s)), Receiver(ReceiverKind::Rendezvous(r)));
    }
    let (s, r) = share(Buffered::new(Ring::new(cap)));
    (Sender(SenderKind::Bounded(s)), Receiver(ReceiverKind::Bounded(r)))
}

/// A receiver of one message, when `duration` has passed: the time at which it was due. One that is past the end of the clock
/// never comes.
pub fn after(duration: Duration) -> Receiver<Instant> {
    Instant::now().checked_add(duration).map_or_else(never, at)
}

/// A receiver of one message, at `when`: that time.
pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver(ReceiverKind::Once(Arc::new(Once::new(when)), identity))
}

/// A receiver of a message each `duration`, the first when that has passed once: the time at which it was due. Messages that are not
/// received in time are left out.
pub fn tick(duration: Duration) -> Receiver<Instant> {
    match Instant::now().checked_add(duration) {
        Some(first) => Receiver(ReceiverKind::Tick(Arc::new(Tick::new(first, duration)), identity)),
        None => never(),
    }
}

/// A receiver that never has a message and is never disconnected: for a `select` one of whose operations is not there.
pub const fn never<T>() -> Receiver<T> {
    Receiver(ReceiverKind::Never)
}
