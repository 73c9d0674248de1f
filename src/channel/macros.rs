//! `select!` and `select_biased!`. They give the procedural macro, which does the work, the path of this crate.

/// Waits until one of several operations on channels can be done, does it, and goes on in its arm.
///
/// An arm is one of these:
///
/// - `recv(receiver) -> pattern => body`: receives. The pattern is given a `Result<T, RecvError>`.
/// - `send(sender, message) -> pattern => body`: sends. The pattern is given a `Result<(), SendError<T>>`. The message is
///   evaluated only if this operation is selected, and then.
/// - `default => body`, or `default() => body`: does not wait. It is selected if none of the others can be done at once.
/// - `default(timeout) => body`: waits for that long, a [`Duration`](std::time::Duration).
///
/// An operation on a channel that has lost all of its other side can be done: its result is an error.
///
/// Of several operations that can be done one is selected at random; [`select_biased!`](crate::channel::select_biased) takes the first.
/// The value of the macro is that of the body. There may be any number of arms, and one `default`; without any arm the macro waits for
/// ever.
///
/// Receivers and senders are expressions: places are borrowed, and what is there for the `select!` alone is dropped after the body.
/// The pattern must match every result, as in a `let`. Bodies in braces need no comma.
///
/// For a number of operations that is not known in advance there is [`Select`](crate::channel::Select).
///
/// If the message of a selected `send` is not finished, because it panics, returns or breaks, nothing is sent, and whoever was about to
/// receive it waits on. (`crossbeam-channel` panics then.)
///
/// # Cost
/// Waiting allocates nothing. One `recv` alone, with or without a `default`, is a call of `recv`, `try_recv` or `recv_timeout`.
///
/// # Examples
/// ```
/// use morestack::channel::{bounded, select, unbounded};
/// use morestack::thread;
/// use std::time::Duration;
///
/// let (jobs, next_job) = bounded(1);
/// let (stop, stopped) = unbounded::<()>();
/// let worker = thread::spawn(move || {
///     let mut sum = 0;
///     loop {
///         select! {
///             recv(next_job) -> job => match job {
///                 Ok(n) => sum += n,
///                 Err(_) => break sum,
///             },
///             recv(stopped) -> _ => break sum,
///             default(Duration::from_secs(10)) => panic!("there should be something to do"),
///         }
///     }
/// });
///
/// for n in 1..=4 {
///     select! {
///         send(jobs, n) -> sent => sent.expect("the worker takes it"),
///     }
/// }
/// drop(jobs);
/// assert_eq!(worker.join().unwrap(), 10);
/// drop(stop);
/// ```
///
/// An operation that is there only sometimes, by way of a channel that never has anything:
///
/// ```
/// use morestack::channel::{never, select, unbounded};
///
/// let (sender, receiver) = unbounded();
/// sender.send(1).unwrap();
/// for wanted in [false, true] {
///     let maybe = wanted.then_some(&receiver);
///     let received = select! {
///         recv(maybe.unwrap_or(&never())) -> value => value.ok(),
///         default => None,
///     };
///     assert_eq!(received, wanted.then_some(1));
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __channel_select {
    ($($arms:tt)*) => {
        $crate::__select!(($crate) fair $($arms)*)
    };
}

/// As [`select!`](crate::channel::select), but of several operations that can be done the first in the list is selected.
///
/// So an operation may starve those that come after it.
///
/// # Examples
/// ```
/// use morestack::channel::{select_biased, unbounded};
///
/// let (urgent, most_urgent) = unbounded();
/// let (other, others) = unbounded();
/// other.send("later").unwrap();
/// urgent.send("now").unwrap();
/// let first = select_biased! {
///     recv(most_urgent) -> message => message,
///     recv(others) -> message => message,
/// };
/// assert_eq!(first, Ok("now"));
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __channel_select_biased {
    ($($arms:tt)*) => {
        $crate::__select!(($crate) biased $($arms)*)
    };
}

#[doc(inline)]
pub use crate::__channel_select as select;
#[doc(inline)]
pub use crate::__channel_select_biased as select_biased;
