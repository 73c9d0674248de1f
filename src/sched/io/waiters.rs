//! Who waits for one direction of a source.

use crate::sched::waker::Waker;

/// Names a waiter for as long as it waits.
pub(super) type Ticket = u64;

/// Mostly nobody or one: the first has a place of its own, so that waiting does not allocate.
#[derive(Default)]
pub(super) struct Waiters {
    first: Option<(Ticket, Waker)>,
    more: Vec<(Ticket, Waker)>,
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    pub(super) fn contains(&self, ticket: Ticket) -> bool {
        self.first.iter().chain(&self.more).any(|(other, _)| *other == ticket)
    }

    pub(super) fn link(&mut self, ticket: Ticket, waker: Waker) {
        match &mut self.first {
            first @ None => *first = Some((ticket, waker)),
            Some(_) => self.more.push((ticket, waker)),
        }
    }

    /// Takes a waiter out, if it is there. Its waker is to be dropped outside the lock.
    pub(super) fn unlink(&mut self, ticket: Ticket) -> Option<Waker> {
        if let Some((_, waker)) = self.first.take_if(|(first, _)| *first == ticket) {
            return Some(waker);
        }
        let place = self.more.iter().position(|(other, _)| *other == ticket)?;
        Some(self.more.swap_remove(place).1)
    }

    /// Wakes all, and says how many. To be called outside the lock, on what was taken out of it.
    pub(super) fn wake(self) -> usize {
        let mut woken = 0;
        for (_, waker) in self.first.iter().chain(&self.more) {
            waker.wake();
            woken += 1;
        }
        woken
    }
}
