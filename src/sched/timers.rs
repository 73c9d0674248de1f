//! The timers of one worker: exact deadlines, earliest first, for a million sleepers. One thread's own; no locks.
//!
//! A binary heap of deadlines over a slab of values. A removed timer leaves its entry behind in the heap, where it is
//! recognised when it comes to the top; when a third of the entries are such, they are all dropped at once. So `remove`
//! touches one slot and no heap, which matters because most timeouts never fire.
//!
//! Measured against heaps of 4 and 8 children whose slots know their place, so that `remove` takes the entry out at once
//! (ns per timer in one run; insert + pop with random deadlines; "replace" removes a random one of n pending timers and
//! inserts another; "at once" inserts and removes):
//!
//! | | insert + pop, n = 100,000 | n = 1,000,000 | replace, 100,000 | 1,000,000 | at once |
//! |---|---|---|---|---|---|
//! | this | 96 | 332 | 33 | 148 | 22 |
//! | exact removal, 4 children | 130 | 245 | 49 | 203 | 8 |
//! | exact removal, 8 children | 135 | 224 | 33 | 185 | 8 |
//!
//! So sleepers cost least up to 100,000, replaced timeouts no more than elsewhere; a million sleepers and timeouts that are
//! removed at once cost more. It is also the simplest: the heap is std's. With this way of removal, heaps of our own with 4
//! and 8 children were slower. A wheel would be faster still, but rounds deadlines to its ticks.
//!
//! Memory: 16 bytes for an entry and, for a value of 8 bytes with a niche, 16 for its slot; with all entries left behind at
//! most 40 per pending timer, and with the room that vectors keep at most 50. It is given back as timers go, but a slab is as
//! long as its last pending timer demands.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Removed timers whose entries may stay in the heap, besides half as many as there are pending ones.
const LEFT_BEHIND: usize = 64;

/// Room that a vector always keeps, in elements: a worker with a few timers does not allocate and free in turns.
const KEPT: usize = 64;

/// The name of a pending timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    generation: u32,
}

/// A deadline in the heap. Compared in this order, so ties go by order of insertion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: u64,
    order: u32,
    slot: u32,
}

struct Slot<T> {
    value: Option<T>,
    /// The order of the entry that this slot belongs to; 0 for none.
    order: u32,
    /// How many timers the slot has had: tells a stale key.
    generation: u32,
}

impl<T> Slot<T> {
    /// A slot is used so often and no more; then it stays vacant, so that no key ever fits two timers.
    const LAST: u32 = u32::MAX;
}

/// Pending timers with values.
pub(super) struct Timers<T> {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Vec<Slot<T>>,
    /// Slots to use again. May name some that are gone or taken.
    free: Vec<u32>,
    live: usize,
    /// The order of the latest insertion.
    order: u32,
    /// The generation of slots to be made: above that of any that are gone.
    fresh: u32,
}

