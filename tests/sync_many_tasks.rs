//! A thousand tasks of two workers at one lock, one semaphore, one pair of conditions: nothing is lost, and everybody gets its share,
//! also while the others take theirs again at once.

#[path = "common/caps.rs"]
mod caps;
#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/watchdog.rs"]
mod watchdog;

use crowd::{Kind, crowd};
use morestack::sync::{Arc, Condvar, Mutex, RwLock, Semaphore};
use morestack::thread;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

/// How often each has its turn at least.
const SHARE: usize = 20;

/// So many tasks.
fn many() -> usize {
    caps::closures(1000)
}

/// What each member has had so far. The members go on until all have had their share, so one that starves hangs all, and the watchdog
/// bites.
struct Shares {
    had: Vec<AtomicUsize>,
    /// Members that lack some of theirs.
    hungry: AtomicUsize,
}

impl Shares {
    fn new(members: usize) -> Shares {
        Shares { had: (0..members).map(|_| AtomicUsize::new(0)).collect(), hungry: AtomicUsize::new(members) }
    }

    fn count(&self, member: usize) {
        if self.had[member].fetch_add(1, Relaxed) + 1 == SHARE {
            self.hungry.fetch_sub(1, SeqCst);
        }
    }

    fn someone_is_hungry(&self) -> bool {
        self.hungry.load(SeqCst) > 0
    }

    fn sum(&self) -> usize {
        self.had.iter().map(|had| had.load(SeqCst)).sum()
    }
}

/// Many members that take their turn again and again, until everybody has had its share. The number of turns.
fn take_turns(turn: impl Fn(usize, usize) + Send + Sync + 'static) -> usize {
    let members = many();
    let shares = Arc::new(Shares::new(members));
    crowd(Kind::Tasks(2), members, {
        let shares = shares.clone();
        move |member| {
            for n in 0.. {
                if !shares.someone_is_hungry() {
                    break;
                }
                turn(member, n);
                shares.count(member);
                // Tasks that always find what they want would keep their worker from those that have not begun.
                if n % 8 == 7 {
                    thread::yield_now();
                }
            }
        }
    });
    for (member, had) in shares.had.iter().enumerate() {
        assert!(had.load(SeqCst) >= SHARE, "member {member}: {had:?}");
    }
    shares.sum()
}

#[test]
fn at_a_mutex() {
    let count = Arc::new(Mutex::new(0));
    let turns = take_turns({
        let count = count.clone();
        move |member, n| {
            let mut guard = count.lock().unwrap();
            let before = *guard;
            // Now and then it is held across a switch, so that others find it taken.
            if (member + n).is_multiple_of(16) {
                thread::yield_now();
            }
            *guard = before + 1;
        }
    });
    assert_eq!(*count.lock().unwrap(), turns);
}

/// One in eight writes; readers are there together, and never with a writer.
#[test]
fn at_a_rwlock() {
    let pair = Arc::new(RwLock::new((0, 0)));
    let written = Arc::new(AtomicUsize::new(0));
    take_turns({
        let (pair, written) = (pair.clone(), written.clone());
        move |member, n| {
            let switches = (member + n).is_multiple_of(16);
            if (member + n) % 8 == 7 {
                let mut guard = pair.write().unwrap();
                guard.0 += 1;
                if n.is_multiple_of(2) {
                    thread::yield_now();
                }
                guard.1 += 1;
                written.fetch_add(1, Relaxed);
            } else {
                let guard = pair.read().unwrap();
                let before = *guard;
                if switches {
                    thread::yield_now();
                }
                assert_eq!(before.0, before.1, "in the middle of a write");
                assert_eq!(*guard, before, "written while it is read");
            }
        }
    });
    let written = written.load(SeqCst);
    assert_eq!(*pair.read().unwrap(), (written, written));
    assert!(written >= many() * SHARE / 8, "{written}");
}

#[test]
fn at_a_semaphore() {
    const PERMITS: usize = 5;
    let semaphore = Arc::new(Semaphore::new(PERMITS));
    let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    take_turns({
        let (semaphore, most) = (semaphore.clone(), most.clone());
        move |member, n| {
            let wanted = 1 + (member + n) % PERMITS;
            let permit = semaphore.acquire_many(wanted);
            let now = inside.fetch_add(wanted, SeqCst) + wanted;
            most.fetch_max(now, SeqCst);
            assert!(now <= PERMITS, "{now} of {PERMITS} are taken");
            if (member + n).is_multiple_of(4) {
                thread::yield_now();
            }
            inside.fetch_sub(wanted, SeqCst);
            drop(permit);
        }
    });
    assert_eq!((semaphore.available_permits(), most.load(SeqCst)), (PERMITS, PERMITS));
}

/// Half of them put something in, half take it out, with room for a few: each waits for the others, at one of two conditions.
#[test]
fn at_a_pair_of_conditions() {
    struct Store {
        items: Mutex<Vec<usize>>,
        not_empty: Condvar,
        not_full: Condvar,
    }
    const ROOM: usize = 7;
    let members = many() / 2 * 2;
    let store = Store { items: Mutex::new(vec![]), not_empty: Condvar::new(), not_full: Condvar::new() };
    let (put, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    crowd(Kind::Tasks(2), members, {
        let (put, taken) = (put.clone(), taken.clone());
        move |member| {
            for n in 0..SHARE {
                let items = store.items.lock().unwrap();
                if member % 2 == 0 {
                    let mut items = store.not_full.wait_while(items, |items| items.len() == ROOM).unwrap();
                    items.push(member * SHARE + n);
                    put.fetch_add(member * SHARE + n, Relaxed);
                    store.not_empty.notify_one();
                } else {
                    let mut items = store.not_empty.wait_while(items, |items| items.is_empty()).unwrap();
                    taken.fetch_add(items.swap_remove(0), Relaxed);
                    store.not_full.notify_one();
                }
            }
        }
    });
    let expected: usize = (0..members).step_by(2).flat_map(|member| (0..SHARE).map(move |n| member * SHARE + n)).sum();
    assert_eq!((put.load(SeqCst), taken.load(SeqCst)), (expected, expected));
}
