//! The parts by themselves. How sockets wait through them is tested in `net::tcp`.

use super::readiness::{CAUTION, READABLE, Readiness, WRITABLE};
use super::slots::Slots;
use super::{Direction, Events, Poller, PollerHandle, Settings, Source, Timeout, Until, set_current_poller};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread that does nothing but poll, as an idle worker does.
pub(crate) struct PollingThread {
    handle: Arc<PollerHandle>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PollingThread {
    pub(crate) fn start() -> PollingThread {
        let mut poller = Poller::new().unwrap();
        let (handle, stop) = (poller.handle().clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                poller.poll(Timeout::Never).unwrap();
            }
        });
        PollingThread { handle, stop, thread: Some(thread) }
    }

    /// Lets the calling thread wait by way of this poller, as tasks do.
    pub(crate) fn adopt(&self) {
        set_current_poller(Some(self.handle.clone()));
    }
}

impl Drop for PollingThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.handle.notify().unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn monotonic() -> u64 {
    let mut now = MaybeUninit::uninit();
    // SAFETY: the kernel fills `now`; this clock always exists.
    let now: libc::timespec = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, now.as_mut_ptr());
        now.assume_init()
    };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[test]
fn an_event_between_look_and_clear_is_kept() {
    let readiness = Readiness::unknown();
    let seen = readiness.load();
    readiness.raise(READABLE);
    assert!(!readiness.clear(Direction::Read, seen));
    assert!(readiness.load().has(Direction::Read));
    assert!(readiness.clear(Direction::Read, readiness.load()));
    assert!(!readiness.load().has(Direction::Read) && readiness.load().has(Direction::Write));
}

#[test]
fn clears_of_both_directions_do_not_hinder_each_other() {
    let readiness = Readiness::unknown();
    let seen = readiness.load();
    assert!(readiness.clear(Direction::Read, seen) && readiness.clear(Direction::Write, seen));
    readiness.raise(WRITABLE);
    assert!(!readiness.load().has(Direction::Read) && readiness.load().has(Direction::Write));
}

#[test]
fn a_short_transfer_clears_unless_caution_was_raised() {
    let readiness = Readiness::unknown();
    readiness.clear_after_short_transfer(Direction::Read, readiness.load());
    assert!(!readiness.load().has(Direction::Read));
    readiness.raise(READABLE | CAUTION);
    readiness.clear_after_short_transfer(Direction::Read, readiness.load());
    assert!(readiness.load().has(Direction::Read));
    // The kernel's own word counts all the same.
    assert!(readiness.clear(Direction::Read, readiness.load()));
    assert!(!readiness.load().has(Direction::Read));
}

#[test]
fn tokens_of_the_dead_find_nobody() {
    let mut slots = Slots::default();
    let source = || Arc::new(Source::new(Settings::fresh(), Events::All));
    let (first, second) = (source(), source());
    let old = slots.insert(first.clone()).unwrap();
    assert!(Arc::ptr_eq(slots.get(old).unwrap(), &first));
    assert!(slots.remove(old).is_some() && slots.remove(old).is_none());
    let new = slots.insert(second.clone()).unwrap();
    assert!(slots.get(old).is_none() && slots.remove(old).is_none());
    assert!(Arc::ptr_eq(slots.get(new).unwrap(), &second));
    assert_eq!(slots.close().len(), 1);
    assert!(slots.insert(first).is_err() && slots.get(new).is_none());
}

#[test]
fn polls_end_at_their_deadline() {
    let mut poller = Poller::new().unwrap();
    assert_eq!(poller.poll(Timeout::Now).unwrap(), 0);
    // The middle one is later than what is armed by then, and then earlier; one is long past.
    for after in [300_000, 5_000_000, 100_000, 2_000_000] {
        let deadline = monotonic() + after;
        while monotonic() < deadline {
            poller.poll(Timeout::Until(deadline)).unwrap();
        }
    }
    poller.poll(Timeout::Until(0)).unwrap();
    poller.poll(Timeout::Until(1)).unwrap();
    // A far deadline does not hinder a near one, nor one that cannot come.
    let (begin, near) = (Instant::now(), monotonic() + 1_000_000);
    poller.poll(Timeout::Now).unwrap();
    for far in [near + 3_600_000_000_000, near] {
        if far != near {
            poller.handle().notify().unwrap();
        }
        poller.poll(Timeout::Until(far)).unwrap();
    }
    while monotonic() < near {
        poller.poll(Timeout::Until(near)).unwrap();
    }
    assert!(begin.elapsed() < Duration::from_secs(60));
    poller.handle().notify().unwrap();
    poller.poll(Timeout::Until(u64::MAX)).unwrap();
}

#[test]
fn notifications_end_polls_from_any_thread() {
    let mut poller = Poller::new().unwrap();
    poller.handle().notify().unwrap();
    poller.poll(Timeout::Never).unwrap();
    let handle = poller.handle().clone();
    let other = thread::spawn(move || {
        for _ in 0..1000 {
            thread::yield_now();
            handle.notify().unwrap();
        }
    });
    while !other.is_finished() {
        poller.poll(Timeout::Until(monotonic() + 1_000_000)).unwrap();
    }
    other.join().unwrap();
}

/// The protocol without a kernel, so that its gaps of a few ns are hit: one thread makes things ready and delivers, one event
/// for each; the other takes them and waits. Each starts as soon as the other is done, so their steps fall together.
#[test]
fn each_event_ends_a_wait() {
    const ROUNDS: usize = 300_000;
    let poller = PollingThread::start();
    // Never ready to read: no event comes but ours.
    let (end, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let source = Arc::new(Source::new(Settings::fresh(), Events::All));
    let (made, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let taker = scope.spawn(|| {
            poller.adopt();
            for round in 0..ROUNDS {
                let take = || match made.load(Ordering::SeqCst) > round {
                    true => Ok(()),
                    false => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
                };
                source.run(end.as_fd(), Direction::Read, Until::Forever, take, |()| false).unwrap();
                taken.store(round + 1, Ordering::SeqCst);
            }
        });
        let mut deadline = Instant::now() + Duration::from_secs(60);
        for round in 1..=ROUNDS {
            // The taker is at different places when the event comes.
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
            made.store(round, Ordering::SeqCst);
            source.deliver(READABLE);
            let mut looks = 0_u32;
            while taken.load(Ordering::SeqCst) < round && !taker.is_finished() {
                looks += 1;
                if looks.is_multiple_of(1000) {
                    thread::yield_now();
                    if Instant::now() > deadline {
                        eprintln!("the wake of round {round} was lost");
                        std::process::abort();
                    }
                }
            }
            if round.is_multiple_of(1000) {
                deadline = Instant::now() + Duration::from_secs(60);
            }
        }
    });
}
