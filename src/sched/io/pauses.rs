//! Waiting for what no event tells of: the kernel is asked again, after pauses that grow.

use super::{Direction, Source, Until};
use crate::sched::sleep::sleep_until;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// About what a sleep of an idle worker takes anyway, and enough for another task to take what is in the way.
const FIRST: Duration = Duration::from_micros(50);
/// Who waits for long asks a hundred times a second, which costs next to nothing.
const LONGEST: Duration = Duration::from_millis(10);

impl Source {
    /// As [`Self::run`], where no event tells when `operation` is worth another try: it is tried again after pauses.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_with_pauses<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        mut operation: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        crate::sched::pay();
        let mut pauses = None;
        loop {
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.settings.nonblocking(fd)? {
                        return Err(error);
                    }
                    let pauses = match &mut pauses {
                        Some(begun) => begun,
                        none => none.insert(Pauses::until(self.deadline(fd, direction, Until::Setting)?)),
                    };
                    if !pauses.pause() {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }
}

struct Pauses {
    next: Duration,
    deadline: Option<Instant>,
}

impl Pauses {
    fn until(deadline: Option<Instant>) -> Pauses {
        Pauses { next: FIRST, deadline }
    }

    /// Waits a while, as a sleep of the task or the thread. False, at once: the time is up.
    fn pause(&mut self) -> bool {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return false;
        }
        let end = now + self.next;
        sleep_until(self.deadline.map_or(end, |deadline| deadline.min(end)));
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}
