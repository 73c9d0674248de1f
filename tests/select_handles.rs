//! The receivers and senders in the arms of a `select!`: any expression, borrowed if it is a place, kept if it is a temporary.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::channel::{Receiver, RecvError, Sender, bounded, never, select, select_biased, unbounded};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

/// A channel with a message in it.
fn filled<T>(message: T) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = unbounded();
    sender.send(message).unwrap();
    (sender, receiver)
}

/// Something that has a channel and counts how often it was asked for it.
struct Owner {
    receiver: Receiver<i32>,
    asked: std::cell::Cell<u32>,
}

impl Owner {
    fn receiver(&self) -> &Receiver<i32> {
        self.asked.set(self.asked.get() + 1);
        &self.receiver
    }
}

#[test]
fn places_are_borrowed() {
    everywhere(|| {
        let (sender, receiver) = filled(1);
        for expected in [1, 2] {
            let received = select! {
                recv(receiver) -> message => message,
                default => panic!("there is one"),
            };
            assert_eq!(received, Ok(expected));
            select! { send(sender, expected + 1) -> sent => sent.unwrap() }
        }
        // They are still here.
        assert_eq!((sender.len(), receiver.len()), (1, 1));
    });
}

#[test]
fn references_boxes_and_wrappers_are_seen_through() {
    struct Wrapper<T>(T);

    impl<T> Deref for Wrapper<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    everywhere(|| {
        let (sender, receiver) = unbounded();
        let shared = Rc::new(receiver.clone());
        let boxed = Box::new(Wrapper(receiver.clone()));
        let mut hits = [0; 5];
        while hits.contains(&0) {
            select! { send(&&sender, ()) -> sent => sent.unwrap() }
            select! {
                recv(&&&receiver) -> _ => hits[0] += 1,
                recv(shared) -> _ => hits[1] += 1,
                recv(*shared) -> _ => hits[2] += 1,
                recv(boxed) -> _ => hits[3] += 1,
                recv(&**boxed) -> _ => hits[4] += 1,
            }
        }
        assert!(receiver.is_empty());
    });
}

#[test]
fn elements_fields_and_calls_are_asked_once() {
    everywhere(|| {
        let receivers: Vec<_> = (0..3).map(|n| filled(n).1).collect();
        let by_name = HashMap::from([("a", filled(3).1)]);
        let owner = Owner { receiver: filled(4).1, asked: 0.into() };
        let mut sum = 0;
        for _ in 0..5 {
            // Their senders are gone: the first would be ready with an error when it is empty.
            select_biased! {
                recv(if receivers[0].is_empty() { never() } else { receivers[0].clone() }) -> n => sum += n.unwrap(),
                recv(&receivers[1..][0]) -> n => if let Ok(n) = n { sum += n } else { break },
                recv(by_name["a"]) -> _ => unreachable!("an earlier one is always ready"),
                recv(owner.receiver()) -> _ => unreachable!("an earlier one is always ready"),
            }
        }
        assert_eq!((sum, owner.asked.get()), (1, 3));
        select! { recv(by_name["a"]) -> n => sum += n.unwrap() }
        select! { recv(owner.receiver()) -> n => sum += n.unwrap(), default => panic!("there is one") }
        select! { recv(owner.receiver) -> n => assert_eq!(n, Err(RecvError)) }
        assert_eq!((sum, owner.asked.get()), (8, 4));
    });
}

#[test]
fn temporaries_live_as_long_as_the_body() {
    everywhere(|| {
        let (sender, receiver) = filled(1);
        let others: [Receiver<i32>; 0] = [];
        let body = select! {
            recv(others.first().unwrap_or(&never())) -> _ => unreachable!("nothing comes from there"),
            // The only receiver, but for one that is a temporary.
            recv({ receiver }) -> message => {
                assert_eq!(message, Ok(1));
                sender.send(2)
            }
        };
        assert!(body.is_ok(), "the receiver was there");
        assert!(sender.send(3).is_err(), "the receiver is gone");
    });
}

#[test]
fn handles_may_be_moved_out_of_closures() {
    everywhere(|| {
        let (sender, receiver) = filled(1);
        let (sender, receiver) = (move || sender, move || receiver);
        let received = select_biased! {
            recv(receiver()) -> message => Some(message),
            send(sender(), 2) -> _ => None,
        };
        assert_eq!(received, Some(Ok(1)));
    });
}

#[test]
fn both_ends_of_one_channel_do_not_meet_in_one_select() {
    everywhere(|| {
        let (sender, receiver) = bounded::<i32>(0);
        select! {
            send(sender, 1) -> _ => panic!("nobody else receives"),
            recv(receiver) -> _ => panic!("nobody else sends"),
            default => {}
        }
    });
}

#[test]
fn the_same_operation_may_stand_in_several_arms() {
    everywhere(|| {
        let (sender, receiver) = unbounded();
        let mut hits = [false; 4];
        while hits.contains(&false) {
            select! {
                recv(receiver) -> _ => hits[0] = true,
                recv(receiver) -> _ => hits[1] = true,
                send(sender, ()) -> _ => hits[2] = true,
                send(sender, ()) -> _ => hits[3] = true,
            }
        }
    });
}

#[test]
fn types_follow_from_the_use() {
    everywhere(|| {
        let (sender, receiver) = unbounded();
        select! { recv(receiver) -> _ => panic!("it is empty"), default => {} }
        select! { send(sender, Default::default()) -> sent => sent.unwrap() }
        let word: String = select! { recv(receiver) -> message => message.unwrap() };
        assert_eq!(word, "");
    });
}

#[test]
fn forty_arms() {
    everywhere(|| {
        let channels: Vec<_> = (0..40).map(|_| unbounded()).collect();
        let r = |n: usize| &channels[n].1;
        for (n, (sender, _)) in channels.iter().enumerate() {
            sender.send(n).unwrap();
            let received = select! {
                recv(r(0)) -> m => m, recv(r(1)) -> m => m, recv(r(2)) -> m => m, recv(r(3)) -> m => m, recv(r(4)) -> m => m,
                recv(r(5)) -> m => m, recv(r(6)) -> m => m, recv(r(7)) -> m => m, recv(r(8)) -> m => m, recv(r(9)) -> m => m,
                recv(r(10)) -> m => m, recv(r(11)) -> m => m, recv(r(12)) -> m => m, recv(r(13)) -> m => m, recv(r(14)) -> m => m,
                recv(r(15)) -> m => m, recv(r(16)) -> m => m, recv(r(17)) -> m => m, recv(r(18)) -> m => m, recv(r(19)) -> m => m,
                recv(r(20)) -> m => m, recv(r(21)) -> m => m, recv(r(22)) -> m => m, recv(r(23)) -> m => m, recv(r(24)) -> m => m,
                recv(r(25)) -> m => m, recv(r(26)) -> m => m, recv(r(27)) -> m => m, recv(r(28)) -> m => m, recv(r(29)) -> m => m,
                recv(r(30)) -> m => m, recv(r(31)) -> m => m, recv(r(32)) -> m => m, recv(r(33)) -> m => m, recv(r(34)) -> m => m,
                recv(r(35)) -> m => m, recv(r(36)) -> m => m, recv(r(37)) -> m => m, recv(r(38)) -> m => m, recv(r(39)) -> m => m,
            };
            assert_eq!(received, Ok(n));
        }
    });
}