impl<T> Timers<T> {
    /// No timers; allocates nothing.
    pub(super) fn new() -> Self {
        Timers { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), live: 0, order: 0, fresh: 0 }
    }

    /// How many are pending.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.live
    }

    /// Adds a timer. `deadline` in ns, as [`now`] counts.
    pub(super) fn insert(&mut self, deadline: u64, value: T) -> Key {
        if self.order == u32::MAX {
            self.renumber();
        }
        self.order += 1;
        let slot = self.vacant_slot();
        let place = &mut self.slots[slot as usize];
        place.value = Some(value);
        place.order = self.order;
        let key = Key { slot, generation: place.generation };
        if self.heap.len() == self.heap.capacity() {
            self.heap.reserve_exact(step(self.heap.len()));
        }
        self.heap.push(Reverse(Entry { deadline, order: self.order, slot }));
        self.live += 1;
        key
    }

    /// Takes a pending timer out. None if it has fired or been removed.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.slots.get(key.slot as usize).filter(|slot| slot.generation == key.generation)?;
        let value = self.vacate(key.slot)?;
        if self.heap.len() > self.live + self.live / 2 + LEFT_BEHIND {
            let slots = &self.slots;
            self.heap.retain(|entry| is_live(slots, entry));
        }
        self.tidy();
        Some(value)
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn next(&self) -> Option<u64> {
        // The top is never one left behind: tidy sees to that.
        self.heap.peek().map(|Reverse(entry)| entry.deadline)
    }

    /// Takes out a timer whose deadline is not after `now`: the earliest, of equal ones that which was inserted first.
    pub(super) fn pop(&mut self, now: u64) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        let value = self.vacate(entry.slot);
        self.tidy();
        value
    }

    fn vacant_slot(&mut self) -> u32 {
        while let Some(slot) = self.free.pop() {
            if self.slots.get(slot as usize).is_some_and(|slot| slot.value.is_none()) {
                return slot;
            }
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer timers than 2^32, whose slots would take 64 GB");
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(step(self.slots.len()));
        }
        self.slots.push(Slot { value: None, order: 0, generation: self.fresh });
        slot
    }

    /// Empties a slot; its entry, if still in the heap, is one left behind from now on.
    fn vacate(&mut self, slot: u32) -> Option<T> {
        let place = &mut self.slots[slot as usize];
        let value = place.value.take()?;
        place.order = 0;
        place.generation += 1;
        self.live -= 1;
        if place.generation < Slot::<T>::LAST {
            self.free.push(slot);
        }
        Some(value)
    }

    /// Drops what is left behind at the top of the heap, vacant slots at the end of the slab, and room that is not used.
    fn tidy(&mut self) {
        while self.heap.peek().is_some_and(|entry| !is_live(&self.slots, entry)) {
            self.heap.pop();
        }
        while let Some(last) = self.slots.last()
            && last.value.is_none()
            && last.generation < Slot::<T>::LAST
        {
            self.fresh = self.fresh.max(last.generation);
            self.slots.pop();
        }
        if self.free.len() > self.slots.len() * 2 + KEPT {
            // More than half of these are gone or named twice. The lowest will be used first: so the end falls vacant sooner.
            let slots = &self.slots;
            self.free.retain(|&slot| slots.get(slot as usize).is_some_and(|slot| slot.value.is_none()));
            self.free.sort_unstable_by_key(|&slot| Reverse(slot));
            self.free.dedup();
        }
        if self.heap.len() < self.heap.capacity() / 4 {
            self.heap.shrink_to((self.heap.len() * 2).max(KEPT));
        }
        if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to((self.slots.len() * 2).max(KEPT));
        }
        if self.free.len() < self.free.capacity() / 4 {
            self.free.shrink_to((self.free.len() * 2).max(KEPT));
        }
    }

    /// Numbers the entries anew, from 1, in their order. Once in four thousand million insertions.
    #[cold]
    fn renumber(&mut self) {
        let slots = &self.slots;
        self.heap.retain(|entry| is_live(slots, entry));
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        entries.sort_unstable_by_key(|Reverse(entry)| *entry);
        self.order = 0;
        for Reverse(entry) in &mut entries {
            self.order += 1;
            entry.order = self.order;
            self.slots[entry.slot as usize].order = self.order;
        }
        self.heap = entries.into();
    }
}

/// Whether the entry's timer is pending.
#[inline]
fn is_live<T>(slots: &[Slot<T>], Reverse(entry): &Reverse<Entry>) -> bool {
    slots.get(entry.slot as usize).is_some_and(|slot| slot.order == entry.order)
}

/// By how much a vector of `len` elements grows: a quarter, because doubling could waste half of it.
fn step(len: usize) -> usize {
    (len / 4).max(KEPT)
}

