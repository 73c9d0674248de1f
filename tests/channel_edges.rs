//! What is sent, and when things end: messages of no size and of a large one, messages that panic when they are dropped, ends that
//! go while others wait or select, bodies of a selection that panic, deadlines that have passed and that never come.

mod common;
#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::channel::{
    self, Receiver, RecvError, RecvTimeoutError, Select, SendTimeoutError, Sender, TryRecvError, bounded, select,
    unbounded,
};
use morestack::thread;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// A channel of each kind.
fn kinds<T>() -> [(Sender<T>, Receiver<T>); 3] {
    [bounded(0), bounded(2), unbounded()]
}

/// Waits until so many wait at the channel, as far as one can tell from outside: for a moment.
fn a_moment() {
    for _ in 0..20 {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(2));
}

#[test]
fn messages_of_no_size_are_counted() {
    everywhere(|| {
        for (s, r) in kinds::<()>() {
            let sender = thread::spawn(move || (0..1000).try_for_each(|_| s.send(())));
            assert_eq!(r.iter().count(), 1000);
            sender.join().unwrap().unwrap();
        }
    });
}

#[test]
fn large_messages_arrive_whole() {
    const SIZE: usize = 16 << 10;
    fn sum(message: &[u8; SIZE]) -> usize {
        message.iter().map(|&byte| usize::from(byte)).sum()
    }
    for (s, r) in kinds::<[u8; SIZE]>() {
        let send = move || (1..=3).try_for_each(|i| s.send([i; SIZE]).map_err(|_| "nobody"));
        // Some frames hold several.
        let sender = thread::Builder::new().stack_size(4 << 20).spawn(send).unwrap();
        let receive = move || {
            let first = r.recv().map(|message| sum(&message));
            let second = select! { recv(r) -> message => message.map(|message| sum(&message)) };
            (first, second, r.recv().map(|message| sum(&message)), r.try_recv().is_err())
        };
        let receiver = thread::Builder::new().stack_size(4 << 20).spawn(receive).unwrap();
        assert_eq!(receiver.join().unwrap(), (Ok(SIZE), Ok(2 * SIZE), Ok(3 * SIZE), true));
        sender.join().unwrap().unwrap();
    }
}

#[test]
fn a_message_that_panics_when_it_is_dropped_takes_nobody_along() {
    struct Panics(Arc<AtomicUsize>);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            panic::resume_unwind(Box::new("dropped"));
        }
    }
    everywhere(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        for (s, r) in [bounded(2), unbounded()] {
            s.send(Panics(dropped.clone())).unwrap_or_else(|_| panic!("there is a receiver"));
            let before = dropped.load(SeqCst);
            assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(r))).is_err());
            assert_eq!(dropped.load(SeqCst), before + 1);
            // The channel is disconnected all the same, and the message comes back.
            std::mem::forget(s.send(Panics(dropped.clone())).unwrap_err());
        }
    });
}

#[test]
fn who_waits_is_told_when_the_other_side_goes() {
    everywhere(|| {
        for (s, r) in kinds::<u32>() {
            let waiters: Vec<_> = (0..3)
                .map(|i| {
                    let r = r.clone();
                    thread::spawn(move || match i {
                        0 => r.recv(),
                        1 => r.recv_timeout(Duration::from_secs(3600)).map_err(|_| RecvError),
                        _ => select! { recv(r) -> message => message, recv(channel::never()) -> message => message },
                    })
                })
                .collect();
            a_moment();
            drop(s);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Err(RecvError));
            }
        }
        for room in [0, 1] {
            let (s, r) = bounded(room);
            (0..room as u32).for_each(|i| s.send(i).unwrap());
            let waiters: Vec<_> = (0..2)
                .map(|i| {
                    let s = s.clone();
                    thread::spawn(move || match i {
                        0 => s.send(7).is_err(),
                        _ => {
                            select! { send(s, 7) -> sent => sent.is_err(), recv(channel::never::<()>()) -> _ => false }
                        }
                    })
                })
                .collect();
            a_moment();
            drop(r);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        }
    });
}

#[test]
fn a_body_that_panics_leaves_the_channels_as_they_are() {
    everywhere(|| {
        for (s, r) in kinds::<u32>() {
            let sender = thread::spawn(move || (1..=2).try_for_each(|i| s.send(i)));
            let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
                select! { recv(r) -> message => panic::resume_unwind(Box::new(message.unwrap())) }
            }));
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&1u32));
            assert_eq!((r.recv(), r.recv()), (Ok(2), Err(RecvError)));
            sender.join().unwrap().unwrap();
        }
    });
}

#[test]
fn an_operation_that_is_not_completed_goes_to_others() {
    everywhere(|| {
        for (s, r) in kinds::<u32>() {
            let sender = thread::spawn(move || s.send(1));
            let not_completed = panic::catch_unwind(AssertUnwindSafe(|| {
                let mut select = Select::new();
                select.recv(&r);
                drop(select.select());
            }));
            assert!(not_completed.is_err());
            let got = r.recv();
            // Without a buffer it may have been handed over by then: it is dropped with the operation.
            assert!(got == Ok(1) || r.capacity() == Some(0) && got == Err(RecvError), "{got:?}");
            sender.join().unwrap().unwrap();
        }
    });
}

#[test]
fn deadlines_that_have_passed_do_what_can_be_done_at_once() {
    everywhere(|| {
        let past = Instant::now();
        for (s, r) in kinds::<u32>() {
            assert_eq!(r.recv_deadline(past), Err(RecvTimeoutError::Timeout));
            assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
            let mut selected = Select::new();
            selected.recv(&r);
            assert!(selected.select_deadline(past).is_err() && selected.ready_deadline(past).is_err());
            let sent = s.send_deadline(1, past);
            assert_eq!(sent.is_ok(), s.capacity() != Some(0));
            if sent.is_ok() {
                assert_eq!((r.recv_deadline(past), r.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
            } else {
                assert_eq!(sent, Err(SendTimeoutError::Timeout(1)));
            }
            drop(s);
            assert_eq!(r.recv_deadline(past), Err(RecvTimeoutError::Disconnected));
        }
    });
}

#[test]
fn a_timeout_past_the_end_of_the_clock_is_none() {
    everywhere(|| {
        for (s, r) in kinds::<u32>() {
            let sender = thread::spawn(move || {
                a_moment();
                s.send_timeout(1, Duration::MAX)
            });
            assert_eq!(r.recv_timeout(Duration::MAX), Ok(1));
            sender.join().unwrap().unwrap();
        }
        assert_eq!(channel::after(Duration::MAX).try_recv(), Err(TryRecvError::Empty));
        assert_eq!(channel::tick(Duration::MAX).try_recv(), Err(TryRecvError::Empty));
        let (s, r) = unbounded();
        s.send(1).unwrap();
        let got = select! { recv(r) -> message => message, default(Duration::MAX) => unreachable!("never") };
        assert_eq!(got, Ok(1));
    });
}

#[test]
fn more_than_memory_can_hold_is_refused() {
    let refused = panic::catch_unwind(|| bounded::<u64>(usize::MAX));
    assert!(refused.is_err());
}
