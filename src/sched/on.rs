//! What a task waits for: a kind and a thing, in one word, which a wait writes down for whoever wants to know.

use std::fmt;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum WaitsFor {
    /// Not said.
    Something,
    /// An unpark.
    Unpark,
    /// A time.
    Time,
    /// The end of a task.
    Join,
    /// The end of the tasks of a scope.
    ScopeEnd,
    /// A thread that runs a closure for it: `blocking`.
    Blocking,
    /// A runtime that shuts down.
    Shutdown,
    /// A descriptor to become readable.
    Readable,
    /// A descriptor to become writable.
    Writable,
    /// A receiver, or room in a channel.
    Send,
    /// A message.
    Receive,
    /// One of several operations on channels.
    Select,
    /// A mutex.
    Mutex,
    /// A lock, to read.
    Read,
    /// A lock, to write.
    Write,
    /// A condition variable.
    Condvar,
    /// The others at a barrier.
    Barrier,
    /// Somebody else's initialisation.
    Once,
    /// A permit of a semaphore.
    Semaphore,
    /// The others of a wait group.
    WaitGroup,
}

impl WaitsFor {
    const ALL: [WaitsFor; 20] = [
        WaitsFor::Something,
        WaitsFor::Unpark,
        WaitsFor::Time,
        WaitsFor::Join,
        WaitsFor::ScopeEnd,
        WaitsFor::Blocking,
        WaitsFor::Shutdown,
        WaitsFor::Readable,
        WaitsFor::Writable,
        WaitsFor::Send,
        WaitsFor::Receive,
        WaitsFor::Select,
        WaitsFor::Mutex,
        WaitsFor::Read,
        WaitsFor::Write,
        WaitsFor::Condvar,
        WaitsFor::Barrier,
        WaitsFor::Once,
        WaitsFor::Semaphore,
        WaitsFor::WaitGroup,
    ];
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            WaitsFor::Something => "something",
            WaitsFor::Unpark => "an unpark",
            WaitsFor::Time => "a time",
            WaitsFor::Join => "the end of task",
            WaitsFor::ScopeEnd => "the tasks of a scope",
            WaitsFor::Blocking => "a blocking call",
            WaitsFor::Shutdown => "the end of a runtime",
            WaitsFor::Readable => "data on descriptor",
            WaitsFor::Writable => "room on descriptor",
            WaitsFor::Send => "a receiver, or room, in channel",
            WaitsFor::Receive => "a message in channel",
            WaitsFor::Select => "one of several channels",
            WaitsFor::Mutex => "mutex",
            WaitsFor::Read => "reading under lock",
            WaitsFor::Write => "writing under lock",
            WaitsFor::Condvar => "condition",
            WaitsFor::Barrier => "the others at barrier",
            WaitsFor::Once => "the initialisation of",
            WaitsFor::Semaphore => "permits of semaphore",
            WaitsFor::WaitGroup => "the others of wait group",
        })
    }
}

/// The kind is in the highest byte; addresses of user space have 47 bits.
const KIND_SHIFT: u32 = 56;

/// What a task waits for, and which: an address, a descriptor; 0 if there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct On(u64);

impl On {
    /// This thing, which has no name but its address.
    #[inline]
    pub(crate) fn new<T: ?Sized>(what: WaitsFor, thing: *const T) -> On {
        On::numbered(what, thing.addr() as u64)
    }

    /// A thing with a number.
    #[inline]
    pub(crate) const fn numbered(what: WaitsFor, number: u64) -> On {
        On((what as u64) << KIND_SHIFT | number)
    }

    /// One of a kind of which nothing more can be said.
    pub(crate) const fn any(what: WaitsFor) -> On {
        On::numbered(what, 0)
    }

    #[inline]
    pub(crate) fn into_raw(self) -> u64 {
        self.0
    }

    /// What [`into_raw`](Self::into_raw) gave, or 0.
    pub(crate) fn from_raw(raw: u64) -> On {
        On(raw)
    }

    pub(crate) fn what(self) -> WaitsFor {
        WaitsFor::ALL.get((self.0 >> KIND_SHIFT) as usize).copied().unwrap_or(WaitsFor::Something)
    }

    pub(crate) fn number(self) -> u64 {
        self.0 & ((1 << KIND_SHIFT) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_numbers_survive() {
        for (i, what) in WaitsFor::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, i);
            let on = On::numbered(what, 0x7fff_ffff_ffff);
            assert_eq!((on.what(), on.number()), (what, 0x7fff_ffff_ffff));
        }
    }
}