/// Nanoseconds on the monotonic clock, which std's [`Instant`] reads as well. Costs a call into the vDSO, some 20 ns.
pub(crate) fn now() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Milliseconds on the same clock as of the kernel's last tick: some milliseconds old, for a quarter of the price. They count around
/// after 49 days.
pub(crate) fn coarse() -> u32 {
    (read(libc::CLOCK_MONOTONIC_COARSE) / 1_000_000) as u32
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is ours. Both clocks exist on every Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// One moment on both scales: an [`Instant`] does not tell its number.
fn base() -> (Instant, u64) {
    static BASE: std::sync::OnceLock<(Instant, u64)> = std::sync::OnceLock::new();
    // now() comes second, so converted deadlines err to the late side, by some 20 ns once (or by how long the thread was
    // preempted in between): a sleep never ends early.
    *BASE.get_or_init(|| (Instant::now(), now()))
}

/// An instant as [`now`] counts; 0 for those before the clock began, `u64::MAX` for those after it ends in 584 years.
pub(crate) fn from_instant(instant: Instant) -> u64 {
    let (base, at) = base();
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    match instant.checked_duration_since(base) {
        Some(later) => at.saturating_add(ns(later)),
        None => at.saturating_sub(ns(base - instant)),
    }
}

/// The instant at which [`now`] is `ns`.
#[cfg(test)]
fn to_instant(ns: u64) -> Instant {
    let (base, at) = base();
    if ns >= at {
        // An Instant holds 2^63 seconds, u64 some 2^34 of them.
        base + Duration::from_nanos(ns - at)
    } else {
        base.checked_sub(Duration::from_nanos(at - ns)).unwrap_or(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::num::NonZeroU64;

    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) % bound
        }
    }

    /// Against a `BTreeMap` by (deadline, insertion), from a fixed seed: mostly growing phases and mostly emptying ones.
    fn compare(steps: u64, first_order: u32) {
        let mut timers = Timers::new();
        timers.order = first_order;
        let (mut model, mut keys) = (BTreeMap::new(), Vec::new());
        let (mut random, mut clock) = (Random(88_172_645_463_325_252), 0);
        for step in 0..steps {
            let growing = step / 5_000 % 2 == 0;
            match random.below(10) {
                0..3 => {}
                3..6 if !growing => {}
                3..8 => {
                    // Few different deadlines, for ties; and now and then one that never comes.
                    let deadline = if random.below(50) == 0 { u64::MAX } else { clock + random.below(100) };
                    keys.push((timers.insert(deadline, step), deadline, step));
                    model.insert((deadline, step), ());
                }
                8 => {
                    if !keys.is_empty() {
                        // Keys stay in the list when their timers are gone: stale ones are tried as well.
                        let (key, deadline, step) = keys[random.below(keys.len() as u64) as usize];
                        let expected = model.remove(&(deadline, step)).map(|()| step);
                        assert_eq!(timers.remove(key), expected, "step {step}");
                        assert_eq!(timers.remove(key), None);
                    }
                }
                _ => {
                    clock += random.below(if growing { 3 } else { 30 });
                    let due: Vec<_> = model.range(..=(clock, u64::MAX)).map(|(&(_, step), ())| step).collect();
                    model.retain(|&(deadline, _), ()| deadline > clock);
                    let fired: Vec<_> = std::iter::from_fn(|| timers.pop(clock)).collect();
                    assert_eq!(fired, due, "step {step}");
                }
            }
            assert_eq!(timers.len(), model.len());
            assert_eq!(timers.next(), model.first_key_value().map(|(&(deadline, _), ())| deadline));
        }
    }

    #[test]
    fn behaves_like_a_sorted_map() {
        compare(100_000, 0);
    }

    #[test]
    fn insertion_order_survives_the_end_of_its_numbers() {
        compare(10_000, u32::MAX - 2_000);
    }

    #[test]
    fn a_slot_at_the_end_of_its_generations_is_not_used_again() {
        let mut timers = Timers::new();
        let first = timers.insert(1, 'a');
        timers.slots[0].generation = Slot::<char>::LAST - 1;
        assert_eq!(timers.remove(first), None);
        assert_eq!(timers.pop(1), Some('a'));
        let second = timers.insert(1, 'b');
        assert_eq!((second.slot, timers.remove(second)), (1, Some('b')));
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn keys_of_slots_that_are_gone_fit_no_later_timer() {
        let mut timers = Timers::new();
        let old: Vec<_> = (0..1000).map(|i| timers.insert(i, i)).collect();
        assert!(old.iter().zip(0..).all(|(&key, i)| timers.remove(key) == Some(i)));
        assert!(timers.slots.is_empty());
        let new: Vec<_> = (0..1000).map(|i| timers.insert(i, i)).collect();
        assert!(old.iter().all(|&key| timers.remove(key).is_none()));
        assert!(new.iter().zip(0..).all(|(&key, i)| timers.remove(key) == Some(i)));
    }

    fn bytes<T>(timers: &Timers<T>) -> usize {
        timers.heap.capacity() * size_of::<Reverse<Entry>>()
            + timers.slots.capacity() * size_of::<Slot<T>>()
            + timers.free.capacity() * size_of::<u32>()
    }

    #[test]
    fn memory_is_small_and_given_back() {
        let mut timers = Timers::new();
        assert_eq!(bytes(&timers), 0);
        let count = 200_000;
        let one = NonZeroU64::MIN;
        let mut keys: Vec<_> = (0..count).map(|i| timers.insert(i, one)).collect();
        assert!(bytes(&timers) <= 40 * count as usize, "{} bytes for {count} timers", bytes(&timers));
        // Timeouts that never fire: each is replaced many times over.
        for round in 1..5 {
            for (key, i) in keys.iter_mut().zip(0..) {
                timers.remove(*key).unwrap();
                *key = timers.insert(count * round + i, one);
            }
        }
        assert!(bytes(&timers) <= 50 * count as usize, "{} bytes for {count} timers", bytes(&timers));
        for key in keys.drain(100..) {
            timers.remove(key).unwrap();
        }
        assert!(bytes(&timers) < 20_000, "{} bytes for 100 timers", bytes(&timers));
        while timers.pop(u64::MAX).is_some() {}
        assert!(bytes(&timers) < 5_000, "{} bytes for none", bytes(&timers));
    }

    #[test]
    fn instants_and_numbers_are_one_clock() {
        let (before, instant, after) = (now(), Instant::now(), now());
        // The two bases are read one after the other.
        let slack = 1_000_000_000;
        let converted = from_instant(instant);
        assert!((before..=after + slack).contains(&converted), "{before} {converted} {after}");
        assert_eq!(to_instant(converted), instant);
        let hour = Duration::from_secs(3600);
        assert_eq!(from_instant(instant + hour), converted + 3_600_000_000_000);
    }

    #[test]
    fn far_instants_saturate() {
        let far = Instant::now() + Duration::from_secs(1 << 40);
        assert_eq!(from_instant(far), u64::MAX);
        assert_eq!(from_instant(to_instant(u64::MAX)), u64::MAX);
        if let Some(past) = Instant::now().checked_sub(Duration::from_secs(1 << 40)) {
            assert_eq!(from_instant(past), 0);
        }
        to_instant(0);
    }
}
