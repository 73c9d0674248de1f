//! The end of a wait to the nanosecond: a timerfd beside the sockets, because epoll's own timeout counts milliseconds.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

const NANOS: u64 = 1_000_000_000;

pub(super) struct Timer {
    fd: OwnedFd,
    /// When it goes off, in ns of `CLOCK_MONOTONIC`; 0 if it is not armed or has been heard.
    armed: u64,
}

impl Timer {
    pub(super) fn new() -> io::Result<Timer> {
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is fresh, nobody else owns it.
        Ok(Timer { fd: unsafe { OwnedFd::from_raw_fd(fd) }, armed: 0 })
    }

    pub(super) fn raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Sees to it that the timer goes off at `deadline` or before.
    ///
    /// It is left alone if it goes off before: deadlines mostly move on (a timeout for each read), and one wake-up too many
    /// in all costs less than a system call for each wait.
    pub(super) fn goes_off_until(&mut self, deadline: u64) -> io::Result<()> {
        if self.armed != 0 && self.armed <= deadline {
            return Ok(());
        }
        // Clamped: 0 would disarm it, and more seconds than i64 has cannot be.
        let at = deadline.max(1);
        let value = libc::timespec { tv_sec: (at / NANOS) as i64, tv_nsec: (at % NANOS) as i64 };
        let spec = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: `spec` lives through the call, and the old value is not asked for.
        if unsafe { libc::timerfd_settime(self.raw_fd(), libc::TFD_TIMER_ABSTIME, &spec, ptr::null_mut()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        self.armed = at;
        Ok(())
    }

    /// The timer went off. There is nothing to read: it is registered edge-triggered, and arming starts a new count.
    pub(super) fn heard(&mut self) {
        self.armed = 0;
    }
}
