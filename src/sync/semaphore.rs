//! Permits that are counted.

use crate::sched::lock::Lock;
use crate::sched::on::{On, WaitsFor};
use crate::sched::queue::{Claim, Node, Queue, Turn};
use crate::sched::wait;
use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::{Duration, Instant};

/// A number of permits. Who acquires some waits until so many are there; they come back when the [`Permit`] is dropped.
///
/// First come, first served: who waits for many is not overtaken by who needs few, also if there are few. Acquiring what is there
/// and giving it back costs an atomic exchange each. A wait does not allocate. Works in tasks and on OS threads.
///
/// ```
/// use morestack::{sync::Semaphore, thread};
///
/// static CONNECTIONS: Semaphore = Semaphore::new(2);
///
/// let tasks: Vec<_> = (0..10)
///     .map(|_| {
///         thread::spawn(|| {
///             let _permit = CONNECTIONS.acquire();
///             // At most two are here at once.
///         })
///     })
///     .collect();
/// tasks.into_iter().for_each(|task| task.join().unwrap());
/// assert_eq!(CONNECTIONS.available_permits(), 2);
/// ```
pub struct Semaphore {
    /// Twice the permits that are there, and WAITING. While that is set, only who has locked the queue changes it.
    state: AtomicUsize,
    /// A node's slot is the number of permits that it waits for.
    waiters: Lock<Queue>,
}

/// Somebody is in the queue.
const WAITING: usize = 1;
/// A permit, in the state.
const ONE: usize = 2;

impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

