//! How workers fall asleep without missing work, and how few of them are woken for it.
//!
//! Work is *pinned* (in the inbox of a worker, who alone may run it) or *stealable* (in the injector or a worker's deque).
//! The promise: **work is never left while all who could run it sleep**. Nothing here knows the queues; the promise holds if
//! workers and notifiers keep to this order:
//!
//! ```text
//!     worker, out of own work                        notifier
//!         begin_search                                   push the work
//!         look into the others' queues                   claim (pinned) or claim_any (stealable)
//!           found:   end_search, and if it says so       if one was claimed: wake its poller
//!                    look again at all stealable work:
//!                    if there is any, claim_any
//!           nothing: prepare
//!         look at ALL sources again, shutdown too
//!           found:   cancel (and it searches again)
//!           nothing: block in the poller; woken
//!         from the top
//! ```
//!
//! A worker that has found work anywhere, in its own queues too, calls `end_search` before it runs it, because notifiers may
//! take it for a searcher: it has searched, was woken to search, or has cancelled. That is a load if none of this is so. A
//! worker that leaves for good calls it too. So does one that a task keeps from running anything else, each time it wakes: it
//! sleeps as the others do, looks at its pinned work alone, and passes on what it was summoned for.
//!
//! # Which fences pair
//! Each side writes, then reads what the other writes. A store may be delayed past a later load of another place, on x86 too,
//! and then each could miss the other. A `SeqCst` fence between write and read on *both* sides forbids it: the fences
//! have one order, and who comes second in it sees what the first wrote before its own.
//!
//! | | writes | fence | reads |
//! |---|---|---|---|
//! | **N** notifier | pushes work | in `claim`, `claim_any` | who sleeps, how many search |
//! | **S** sleeper | asleep; one more sleeps; if it searched, one less does | in `prepare` | all sources of work |
//! | **E** searcher that found work | one less searches | in `end_search`, if none is left | stealable work |
//!
//! - N with S: the sleeper sees the work, or the notifier sees that it sleeps, and wakes it.
//! - N with S or E: a notifier that wakes nobody because somebody searches has read the count before the last searcher took
//!   itself off, so that one sees the work: as a sleeper, or when it looks again.
//!
//! A searcher that takes several pieces of work along, and puts all but one into its own deque, does so before its
//! `end_search`. If others search then, it is told nothing and wakes nobody. So to end a search is a release: who ends the
//! last one has read the count from all the others, and the fence that follows lets it see where they have put what.
//!
//! Who claims a sleeper sees what it wrote before `prepare`: its poller, which it may have made just then.
//!
//! Nothing else here orders anything, but for one pair that `claim_any` explains. In particular what was pushed becomes
//! visible by the queue it was pushed to.
//!
//! # How few are woken
//! While a worker searches, `claim_any` wakes nobody. A worker that it wakes counts as a searcher from before it is woken, so
//! work that comes in a burst wakes one; it wakes the next when it has found something and sees more.

use super::sync::{Acquire, AtomicU8, AtomicU64, Relaxed, Release, SeqCst, const_fn, fence};

/// The worker runs tasks, or looks into its own queues.
const AWAKE: u8 = 0;
/// It looks into the queues of others, and is counted for it.
const SEARCHING: u8 = 1;
/// It sleeps, or is about to. Only from here others change the byte, to one of the next two.
const ASLEEP: u8 = 2;
/// As ASLEEP, but its poller is being woken, for pinned work.
const CLAIMED: u8 = 3;
/// As ASLEEP, but its poller is being woken, and it counts as a searcher already.
const SUMMONED: u8 = 4;

/// Whether a worker sleeps: one for each worker. Others read it for each piece of work; on a cache line of its own, it is in
/// their caches while the worker is awake.
pub(crate) struct Sleeper(AtomicU8);

impl Sleeper {
    const_fn! {
        /// A worker that is awake.
        pub(crate) fn new() -> Sleeper {
            Sleeper(AtomicU8::new(AWAKE))
        }
    }

    /// Whether it sleeps, claimed or not.
    pub(crate) fn sleeps(&self) -> bool {
        self.0.load(Relaxed) >= ASLEEP
    }

    #[inline]
    fn is_asleep(&self) -> bool {
        self.0.load(Relaxed) == ASLEEP
    }

    #[inline]
    fn claim(&self, how: u8) -> bool {
        self.is_asleep() && self.0.compare_exchange(ASLEEP, how, Acquire, Relaxed).is_ok()
    }
}

/// How many workers sleep, and how many search: one for each runtime. As with [`Sleeper`], on a cache line of its own.
///
/// Searchers are counted in the low half, and among them each `claim_any` from before it claims. Sleepers are counted in the
/// high half, from `prepare` to `cancel` or `woken`, claimed or not.
pub(crate) struct Idle(AtomicU64);

const ONE_SEARCHES: u64 = 1;
const ONE_SLEEPS: u64 = 1 << 32;

fn searching(counts: u64) -> u64 {
    counts % ONE_SLEEPS
}

fn sleeping(counts: u64) -> u64 {
    counts / ONE_SLEEPS
}

impl Idle {
    const_fn! {
        /// A runtime whose workers are all awake.
        pub(crate) fn new() -> Idle {
            Idle(AtomicU64::new(0))
        }
    }

