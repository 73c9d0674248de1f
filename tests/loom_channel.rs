//! Channels: the ring of a bounded one, those who wait, a rendezvous, a selection. No message is lost, had twice, or seen half; nobody
//! waits for what is there; who gives up takes nothing along.
//!
//! With `--cfg loom` the shipped files are checked by loom, with a stand-in for what a task waits with. Without, threads try the ring.

#[cfg(loom)]
#[path = "loom_common"]
mod sched {
    #[path = "../../src/sched/lock.rs"]
    pub mod lock;
    #[path = "../../src/sched/on.rs"]
    #[allow(dead_code, reason = "reports need the rest")]
    pub mod on;
    #[path = "../../src/sched/queue.rs"]
    #[allow(dead_code, reason = "other things that wait need the rest")]
    pub mod queue;
    pub mod sync;
    pub use crate::waits::{wait, waker};

    /// Nothing else runs here that a task could give way to.
    pub fn pay() {}

    /// Clocks are not in the models.
    pub mod sleep {
        pub fn sleep(_: std::time::Duration) {
            unreachable!()
        }
        pub fn sleep_until(_: std::time::Instant) {
            unreachable!()
        }
    }
}
#[cfg(not(loom))]
#[path = "../src/sched"]
#[allow(unused_imports, unused_macros, dead_code, reason = "other files need the rest")]
mod sched {
    pub mod sync;
}

#[cfg(loom)]
#[path = "loom_common/waits.rs"]
mod waits;
#[cfg(loom)]
use sched::{on, queue};

#[path = "../src/channel"]
#[allow(dead_code, reason = "the channels need the rest")]
mod channel {
    mod buffer;
    #[cfg(loom)]
    mod buffered;
    #[cfg(loom)]
    mod clock;
    #[cfg(loom)]
    mod handle;
    #[cfg(loom)]
    mod iter;
    #[cfg(loom)]
    mod list;
    #[cfg(loom)]
    mod operation;
    #[cfg(loom)]
    mod operations;
    #[cfg(loom)]
    mod rendezvous;
    mod ring;
    #[cfg(loom)]
    mod select;
    #[cfg(loom)]
    mod shared;
    #[cfg(loom)]
    mod waiters;

    /// The ring alone.
    #[cfg(loom)]
    mod ring_models {
        use super::buffer::{Buffer, Refused};
        use super::ring::Ring;
        use loom::thread;
        use std::sync::Arc;

        fn pop_all(ring: &Ring<u32>) -> Vec<u32> {
            std::iter::from_fn(|| ring.pop().ok()).collect()
        }

        /// More messages than slots: the sender comes around, and sees what it fills again empty.
        pub fn in_order() {
            let ring = Arc::new(Ring::new(2));
            let sender = {
                let ring = ring.clone();
                thread::spawn(move || (1..=3).take_while(|&i| ring.push(i).is_ok()).count() as u32)
            };
            let mut got = Vec::new();
            for _ in 0..2 {
                got.extend(ring.pop().ok());
            }
            let sent = sender.join().unwrap();
            got.extend(pop_all(&ring));
            assert_eq!(got, (1..=sent).collect::<Vec<_>>());
            assert!(sent >= 2, "there was room for two");
        }

        /// Room for one message, which is not all the slots: one of two senders gets it.
        pub fn one_place() {
            let ring = Arc::new(Ring::new(1));
            let sender = {
                let ring = ring.clone();
                thread::spawn(move || ring.push(1).is_ok())
            };
            let mine = ring.push(2).is_ok();
            let its = sender.join().unwrap();
            assert!(mine != its && ring.len() == 1);
            assert_eq!(pop_all(&ring), [if mine { 2 } else { 1 }]);
        }

