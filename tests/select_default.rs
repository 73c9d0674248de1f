//! `default` in a `select!`: what follows if no operation is ready, at once or within a time; and a `select!` of nothing at all.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::channel::{Receiver, RecvError, bounded, select, unbounded};
use morestack::thread;
use morestack::time::{Elapsed, timeout};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(20);
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn default_is_for_operations_that_would_wait() {
    everywhere(|| {
        let (sender, receiver) = bounded(1);
        for with_two in [false, true] {
            let select = || match with_two {
                false => select! { recv(receiver) -> n => Some(n), default => None },
                true => select! { recv(receiver) -> n => Some(n), recv(receiver) -> n => Some(n), default() => None },
            };
            assert_eq!(select(), None);
            sender.send(1).unwrap();
            assert_eq!(select(), Some(Ok(1)));
        }
        sender.send(2).unwrap();
        select! { send(sender, 3) -> _ => panic!("it is full"), default => {} }
        assert_eq!(receiver.len(), 1);
    });
}

#[test]
fn a_channel_that_has_lost_its_other_side_is_ready() {
    everywhere(|| {
        let (sender, receiver) = bounded::<i32>(0);
        let (_other, others) = unbounded::<i32>();
        drop(sender);
        select! { recv(receiver) -> n => assert_eq!(n, Err(RecvError)), default => panic!() }
        select! { recv(receiver) -> n => assert_eq!(n, Err(RecvError)), default(LONG) => panic!() }
        select! { recv(others) -> _ => panic!(), recv(receiver) -> n => assert_eq!(n, Err(RecvError)), default => panic!() }
        let (sender, receiver) = bounded::<i32>(0);
        drop(receiver);
        select! { send(sender, 1) -> sent => assert!(sent.is_err()), default => panic!() }
        select! { send(sender, 1) -> sent => assert!(sent.is_err()), default(LONG) => panic!() }
    });
}

#[test]
fn a_timeout_is_waited_for() {
    everywhere(|| {
        let (sender, receiver) = bounded::<i32>(0);
        let waits: [&dyn Fn() -> bool; 4] = [
            &|| select! { default(SHORT) => true },
            &|| select! { recv(receiver) -> _ => false, default(SHORT) => true },
            &|| select! { send(sender, 1) -> _ => false, default(SHORT) => true },
            &|| select! { recv(receiver) -> _ => false, send(sender, 1) -> _ => false, default(SHORT) => true },
        ];
        for wait in waits {
            let begin = Instant::now();
            assert!(wait());
            assert!(begin.elapsed() >= SHORT);
        }
    });
}

#[test]
fn what_comes_in_time_is_received() {
    everywhere(|| {
        let (sender, receiver) = bounded(0);
        let (_other, others) = bounded::<i32>(0);
        let task = thread::spawn(move || {
            for n in 0..2 {
                thread::sleep(SHORT);
                sender.send(n).unwrap();
            }
        });
        select! { recv(receiver) -> n => assert_eq!(n, Ok(0)), default(LONG) => panic!() }
        select! { recv(others) -> _ => panic!(), recv(receiver) -> n => assert_eq!(n, Ok(1)), default(LONG) => panic!() }
        task.join().unwrap();
    });
}

#[test]
fn the_timeout_comes_after_the_handles_wherever_it_stands() {
    everywhere(|| {
        let (_sender, receiver) = bounded::<i32>(0);
        let order = std::cell::RefCell::new(vec![]);
        let handle = |name| -> &Receiver<i32> {
            order.borrow_mut().push(name);
            &receiver
        };
        select! {
            default({ order.borrow_mut().push("timeout"); Duration::ZERO }) => order.borrow_mut().push("body"),
            recv(handle("first")) -> _ => panic!(),
            recv(handle("second")) -> _ => panic!(),
        }
        assert_eq!(*order.borrow(), ["first", "second", "timeout", "body"]);
    });
}

/// A `select!` of nothing has any type.
fn forever() -> std::convert::Infallible {
    select! {}
}

#[test]
fn a_select_of_nothing_waits_for_ever() {
    everywhere(|| {
        assert_eq!(timeout(SHORT, forever), Err(Elapsed));
    });
}