    /// The worker is going to look for work in the queues of others. Nothing happens if it does so already.
    pub(crate) fn begin_search(&self, me: &Sleeper) {
        if me.0.load(Relaxed) == AWAKE {
            me.0.store(SEARCHING, Relaxed);
            self.0.fetch_add(ONE_SEARCHES, Relaxed);
        }
    }

    /// The worker has found work, of whatever kind. Nothing happens if it did not search.
    ///
    /// `true`: nobody searches any more, and notifiers may have relied on this worker. It must look again at all stealable
    /// work, and if there is any, `claim_any`.
    #[inline]
    pub(crate) fn end_search(&self, me: &Sleeper) -> bool {
        me.0.load(Relaxed) == SEARCHING && self.stop_searching(me)
    }

    #[cold]
    fn stop_searching(&self, me: &Sleeper) -> bool {
        me.0.store(AWAKE, Relaxed);
        // Release: what this worker has taken along is in its deque, for the last one to see.
        let last = searching(self.0.fetch_sub(ONE_SEARCHES, Release)) == 1;
        if last {
            // Pairs with N: who read the count before it fell to nothing has pushed for this worker to see.
            fence(SeqCst);
        }
        last
    }

    /// The worker is about to sleep; if it searched, it does so no more. Now it must look at all its sources of work once
    /// more, and then either `cancel`, or block in its poller and call `woken`.
    pub(crate) fn prepare(&self, me: &Sleeper) {
        let searched = me.0.load(Relaxed) == SEARCHING;
        // Release, for who claims the worker.
        me.0.store(ASLEEP, Release);
        // In one step, so that a searcher who gives up is on one side or the other at any time. Release: see claim_any.
        self.0.fetch_add(if searched { ONE_SLEEPS - ONE_SEARCHES } else { ONE_SLEEPS }, Release);
        // Pairs with N: it sees this worker asleep, and maybe nobody searching; or this worker sees its work.
        fence(SeqCst);
    }

    /// The worker has found something after `prepare`, and stays awake. If it was claimed meanwhile, its poller will be woken
    /// for nothing, now or later.
    ///
    /// It counts as a searcher from now on. Notifiers of stealable work may have relied on its search before; if what it has
    /// found is pinned, it has not looked for theirs. So it must come through `end_search`.
    pub(crate) fn cancel(&self, me: &Sleeper) {
        let summoned = me.0.swap(SEARCHING, Relaxed) == SUMMONED;
        // Who summoned it has counted it.
        self.0.fetch_sub(if summoned { ONE_SLEEPS } else { ONE_SLEEPS - ONE_SEARCHES }, Relaxed);
    }

    /// The worker has slept and is awake again, whatever has woken it: a claim, I/O, a timer, or nothing.
    pub(crate) fn woken(&self, me: &Sleeper) {
        if me.0.swap(AWAKE, Relaxed) == SUMMONED {
            // Who summoned it has counted it.
            me.0.store(SEARCHING, Relaxed);
        }
        self.0.fetch_sub(ONE_SLEEPS, Relaxed);
    }

    /// Whether a worker sleeps, to the best of the caller's knowledge: for those who would share work if it served somebody.
    #[inline]
    pub(crate) fn any_sleep(&self) -> bool {
        sleeping(self.0.load(Relaxed)) != 0
    }

    /// For a notifier that has pushed pinned work to this worker. `true`: the worker was asleep, and the caller must wake its
    /// poller. `false`: it is awake, or somebody else is waking it; it will see the work. Costs a fence and a load if so.
    #[inline]
    pub(crate) fn claim(&self, sleeper: &Sleeper) -> bool {
        // Pairs with S.
        fence(SeqCst);
        sleeper.claim(CLAIMED)
    }

    /// For a notifier that has pushed stealable work. The index of a sleeper whose poller the caller must wake; none if none
    /// sleeps, or somebody searches and will find the work. Costs a fence and a load if so.
    ///
    /// With one worker there is nobody to wake but from outside: a worker may skip the call.
    #[inline]
    pub(crate) fn claim_any<'a>(&self, sleepers: impl Iterator<Item = &'a Sleeper> + Clone) -> Option<usize> {
        // Pairs with S and E.
        fence(SeqCst);
        let counts = self.0.load(Relaxed);
        if searching(counts) != 0 || sleeping(counts) == 0 { None } else { self.summon(sleepers) }
    }

    #[cold]
    fn summon<'a>(&self, sleepers: impl Iterator<Item = &'a Sleeper> + Clone) -> Option<usize> {
        // Sleepers that are claimed already, and will look at everything by themselves, are counted but not asleep.
        while sleepers.clone().any(Sleeper::is_asleep) {
            // Counted first: if the sleeper wakes by itself the moment it is summoned, it takes off what is there.
            self.0.fetch_add(ONE_SEARCHES, Relaxed);
            if let index @ Some(_) = sleepers.clone().position(|sleeper| sleeper.claim(SUMMONED)) {
                return index;
            }
            // All have woken meanwhile. But other notifiers may have taken this call for a searcher and woken nobody, and a
            // worker that missed their work may have gone to sleep. Such a worker has changed the counts before they read
            // them, so before now. Acquire pairs with the release in `prepare`: the loop sees it asleep.
            if searching(self.0.fetch_sub(ONE_SEARCHES, Acquire)) > 1 {
                return None;
            }
        }
        None
    }
}
