//! Waiting of OS threads outside a runtime: `ppoll` on the descriptor.

use super::Direction;
use crate::sched::interrupt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

const fn events(direction: Direction) -> i16 {
    match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    }
}

/// Asks whether a descriptor is ready, without waiting. An error or the other side's end make it ready too.
///
/// # Errors
/// `EAGAIN` if it is not ready; what `ppoll` says (no memory).
pub(crate) fn poll_now(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    match retry(|| ppoll(fd, events(direction), Some(Duration::ZERO)))? {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
    }
}

/// Whether one of these descriptors is ready, without waiting.
pub(super) fn any_ready(mut asked: Vec<libc::pollfd>) -> bool {
    // SAFETY: as many as it has.
    !asked.is_empty() && unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, 0) } > 0
}

/// What asks for readiness in a direction.
pub(super) fn question(fd: RawFd, directions: impl Iterator<Item = Direction>) -> libc::pollfd {
    libc::pollfd { fd, events: directions.fold(0, |all, direction| all | events(direction)), revents: 0 }
}

/// Asks whether nothing more will come: the other side has ended, or this one does not want it.
///
/// # Errors
/// What `ppoll` says (no memory).
pub(crate) fn has_ended(fd: BorrowedFd<'_>) -> io::Result<bool> {
    retry(|| ppoll(fd, libc::POLLRDHUP, Some(Duration::ZERO)))
}

/// Blocks the calling thread until the descriptor is ready, or the deadline has passed: then false.
///
/// # Errors
/// What `ppoll` says (no memory).
pub(super) fn block(fd: BorrowedFd<'_>, direction: Direction, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        interrupt::raise();
        let until = interrupt::block_until(deadline);
        let ready = retry(|| {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            ppoll(fd, events(direction), left)
        })?;
        if ready || until == deadline {
            return Ok(ready);
        }
    }
}

/// A signal may interrupt `ppoll`, even one that would not wait.
fn retry(mut poll: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    loop {
        match poll() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn ppoll(fd: BorrowedFd<'_>, events: i16, timeout: Option<Duration>) -> io::Result<bool> {
    let mut asked = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    let timeout = timeout.map(|left| libc::timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: one `pollfd` and the timeout live through the call; no signal mask is given.
    match unsafe { libc::ppoll(&mut asked, 1, timeout, ptr::null()) } {
        0 => Ok(false),
        1.. => Ok(true),
        _ => Err(io::Error::last_os_error()),
    }
}