        /// One place, one is promised it, the other would put a message in.
        pub fn a_promised_place() {
            let ring = Arc::new(Ring::new(1));
            let selects = {
                let ring = ring.clone();
                thread::spawn(move || {
                    let promised = ring.promise_place().is_ok();
                    if promised {
                        assert!(ring.push_promised(1).is_ok());
                    }
                    promised
                })
            };
            let mine = ring.push(2).is_ok();
            let promised = selects.join().unwrap();
            assert!(mine != promised);
            assert_eq!(pop_all(&ring), [if mine { 2 } else { 1 }]);
        }

        /// One message, one is promised it, the other would take it.
        pub fn a_promised_message() {
            let ring = Arc::new(Ring::new(2));
            assert!(ring.push(1).is_ok());
            let selects = {
                let ring = ring.clone();
                thread::spawn(move || ring.promise_message().is_ok().then(|| ring.pop_promised()))
            };
            let mine = ring.pop().ok();
            let its = selects.join().unwrap();
            assert!(mine.is_some() != its.is_some());
            assert_eq!(mine.or(its), Some(1));
        }

        /// As `in_order`, with promises on both sides.
        pub fn promises_in_order() {
            let ring = Arc::new(Ring::new(2));
            let put = |ring: &Ring<u32>, i| ring.promise_place().is_ok() && ring.push_promised(i).is_ok();
            let take = |ring: &Ring<u32>| ring.promise_message().ok().map(|()| ring.pop_promised());
            let sender = {
                let ring = ring.clone();
                thread::spawn(move || (1..=3).take_while(|&i| put(&ring, i)).count() as u32)
            };
            let mut got = Vec::new();
            for _ in 0..2 {
                got.extend(take(&ring));
            }
            let sent = sender.join().unwrap();
            got.extend(pop_all(&ring));
            assert_eq!(got, (1..=sent).collect::<Vec<_>>());
        }

        /// What is given up, others may have.
        pub fn given_up() {
            let ring = Arc::new(Ring::new(1));
            assert!(ring.push(1).is_ok());
            let selects = {
                let ring = ring.clone();
                thread::spawn(move || {
                    if ring.promise_message().is_ok() {
                        ring.give_up_message();
                    }
                    if ring.promise_place().is_ok() {
                        ring.give_up_place();
                    }
                })
            };
            let early = ring.pop().ok();
            selects.join().unwrap();
            assert_eq!(early.or_else(|| ring.pop().ok()), Some(1));
            assert!(ring.push(2).is_ok());
        }

        /// A send and a close: the message is in, to be taken out, or it is refused.
        pub fn closed() {
            let ring = Arc::new(Ring::new(2));
            let sender = {
                let ring = ring.clone();
                thread::spawn(move || ring.push(1).map_err(|(_, why)| assert_eq!(why, Refused::Closed)).is_ok())
            };
            ring.close();
            let left = pop_all(&ring).len();
            assert!(matches!(ring.pop(), Err(Refused::Closed)));
            assert_eq!(left == 1, sender.join().unwrap());
            assert!(pop_all(&ring).is_empty());
        }

        /// Two receivers and one message after the other: each is had once.
        pub fn two_receivers() {
            let ring = Arc::new(Ring::new(2));
            assert!(ring.push(1).is_ok() && ring.push(2).is_ok());
            let other = {
                let ring = ring.clone();
                thread::spawn(move || ring.pop().ok())
            };
            let mut got: Vec<_> = ring.pop().ok().into_iter().chain(other.join().unwrap()).collect();
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
        }
    }

    /// Whole channels.
    #[cfg(loom)]
    mod channel_models {
        use super::buffered::Buffered;
        use super::handle::{Receiver, ReceiverKind, Sender, SenderKind};
        use super::rendezvous::Rendezvous;
        use super::ring::Ring;
        use super::select::Select;
        use super::shared::share;
        use crate::waits::with_patience;
        use crossbeam_channel::{RecvError, RecvTimeoutError};
        use loom::cell::UnsafeCell;
        use loom::thread;
        use std::panic::{self, AssertUnwindSafe};
        use std::sync::Arc;
        use std::time::Instant;