/// Permits of a [`Semaphore`], which are given back when this is dropped.
#[must_use = "the permits are given back at once if this is not kept"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// As [`Permit`], but it keeps the semaphore alive instead of borrowing it.
#[must_use = "the permits are given back at once if this is not kept"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl Semaphore {
    /// The most permits there can be.
    pub const MAX_PERMITS: usize = usize::MAX / ONE;

    /// With so many permits.
    ///
    /// # Panics
    /// If they are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[must_use]
    pub const fn new(permits: usize) -> Semaphore {
        assert!(permits <= Semaphore::MAX_PERMITS, "a semaphore has at most Semaphore::MAX_PERMITS permits");
        Semaphore { state: AtomicUsize::new(permits * ONE), waiters: Lock::new(Queue::new()) }
    }

    /// Waits for a permit.
    #[inline]
    pub fn acquire(&self) -> Permit<'_> {
        self.acquire_many(1)
    }

    /// Waits for so many permits, and takes them all at once.
    ///
    /// # Panics
    /// If they are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    pub fn acquire_many(&self, permits: usize) -> Permit<'_> {
        if !self.try_take(permits) {
            self.take_contended(permits, None);
        }
        Permit { semaphore: self, permits }
    }

    /// Takes a permit if one is there and nobody waits.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes so many permits if they are there and nobody waits.
    #[inline]
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permit<'_>> {
        self.try_take(permits).then(|| Permit { semaphore: self, permits })
    }

    /// As [`acquire`](Self::acquire), for so long at most; `None` if there was none by then. A duration past the end of the clock is no
    /// limit.
    pub fn acquire_timeout(&self, duration: Duration) -> Option<Permit<'_>> {
        self.acquire_many_timeout(1, duration)
    }

    /// As [`acquire_many`](Self::acquire_many), for so long at most; `None` if there were not so many by then.
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    pub fn acquire_many_timeout(&self, permits: usize, duration: Duration) -> Option<Permit<'_>> {
        let taken = self.try_take(permits) || self.take_contended(permits, Instant::now().checked_add(duration));
        taken.then(|| Permit { semaphore: self, permits })
    }

    /// As [`acquire`](Self::acquire), with a permit that may go anywhere.
    pub fn acquire_owned(self: Arc<Self>) -> OwnedPermit {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with permits that may go anywhere.
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    pub fn acquire_many_owned(self: Arc<Self>, permits: usize) -> OwnedPermit {
        mem::forget(self.acquire_many(permits));
        OwnedPermit { semaphore: self, permits }
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that may go anywhere.
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with permits that may go anywhere.
    pub fn try_acquire_many_owned(self: Arc<Self>, permits: usize) -> Option<OwnedPermit> {
        self.try_take(permits).then(|| OwnedPermit { semaphore: self, permits })
    }

    /// Adds permits. Those who wait get them first.
    ///
    /// # Panics
    /// If there were more than [`MAX_PERMITS`](Self::MAX_PERMITS) then. Nothing is added.
    #[inline]
    pub fn add_permits(&self, permits: usize) {
        let mut state = self.state.load(Relaxed);
        while state & WAITING == 0 {
            let Some(sum) = checked_sum(state, permits) else { overflow() };
            match self.state.compare_exchange_weak(state, sum, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        self.give(permits);
    }

    /// How many permits are there. It may be out of date at once.
    pub fn available_permits(&self) -> usize {
        self.state.load(Relaxed) / ONE
    }
}

/// The state with more permits, if there can be so many.
#[inline]
fn checked_sum(state: usize, permits: usize) -> Option<usize> {
    state.checked_add(permits.checked_mul(ONE)?)
}

#[cold]
fn overflow() -> ! {
    panic!("a semaphore has at most Semaphore::MAX_PERMITS permits")
}

impl Semaphore {
    /// Takes the permits if they are there and nobody waits.
    #[inline]
    fn try_take(&self, permits: usize) -> bool {
        let mut state = self.state.load(Relaxed);
        while state & WAITING == 0 && state / ONE >= permits {
            match self.state.compare_exchange_weak(state, state - permits * ONE, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        permits == 0
    }

    #[cold]
    fn take_contended(&self, permits: usize, deadline: Option<Instant>) -> bool {
        if permits > Semaphore::MAX_PERMITS {
            overflow();
        }
        let turn = Turn::new(On::new(WaitsFor::Semaphore, self));
        let node = Node::alone(&turn, ptr::without_provenance_mut(permits));
        if self.take_or_queue(&node, permits) {
            return true;
        }
        let waiting = Waiting { semaphore: self, turn: &turn, node: &node, permits };
        let state = wait::wait_turn(&turn, deadline);
        let waiting = mem::ManuallyDrop::new(waiting);
        !state.is_open() || waiting.leave()
    }

    /// Takes the permits if they are there and nobody waits, or else puts the node into the queue. Whether it has taken them.
    fn take_or_queue(&self, node: &Node, permits: usize) -> bool {
        let mut waiters = self.waiters.lock();
        let mut state = self.state.load(Relaxed);
        loop {
            let there = waiters.is_empty() && state / ONE >= permits;
            let next = if there { state - permits * ONE } else { state | WAITING };
            match self.state.compare_exchange(state, next, Acquire, Relaxed) {
                Ok(_) if there => return true,
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        // SAFETY: in no queue; `Waiting` takes it out before its frame is left.
        unsafe { waiters.push(node) };
        false
    }

    /// Adds permits while somebody waits, or has waited, and serves those who wait, as far as it goes.
    #[cold]
    fn give(&self, permits: usize) {
        let mut added = permits;
        loop {
            let served = self.serve(mem::take(&mut added));
            let Some((claim, more)) = served else { return };
            // The last touch, if there is not more to do: who is served may free the semaphore.
            claim.done().wake();
            if !more {
                return;
            }
        }
    }

    /// Adds permits, and takes those for the first that waits, if they are enough. With its claim, whether they are enough for the
    /// next one too.
    fn serve(&self, added: usize) -> Option<(Claim, bool)> {
        let mut waiters = self.waiters.lock();
        let mut state = self.state.load(Relaxed);
        let Some(wanted) = wanted(&waiters) else {
            // The others may come and go, as soon as nobody waits.
            loop {
                let Some(next) = checked_sum(state & !WAITING, added) else {
                    drop(waiters);
                    overflow();
                };
                match self.state.compare_exchange(state, next, Release, Relaxed) {
                    Ok(_) => return None,
                    Err(now) => state = now,
                }
            }
        };
        // From here on the state is the caller's: somebody waits, and the queue is locked.
        let Some(sum) = checked_sum(state, added) else {
            drop(waiters);
            overflow();
        };
        self.state.fetch_add(sum - state, Release);
        if sum / ONE < wanted {
            return None;
        }
        let claim = waiters.claim().expect("a first one waits");
        let left = sum - wanted * ONE;
        match self::wanted(&waiters) {
            None => {
                self.state.fetch_sub((wanted * ONE) | WAITING, Relaxed);
                Some((claim, false))
            }
            Some(next) => {
                self.state.fetch_sub(wanted * ONE, Relaxed);
                Some((claim, left / ONE >= next))
            }
        }
    }
}

/// The permits that the first one waits for.
fn wanted(waiters: &Queue) -> Option<usize> {
    waiters.first_slot().map(<*mut ()>::addr)
}

/// Who waits. Dropped when the wait unwinds.
struct Waiting<'a> {
    semaphore: &'a Semaphore,
    turn: &'a Turn,
    node: &'a Node,
    permits: usize,
}

impl Waiting<'_> {
    /// The wait is over. Whether the permits have been handed over before that.
    fn leave(&self) -> bool {
        let was_there = self.semaphore.waiters.lock().remove(self.node);
        if was_there {
            // There may be enough for the next one.
            self.semaphore.give(0);
        } else {
            wait::wait_claimed(self.turn);
        }
        !was_there
    }
}

impl Drop for Waiting<'_> {
    #[cold]
    fn drop(&mut self) {
        if self.leave() {
            self.semaphore.add_permits(self.permits);
        }
    }
}

impl Permit<'_> {
    /// The permits are not given back.
    pub fn forget(self) {
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits);
    }
}

impl OwnedPermit {
    /// The permits are not given back.
    pub fn forget(mut self) {
        self.permits = 0;
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available_permits", &self.available_permits()).finish_non_exhaustive()
    }
}
