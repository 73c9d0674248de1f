//! What the program set on a socket and we have to obey ourselves: the blocking mode and the timeouts.
//!
//! The kernel keeps the timeouts too (`SO_RCVTIMEO`, `SO_SNDTIMEO`), as std does: so they are where the getters of std look, and
//! stay with the socket through conversions. They are noted here because asking the kernel at each wait is a system call. Of a
//! socket that came from elsewhere nothing is known; the kernel is asked when it first matters.

use super::Direction;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Duration;

const BLOCKING: u8 = 0;
const NONBLOCKING: u8 = 1;
const UNKNOWN_MODE: u8 = 2;

/// Timeouts are in ns, 0 being none.
const UNKNOWN_TIMEOUT: u64 = u64::MAX;

/// Shared by all handles of an open socket. The mode of a listener is known only after its descriptor was made nonblocking, so it
/// is published in order; nothing hangs on the timeouts.
pub(crate) struct Settings {
    mode: AtomicU8,
    timeouts: [AtomicU64; 2],
}

impl Settings {
    /// Of a socket that we have just made: blocking, without timeouts.
    pub(crate) const fn fresh() -> Settings {
        Settings { mode: AtomicU8::new(BLOCKING), timeouts: [const { AtomicU64::new(0) }; 2] }
    }

    /// Of a socket that was made elsewhere.
    pub(crate) const fn unknown() -> Settings {
        Settings { mode: AtomicU8::new(UNKNOWN_MODE), timeouts: [const { AtomicU64::new(UNKNOWN_TIMEOUT) }; 2] }
    }

    /// Of a socket that a listener with these settings accepted: it gets the listener's timeouts, but is blocking.
    pub(crate) fn of_accepted(&self) -> Settings {
        let timeout = |i: usize| AtomicU64::new(self.timeouts[i].load(Relaxed));
        Settings { mode: AtomicU8::new(BLOCKING), timeouts: [timeout(0), timeout(1)] }
    }

    /// Whether the program wants `WouldBlock` instead of waiting; none if the kernel has not been asked yet.
    pub(crate) fn known_nonblocking(&self) -> Option<bool> {
        let mode = self.mode.load(Acquire);
        (mode != UNKNOWN_MODE).then_some(mode == NONBLOCKING)
    }

    /// The same, asking the kernel if need be.
    ///
    /// # Errors
    /// What `fcntl` says.
    pub(crate) fn nonblocking(&self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        if let Some(known) = self.known_nonblocking() {
            return Ok(known);
        }
        let nonblocking = kernel_nonblocking(fd)?;
        // If somebody set it meanwhile, that counts.
        let _ = self.mode.compare_exchange(UNKNOWN_MODE, u8::from(nonblocking), Release, Relaxed);
        Ok(nonblocking)
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        self.mode.store(if nonblocking { NONBLOCKING } else { BLOCKING }, Release);
    }

    /// How long an operation may wait; none: for ever.
    ///
    /// # Errors
    /// What `getsockopt` says.
    pub(crate) fn timeout(&self, fd: BorrowedFd<'_>, direction: Direction) -> io::Result<Option<Duration>> {
        let place = &self.timeouts[direction as usize];
        let mut nanos = place.load(Relaxed);
        if nanos == UNKNOWN_TIMEOUT {
            nanos = kernel_timeout(fd, direction)?;
            let _ = place.compare_exchange(UNKNOWN_TIMEOUT, nanos, Relaxed, Relaxed);
        }
        Ok((nanos != 0).then(|| Duration::from_nanos(nanos)))
    }

    pub(crate) fn set_timeout(&self, direction: Direction, timeout: Option<Duration>) {
        // 584 years are for ever.
        let nanos = timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(0));
        self.timeouts[direction as usize].store(if nanos == UNKNOWN_TIMEOUT { 0 } else { nanos }, Relaxed);
    }
}

/// Whether the descriptor is nonblocking for the kernel.
///
/// # Errors
/// What `fcntl` says.
pub(crate) fn kernel_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 { Err(io::Error::last_os_error()) } else { Ok(flags & libc::O_NONBLOCK != 0) }
}

fn kernel_timeout(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<u64> {
    let option = match direction {
        Direction::Read => libc::SO_RCVTIMEO,
        Direction::Write => libc::SO_SNDTIMEO,
    };
    let mut value = MaybeUninit::<libc::timeval>::zeroed();
    let mut len = mem::size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, which `value` has.
    let status =
        unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, value.as_mut_ptr().cast(), &mut len) };
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: any bytes are a timeval, and all were zeroed before.
    let value = unsafe { value.assume_init() };
    let seconds = u64::try_from(value.tv_sec).unwrap_or(0);
    // More than u64 holds is for ever.
    Ok(seconds
        .checked_mul(1_000_000_000)
        .and_then(|nanos| nanos.checked_add(u64::try_from(value.tv_usec).unwrap_or(0) * 1000))
        .unwrap_or(0))
}
