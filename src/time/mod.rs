//! Time: sleeping, limits on how long code may wait, and ticks.
//!
//! The clock is std's, and so are [`Instant`], [`Duration`] and [`SystemTime`]. Everything here works in tasks and on OS
//! threads, inside a runtime and outside.
//!
//! ```
//! use morestack::time::{Duration, Elapsed, Instant, sleep, timeout};
//!
//! let start = Instant::now();
//! assert_eq!(timeout(Duration::from_millis(10), || sleep(Duration::from_secs(3600))), Err(Elapsed));
//! assert!(start.elapsed() < Duration::from_secs(60));
//! assert_eq!(timeout(Duration::from_secs(3600), || 6 * 7), Ok(42));
//! ```

mod ticker;

pub use crate::sched::sleep::{sleep, sleep_until};
pub use std::time::{Duration, Instant, SystemTime};
pub use ticker::Ticker;

use crate::sched::interrupt;
use std::io;

/// The time of a [`timeout`] ran out in a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the time has run out")]
#[allow(clippy::exhaustive_structs, reason = "there is nothing to say besides")]
pub struct Elapsed;

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// Runs the closure here, with a limit on how long it may wait.
///
/// When `duration` is over, the wait that the closure is in unwinds to this call, or else its next one: `sleep`, `park`,
/// `join`, the operations of [`net`](crate::net) and everything else of this library that waits. Destructors run
/// on the way. A timeout inside is passed if the outer one has run out.
///
/// It is not preemption. Code that does not wait is not interrupted, nor by [`yield_now`](crate::thread::yield_now), nor by
/// calls that block the thread, as std's do. A wait whose condition is fulfilled by the time that it looks returns
/// normally. If the closure returns late, this returns its value all the same.
///
/// Some waits are not interrupted but go on, and the next one that can be is:
/// - those for somebody who borrows from the waiting stack: the end of a scope, [`Runtime::run`](crate::runtime::Runtime::run),
///   [`blocking`](crate::blocking), and so the look-up of a host name,
/// - those while the thread or task is panicking, in destructors that run because of that,
/// - those below a frame that a panic must not pass, such as a Rust function that C calls,
/// - `runtime.gopark` in mapped code, which returns once when the time is over, as it may without a reason,
/// - all, where panics abort.
///
/// It unwinds as [`resume_unwind`](std::panic::resume_unwind) does, without the panic hook. So:
/// - `panicking()` is true in the destructors, and std's mutexes whose guards they drop are poisoned. Those of
///   [`sync`](crate::sync) are not.
/// - What the closure was changing is left as it was at the wait.
/// - A `catch_unwind` in the closure catches it. The next wait then unwinds again, but who catches everything and never
///   waits is not ended.
///
/// A panic of the closure goes on here, and so does the cancellation of the task.
///
/// Costs some 0.1 us, and a look at the clock at each wait in it; an interruption, some 10 us, and more where the closure has
/// called deep. A duration past the end of the clock is no limit.
///
/// # Errors
/// [`Elapsed`] if a wait was interrupted.
///
/// ```
/// use morestack::{thread, time::{Duration, timeout}};
///
/// let answer = thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
/// match timeout(Duration::from_millis(10), || answer.join()) {
///     Ok(_) => println!("it answered"),
///     Err(elapsed) => println!("no answer: {elapsed}"),
/// }
/// ```
pub fn timeout<F, T>(duration: Duration, f: F) -> Result<T, Elapsed>
where
    F: FnOnce() -> T,
{
    match Instant::now().checked_add(duration) {
        Some(deadline) => timeout_at(deadline, f),
        None => Ok(f()),
    }
}

/// As [`timeout`], with the instant at which the time is over.
///
/// # Errors
/// [`Elapsed`] if a wait was interrupted.
pub fn timeout_at<F, T>(deadline: Instant, f: F) -> Result<T, Elapsed>
where
    F: FnOnce() -> T,
{
    interrupt::within(deadline, f).ok_or(Elapsed)
}