        /// What std's `Arc` orders, loom does not see: so none of these models frees a channel.
        fn keep<T>(handle: &Arc<T>) {
            std::mem::forget(handle.clone());
        }

        fn bounded(capacity: usize) -> (Sender<u32>, Receiver<u32>) {
            let (s, r) = share(Buffered::new(Ring::new(capacity)));
            keep(&s.0);
            (Sender(SenderKind::Bounded(s)), Receiver(ReceiverKind::Bounded(r)))
        }

        fn rendezvous() -> (Sender<u32>, Receiver<u32>) {
            let (s, r) = share(Rendezvous::new());
            keep(&s.0);
            (Sender(SenderKind::Rendezvous(s)), Receiver(ReceiverKind::Rendezvous(r)))
        }

        /// A receiver that waits is woken.
        pub fn a_message_wakes() {
            let (s, r) = bounded(1);
            let sender = thread::spawn(move || {
                s.send(1).unwrap();
                // Its end would wake, too.
                s
            });
            assert_eq!(r.recv(), Ok(1));
            drop(sender.join().unwrap());
        }

        /// A sender that waits is woken.
        pub fn room_wakes() {
            let (s, r) = bounded(1);
            s.send(1).unwrap();
            let receiver = thread::spawn(move || (r.recv(), r));
            s.send(2).unwrap();
            let (first, r) = receiver.join().unwrap();
            assert_eq!((first, r.recv()), (Ok(1), Ok(2)));
        }

        /// A receiver that waits is woken by a selection that sends.
        pub fn a_selected_send_wakes() {
            let (s, r) = bounded(1);
            let sender = thread::spawn(move || {
                let mut select = Select::new();
                select.send(&s);
                select.select().send(&s, 1).unwrap();
                drop(select);
                // Its end would wake, too.
                s
            });
            assert_eq!(r.recv(), Ok(1));
            drop(sender.join().unwrap());
        }

        /// A sender that waits is woken by a selection that receives.
        pub fn a_selected_receive_wakes() {
            let (s, r) = bounded(1);
            s.send(1).unwrap();
            let receiver = thread::spawn(move || {
                let mut select = Select::new();
                select.recv(&r);
                (select.select().recv(&r), r)
            });
            s.send(2).unwrap();
            let (first, r) = receiver.join().unwrap();
            assert_eq!((first, r.recv()), (Ok(1), Ok(2)));
        }

