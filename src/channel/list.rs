//! The buffer of an unbounded channel: `crossbeam-queue`'s list of blocks, and a count of what may be taken out of it.
//!
//! The count is what the list itself does not tell: how many messages are not promised to anybody, and whether the channel is closed;
//! both in one word, so that nobody is told "closed" while a message is left. A message is counted after it was put in, and
//! counted off before it is taken out; so who has counted one off will find one.

use super::buffer::{Buffer, Refused};
use crate::sched::sync::{AcqRel, Acquire, AtomicUsize, pause};
use crossbeam_queue::SegQueue;
use crossbeam_utils::CachePadded;
use std::mem::ManuallyDrop;

/// In the count's word: no message may be put in any more.
const CLOSED: usize = 1;
/// One message.
const ONE: usize = 2;

/// See the module. What is left in it when it is dropped is leaked, for the reason that [`Ring`](super::ring::Ring) has.
pub(super) struct List<T> {
    messages: SegQueue<ManuallyDrop<T>>,
    count: CachePadded<AtomicUsize>,
}

impl<T> List<T> {
    pub(super) fn new() -> List<T> {
        List { messages: SegQueue::new(), count: CachePadded::new(AtomicUsize::new(0)) }
    }

    fn is_closed(&self) -> bool {
        self.count.load(Acquire) & CLOSED != 0
    }
}

impl<T> Buffer<T> for List<T> {
    #[inline]
    fn push(&self, message: T) -> Result<(), (T, Refused)> {
        if self.is_closed() {
            return Err((message, Refused::Closed));
        }
        self.messages.push(ManuallyDrop::new(message));
        if self.count.fetch_add(ONE, AcqRel) & CLOSED != 0 {
            // It was closed between, and whoever did that may have taken out what there was before this came: it is as if the
            // message had come first.
            while self.pop().is_ok() {}
        }
        Ok(())
    }

    #[inline]
    fn pop(&self) -> Result<T, Refused> {
        self.promise_message()?;
        Ok(self.pop_promised())
    }

    #[inline]
    fn promise_message(&self) -> Result<(), Refused> {
        let mut count = self.count.load(Acquire);
        loop {
            match count {
                0 => return Err(Refused::NotNow),
                CLOSED => return Err(Refused::Closed),
                _ => match self.count.compare_exchange_weak(count, count - ONE, AcqRel, Acquire) {
                    Ok(_) => return Ok(()),
                    Err(now) => count = now,
                },
            }
        }
    }

    #[inline]
    fn pop_promised(&self) -> T {
        let mut tries = 0;
        loop {
            if let Some(message) = self.messages.pop() {
                return ManuallyDrop::into_inner(message);
            }
            pause(&mut tries);
        }
    }

    fn give_up_message(&self) {
        self.count.fetch_add(ONE, AcqRel);
    }

    fn can_pop(&self) -> bool {
        // An exchange: see `waiters`.
        self.count.fetch_add(0, AcqRel) != 0
    }

    fn close(&self) {
        self.count.fetch_or(CLOSED, AcqRel);
    }

    fn promise_place(&self) -> Result<(), Refused> {
        if self.is_closed() { Err(Refused::Closed) } else { Ok(()) }
    }

    fn push_promised(&self, message: T) -> Result<(), T> {
        self.push(message).map_err(|(message, _)| message)
    }

    fn give_up_place(&self) {}

    fn can_push(&self) -> bool {
        true
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn len(&self) -> usize {
        self.count.load(Acquire) / ONE
    }
}
