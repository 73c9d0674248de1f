//! Those who wait on one side of a buffered channel, until there may be a message, or a place for one.
//!
//! Who puts a message in looks whether anybody waits; who waits says so first and looks for a message then. That one of them sees the
//! other is the work of an atomic that both exchange, the buffer's word: the one with an addition of nothing. Whichever exchange comes
//! second sees what the other thread did before its own. (Two stores and two loads of the strongest kind would do as well; but loom
//! knows none of that kind.)
//!
//! A wake is a turn, not a message: who is woken tries, and may find that somebody else was faster. Then it waits again, before all
//! others. Who does not try (it is unwound) passes the turn on.

use crate::sched::lock::Lock;
use crate::sched::on::On;
use crate::sched::queue::{Node, Queue, Turn};
use crate::sched::sync::{AtomicBool, Relaxed};
use crate::sched::wait::wait_turn;
use std::ptr;
use std::time::Instant;

/// See the module.
pub(super) struct Waiters {
    /// Whether anybody is in the lists.
    any: AtomicBool,
    lists: Lock<Lists>,
}

struct Lists {
    /// Of these one is woken for each message, or place.
    takers: Queue,
    /// These want to know of any: `Select::ready`.
    watchers: Queue,
}

impl Waiters {
    pub(super) fn new() -> Waiters {
        let lists = Lists { takers: Queue::new(), watchers: Queue::new() };
        Waiters { any: AtomicBool::new(false), lists: Lock::new(lists) }
    }

    /// Adds a node; the caller has to look then whether it must wait, with [`can_push`](super::buffer::Buffer::can_push) or
    /// `can_pop`. `again`: it had its turn and found nothing.
    ///
    /// # Safety
    /// As [`Queue::push`]: [`unlink`](Self::unlink) comes before the node or its turn is gone.
    pub(super) unsafe fn link(&self, node: &Node, again: bool) {
        let mut lists = self.lists.lock();
        // SAFETY: the caller's promise.
        unsafe { if again { lists.takers.push_first(node) } else { lists.takers.push(node) } };
        self.any.store(true, Relaxed);
    }

    /// Adds a node that is told of everything.
    ///
    /// # Safety
    /// As [`link`](Self::link), with [`unwatch`](Self::unwatch).
    pub(super) unsafe fn watch(&self, node: &Node) {
        let mut lists = self.lists.lock();
        // SAFETY: the caller's promise.
        unsafe { lists.watchers.push(node) };
        self.any.store(true, Relaxed);
    }

    /// Takes a node out. Whether it was there: if not, it has had its turn.
    pub(super) fn unlink(&self, node: &Node) -> bool {
        let mut lists = self.lists.lock();
        let was_there = lists.takers.remove(node);
        self.show(&lists);
        was_there
    }

    /// Takes a watcher out.
    pub(super) fn unwatch(&self, node: &Node) {
        let mut lists = self.lists.lock();
        lists.watchers.remove(node);
        self.show(&lists);
    }

    fn show(&self, lists: &Lists) {
        if lists.takers.is_empty() && lists.watchers.is_empty() {
            self.any.store(false, Relaxed);
        }
    }

    /// There may be a message, or a place: one of those who wait may try.
    #[inline]
    pub(super) fn notify(&self) {
        if self.any.load(Relaxed) {
            self.notify_one();
        }
    }

    #[cold]
    fn notify_one(&self) {
        let mut lists = self.lists.lock();
        let wake = lists.takers.claim().map(|claim| claim.done());
        let watched = !lists.watchers.is_empty();
        self.show(&lists);
        drop(lists);
        if let Some(wake) = wake {
            wake.wake();
        }
        if watched {
            self.wake_watchers();
        }
    }

    /// The channel is closed: nobody waits any more.
    pub(super) fn close(&self) {
        loop {
            let mut lists = self.lists.lock();
            let Some(claim) = lists.takers.claim() else { break };
            let wake = claim.closed();
            self.show(&lists);
            drop(lists);
            wake.wake();
        }
        self.wake_watchers();
    }

    fn wake_watchers(&self) {
        loop {
            let mut lists = self.lists.lock();
            let Some(claim) = lists.watchers.claim() else { return };
            let wake = claim.done();
            self.show(&lists);
            drop(lists);
            wake.wake();
        }
    }

    /// Waits for a turn, until `deadline` at most; not at all if `ready` says so once the caller is in the list. Whether the time is
    /// up. `again`: the caller had a turn and found nothing.
    pub(super) fn wait(&self, on: On, deadline: Option<Instant>, again: bool, ready: impl FnOnce() -> bool) -> bool {
        let turn = Turn::new(on);
        let node = Node::alone(&turn, ptr::null_mut());
        // SAFETY: `linked` takes it out before either is gone.
        unsafe { self.link(&node, again) };
        let linked = Linked { waiters: self, node: &node };
        let time_is_up = !ready() && wait_turn(&turn, deadline).is_open();
        std::mem::forget(linked);
        // A turn that is over has its node out of the list. Else whoever takes it out does that, and the rest, under the lock.
        if turn.state().is_open() {
            self.unlink(&node);
        }
        time_is_up
    }
}

/// Takes the node out if the wait is given up. A turn that it has had by then goes to the next.
struct Linked<'a> {
    waiters: &'a Waiters,
    node: &'a Node,
}

impl Drop for Linked<'_> {
    fn drop(&mut self) {
        if !self.waiters.unlink(self.node) {
            self.waiters.notify();
        }
    }
}