        /// A message that was promised, and is not taken, wakes who waits for one.
        pub fn a_message_given_up_wakes() {
            let (s, r) = bounded(2);
            s.send(1).unwrap();
            let r2 = r.clone();
            let selects = thread::spawn(move || {
                let mut select = Select::new();
                select.recv(&r2);
                if let Ok(operation) = select.try_select() {
                    assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(operation))).is_err());
                }
            });
            assert_eq!(r.recv(), Ok(1));
            selects.join().unwrap();
        }

        /// Room that was promised, and is not used, wakes who waits for some.
        pub fn a_place_given_up_wakes() {
            let (s, r) = bounded(1);
            let s2 = s.clone();
            let selects = thread::spawn(move || {
                let mut select = Select::new();
                select.send(&s2);
                if let Ok(operation) = select.try_select() {
                    assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(operation))).is_err());
                }
            });
            s.send(1).unwrap();
            selects.join().unwrap();
            assert_eq!(r.recv(), Ok(1));
        }

        /// Who is told that the other side is gone sees what that had done.
        fn the_end_is_seen(receivers_go: bool, (s, r): (Sender<u32>, Receiver<u32>)) {
            let done = Arc::new(UnsafeCell::new(0));
            let its = done.clone();
            // SAFETY: nobody else reaches it before it was told; loom checks.
            let write = move || its.with_mut(|place| unsafe { *place = 1 });
            let other = if receivers_go {
                let other = thread::spawn(move || {
                    write();
                    drop(r);
                });
                // If it is not told, its message was in before.
                while s.send(1).is_ok() {}
                other
            } else {
                let other = thread::spawn(move || {
                    write();
                    drop(s);
                });
                assert_eq!(r.recv(), Err(RecvError));
                other
            };
            // SAFETY: as above.
            done.with(|place| assert_eq!(unsafe { *place }, 1));
            other.join().unwrap();
        }

        pub fn the_senders_end_is_seen() {
            the_end_is_seen(false, bounded(1));
        }

        pub fn the_receivers_end_is_seen() {
            the_end_is_seen(true, bounded(1));
        }

        pub fn the_end_of_a_rendezvous_is_seen() {
            the_end_is_seen(false, rendezvous());
        }

        /// Of two that go, in whatever order, what both have done is seen.
        fn the_end_of_both_is_seen(receivers_go: bool) {
            let (s, r) = bounded(1);
            let done = [(); 2].map(|()| Arc::new(UnsafeCell::new(0)));
            let (mut s, mut r) = (Some(s), Some(r));
            let others = done.clone().map(|done| {
                let its = (s.clone().filter(|_| !receivers_go), r.clone().filter(|_| receivers_go));
                thread::spawn(move || {
                    // SAFETY: nobody else reaches it before it was told; loom checks.
                    done.with_mut(|place| unsafe { *place = 1 });
                    drop(its);
                })
            });
            if receivers_go {
                r = None;
                while s.as_ref().is_some_and(|s| s.send(1).is_ok()) {}
            } else {
                s = None;
                assert_eq!(r.as_ref().map(Receiver::recv), Some(Err(RecvError)));
            }
            for done in done {
                // SAFETY: as above.
                done.with(|place| assert_eq!(unsafe { *place }, 1));
            }
            for other in others {
                other.join().unwrap();
            }
            drop((s, r));
        }

        pub fn the_end_of_both_senders_is_seen() {
            the_end_of_both_is_seen(false);
        }

        pub fn the_end_of_both_receivers_is_seen() {
            the_end_of_both_is_seen(true);
        }

        /// One of two senders goes before the other: the last to go ends the channel, and sees what the first has done.
        pub fn the_last_of_two_senders_ends_it() {
            let (s, r) = bounded(2);
            let s2 = s.clone();
            let other = thread::spawn(move || {
                s2.send(1).unwrap();
                drop(s2);
            });
            drop(s);
            assert_eq!((r.recv(), r.recv()), (Ok(1), Err(RecvError)));
            other.join().unwrap();
        }

        /// The time of one receiver is up just as a message comes: that is had by it or by the other.
        pub fn a_receiver_gives_up() {
            let (s, r) = bounded(1);
            let r2 = r.clone();
            let hasty = thread::spawn(move || r2.recv_deadline(Instant::now()));
            let sender = thread::spawn(move || {
                s.send(1).unwrap();
                s
            });
            match hasty.join().unwrap() {
                Ok(message) => assert_eq!(message, 1),
                Err(why) => {
                    assert_eq!(why, RecvTimeoutError::Timeout);
                    assert_eq!(r.recv(), Ok(1));
                }
            }
            drop(sender.join().unwrap());
        }

        /// A rendezvous, whoever comes first.
        pub fn two_meet() {
            let (s, r) = rendezvous();
            let sender = thread::spawn(move || s.send(1).unwrap());
            assert_eq!(r.recv(), Ok(1));
            sender.join().unwrap();
        }

        /// The time of the sender is up just as the receiver comes: both say the same of it.
        pub fn a_sender_gives_up() {
            let (s, r) = rendezvous();
            let sender = thread::spawn(move || s.send_deadline(1, Instant::now()).is_ok());
            let got = r.recv();
            assert_eq!(got.is_ok(), sender.join().unwrap());
        }

        /// A receiver is interrupted just as it is handed a message: it has received it, or the sender still has it.
        fn an_interruption(receive: impl FnOnce(&Receiver<u32>) -> Result<u32, RecvError> + Send + 'static) {
            let (s, r) = rendezvous();
            let receiver = thread::spawn(move || {
                let mut got = Ok(0);
                (with_patience(0, || got = receive(&r)), got)
            });
            let sent = s.send(1).is_ok();
            let (received, got) = receiver.join().unwrap();
            assert!(received == sent && (!received || got == Ok(1)), "{received} {sent} {got:?}");
        }

        pub fn a_receiver_is_interrupted() {
            an_interruption(Receiver::recv);
        }

        pub fn a_selection_is_interrupted() {
            an_interruption(|r| {
                let mut select = Select::new();
                select.recv(r);
                select.select().recv(r)
            });
        }

        /// The same of a sender.
        pub fn a_sender_is_interrupted() {
            let (s, r) = rendezvous();
            let sender = thread::spawn(move || with_patience(0, || s.send(1).unwrap()));
            let got = r.recv();
            assert_eq!(got.is_ok(), sender.join().unwrap());
        }

        /// A selection of two operations, and a sender for each: one is had, and the other is there for the next.
        fn a_selection_of(one: (Sender<u32>, Receiver<u32>), two: (Sender<u32>, Receiver<u32>)) {
            let ((s1, r1), (s2, r2)) = (one, two);
            let senders = [(s1, 1), (s2, 2)].map(|(s, i)| thread::spawn(move || s.send(i)));
            let mut got = Vec::new();
            for _ in 0..2 {
                let mut select = Select::new_biased();
                select.recv(&r1);
                select.recv(&r2);
                let operation = select.select();
                let i = operation.index();
                // The second time it may be the same, which has come to its end.
                got.extend(operation.recv([&r1, &r2][i]).ok());
            }
            for (message, receiver) in [(1, &r1), (2, &r2)] {
                if !got.contains(&message) {
                    assert_eq!(receiver.recv(), Ok(message));
                }
            }
            for sender in senders {
                sender.join().unwrap().unwrap();
            }
        }

        pub fn a_selection_among_buffers() {
            a_selection_of(bounded(1), bounded(1));
        }

        pub fn a_selection_among_rendezvous() {
            a_selection_of(rendezvous(), rendezvous());
        }

        /// Two selections meet: one sends, one receives.
        pub fn two_selections_meet() {
            let (s, r) = rendezvous();
            let sender = thread::spawn(move || {
                let mut select = Select::new();
                select.send(&s);
                select.select().send(&s, 1).unwrap();
            });
            let mut select = Select::new();
            select.recv(&r);
            assert_eq!(select.select().recv(&r), Ok(1));
            sender.join().unwrap();
        }

        /// A selection that sends is claimed by a receiver, and gives up what it was to do: the receiver waits on, for the next.
        pub fn a_selection_goes_back_on_it() {
            let (s, r) = rendezvous();
            let sender = thread::spawn(move || {
                let mut select = Select::new();
                select.send(&s);
                let operation = select.select();
                assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(operation))).is_err());
                s.send(2).unwrap();
            });
            assert_eq!(r.recv(), Ok(2));
            sender.join().unwrap();
        }

        /// The time of a selection is up just as a message comes.
        pub fn a_selection_gives_up() {
            let (s, r) = rendezvous();
            let sender = thread::spawn(move || s.send(1).is_ok());
            let mut select = Select::new();
            select.recv(&r);
            let got = select.select_deadline(Instant::now()).map(|operation| operation.recv(&r));
            drop(select);
            drop(r);
            match got {
                Ok(message) => assert_eq!((message, sender.join().unwrap()), (Ok(1), true)),
                Err(_) => assert!(!sender.join().unwrap()),
            }
        }
    }

    #[cfg(loom)]
    mod models {
        use super::channel_models::*;
        use super::ring_models::*;
        use crate::sched::sync::{Model, all_pass};

        #[test]
        fn channels() {
            let models: [Model; 31] = [
                ("in order", in_order, Some(3)),
                ("one place", one_place, Some(3)),
                ("a promised place", a_promised_place, Some(3)),
                ("a promised message", a_promised_message, Some(3)),
                ("given up", given_up, Some(3)),
                ("closed", closed, Some(3)),
                ("two receivers", two_receivers, Some(3)),
                ("a message wakes", a_message_wakes, Some(2)),
                ("room wakes", room_wakes, Some(2)),
                ("a selected send wakes", a_selected_send_wakes, Some(2)),
                ("a selected receive wakes", a_selected_receive_wakes, Some(2)),
                ("a message given up wakes", a_message_given_up_wakes, Some(2)),
                ("a place given up wakes", a_place_given_up_wakes, Some(2)),
                ("the senders' end is seen", the_senders_end_is_seen, Some(2)),
                ("the receivers' end is seen", the_receivers_end_is_seen, Some(2)),
                ("the end of a rendezvous is seen", the_end_of_a_rendezvous_is_seen, Some(2)),
                ("the end of both senders is seen", the_end_of_both_senders_is_seen, Some(1)),
                ("the end of both receivers is seen", the_end_of_both_receivers_is_seen, Some(1)),
                ("the last of two senders ends it", the_last_of_two_senders_ends_it, Some(2)),
                ("two meet", two_meet, Some(3)),
                ("a sender gives up", a_sender_gives_up, Some(2)),
                ("a sender is interrupted", a_sender_is_interrupted, Some(2)),
                ("a receiver is interrupted", a_receiver_is_interrupted, Some(2)),
                ("a selection is interrupted", a_selection_is_interrupted, Some(2)),
                ("a selection among rendezvous", a_selection_among_rendezvous, Some(1)),
                ("two selections meet", two_selections_meet, Some(2)),
                ("a selection goes back on it", a_selection_goes_back_on_it, Some(2)),
                ("a selection gives up", a_selection_gives_up, Some(2)),
                // The longest last: a wrong ordering is mostly found before.
                ("promises in order", promises_in_order, Some(3)),
                ("a receiver gives up", a_receiver_gives_up, Some(2)),
                ("a selection among buffers", a_selection_among_buffers, Some(1)),
            ];
            let files = ["channel/ring.rs", "channel/shared.rs"];
            all_pass(&files, &models).are_needed(&models);
        }
    }

    #[cfg(not(loom))]
    mod threads {
        use super::buffer::{Buffer, Refused};
        use super::ring::Ring;
        use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
        use std::thread;

        /// Senders and receivers of both ways, over rings with and without slots to spare: the sum comes out, and never too many are in.
        #[test]
        fn everything_that_is_put_in_is_taken_out_once() {
            const EACH: u64 = 100_000;
            for capacity in [1, 2, 3, 8] {
                let ring = Ring::new(capacity);
                let (sum, taken) = (AtomicU64::new(0), AtomicU64::new(0));
                let put = |i: u64, promised: bool| {
                    loop {
                        let put = if promised {
                            ring.promise_place().is_ok() && ring.push_promised(i).is_ok()
                        } else {
                            ring.push(i).is_ok()
                        };
                        if put {
                            return;
                        }
                        thread::yield_now();
                    }
                };
                let take = |promised: bool| {
                    while taken.load(Relaxed) < 2 * EACH {
                        assert!(ring.len() <= capacity);
                        let message =
                            if promised { ring.promise_message().map(|()| ring.pop_promised()) } else { ring.pop() };
                        match message {
                            Ok(message) => {
                                sum.fetch_add(message, Relaxed);
                                taken.fetch_add(1, Relaxed);
                            }
                            Err(why) => {
                                assert_eq!(why, Refused::NotNow);
                                thread::yield_now();
                            }
                        }
                    }
                };
                thread::scope(|scope| {
                    for promised in [false, true] {
                        scope.spawn(move || (1..=EACH).for_each(|i| put(i, promised)));
                        scope.spawn(move || take(promised));
                    }
                });
                assert_eq!(sum.into_inner(), EACH * (EACH + 1));
            }
        }
    }
}
