//! The inbox of a worker: tasks that other threads have made ready.
//!
//! A stack of nodes that are linked through themselves, so a push allocates nothing and is one compare-exchange. The owner
//! takes all at once and turns them round, so they come out in the order in which they went in. Nobody pops single nodes, and
//! a push does not follow `head`; so a node that is taken and pushed again in the meantime does no harm (no ABA problem).

use super::sync::{Acquire, AtomicPtr, Relaxed, Release, const_fn};
use std::ptr;

/// What can be in an inbox: something with room for a link.
///
/// # Safety
/// `link` returns the same place for a node each time, and different places for different nodes. While a node is in an inbox,
/// or in a [`Batch`], nobody else uses the place.
pub(crate) unsafe trait Linked: Sized {
    /// The place for the link.
    ///
    /// # Safety
    /// `node` is live.
    unsafe fn link(node: *mut Self) -> *const AtomicPtr<Self>;
}

/// A queue that any thread pushes to and one thread takes from.
///
/// It owns no nodes: dropped, or taken from without a look at the batch, it leaves them as they are.
pub(crate) struct Inbox<T> {
    /// The node that was pushed last. Each links to the one that was pushed before it.
    head: AtomicPtr<T>,
}

impl<T: Linked> Inbox<T> {
    const_fn! {
        /// An empty inbox.
        pub(crate) fn new() -> Inbox<T> {
            Inbox { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Appends a node, from any thread. Whether there was none: of all who push between two takes, one is told so, and it is
    /// enough if that one wakes the owner (with [`Idle::claim`](super::idle::Idle::claim)).
    ///
    /// # Safety
    /// `node` is live, is in no inbox and no batch, and belongs to the caller; from now on it belongs to who takes it.
    #[inline]
    pub(crate) unsafe fn push(&self, node: *mut T) -> bool {
        // SAFETY: the node is live.
        let link = unsafe { T::link(node) };
        let mut head = self.head.load(Relaxed);
        loop {
            // SAFETY: while the node is not in the inbox, it and its link are the caller's.
            unsafe { (*link).store(head, Relaxed) };
            // Release: who takes the node sees its link, and what the caller wrote before. The owner's take leads back to all
            // who have pushed, because each of them continues the release of the one before.
            match self.head.compare_exchange_weak(head, node, Release, Relaxed) {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Whether nothing is there. Any thread may ask. After the fence of [`Idle::prepare`](super::idle::Idle::prepare) it
    /// misses no push whose [`Idle::claim`](super::idle::Idle::claim) missed the sleeper.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Relaxed).is_null()
    }

    /// Takes all out. What was written before their pushes is visible then. Costs one load if nothing is there.
    #[inline]
    pub(crate) fn take(&self) -> Batch<T> {
        if self.is_empty() {
            return Batch { first: ptr::null_mut() };
        }
        // Acquire pairs with the pushes' release.
        let mut node = self.head.swap(ptr::null_mut(), Acquire);
        let mut first = ptr::null_mut();
        while !node.is_null() {
            // SAFETY: whoever pushed the node promised that it is live, and gave it away; its link is ours.
            unsafe {
                let link = T::link(node);
                let before = (*link).load(Relaxed);
                (*link).store(first, Relaxed);
                first = node;
                node = before;
            }
        }
        Batch { first }
    }
}

/// Nodes that were taken from an inbox, in the order in which they were pushed. Dropped early, it forgets the rest.
#[must_use = "the nodes in it are in no queue any more"]
pub(crate) struct Batch<T> {
    first: *mut T,
}

impl<T: Linked> Iterator for Batch<T> {
    type Item = *mut T;

    #[inline]
    fn next(&mut self) -> Option<*mut T> {
        let node = self.first;
        if node.is_null() {
            return None;
        }
        // SAFETY: the node is live until it is given out, here, and its link is ours until then.
        self.first = unsafe { (*T::link(node)).load(Relaxed) };
        Some(node)
    }
}
