//! What a channel's buffer is: a place for messages that many may use at once, with positions that can be promised.
//!
//! A `select` first decides, and takes or gives its message later, after code of the user's that may wait. Nobody can wait that long for
//! a place that is claimed and not filled: it might be one task's for another of the same thread. So what is claimed is no place
//! but a number: of the places that are free so many are promised, and of the messages.

/// Why there is no position to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The buffer is full, or empty; or all that is left is promised to others.
    NotNow,
    /// It is closed, and if a message is asked for, none is left.
    Closed,
}

/// Where messages are between sender and receiver. Positions can be promised: see the module.
pub(super) trait Buffer<T> {
    /// Puts a message in.
    ///
    /// # Errors
    /// There is no room: the message, and why.
    fn push(&self, message: T) -> Result<(), (T, Refused)>;

    /// Promises a place, to be used by [`push_promised`](Self::push_promised) or given up.
    ///
    /// # Errors
    /// There is none.
    fn promise_place(&self) -> Result<(), Refused>;

    /// Puts a message into the promised place.
    ///
    /// # Errors
    /// The channel was closed since: the message.
    fn push_promised(&self, message: T) -> Result<(), T>;

    /// Makes nothing of the promised place: others may have it.
    fn give_up_place(&self);

    /// Takes a message out.
    ///
    /// # Errors
    /// There is none, or none that is not promised.
    fn pop(&self) -> Result<T, Refused>;

    /// Promises a message, to be taken by [`pop_promised`](Self::pop_promised) or given up.
    ///
    /// # Errors
    /// There is none.
    fn promise_message(&self) -> Result<(), Refused>;

    /// Takes the promised message out.
    fn pop_promised(&self) -> T;

    /// Makes nothing of the promised message: others may have it.
    fn give_up_message(&self);

    /// Whether a sender has nothing to wait for: there is a place, or the channel is closed. What the caller did before is visible to
    /// whoever changes that later.
    fn can_push(&self) -> bool;

    /// Whether a receiver has nothing to wait for. As [`can_push`](Self::can_push).
    fn can_pop(&self) -> bool;

    /// Lets no message in any more.
    fn close(&self);

    /// Messages at most; none for no limit.
    fn capacity(&self) -> Option<usize>;

    /// Messages in it, and places that are promised, but no messages that are.
    fn len(&self) -> usize;
}
