//! The message of a `send` in a `select!` is made when that operation is selected, and not otherwise.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::channel::{Receiver, SendError, Sender, bounded, select, select_biased, unbounded};
use morestack::thread;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn no_message_is_made_for_what_is_not_selected() {
    everywhere(|| {
        let (full, _receiver) = bounded(1);
        full.send(0).unwrap();
        let made = Cell::new(0);
        let make = || {
            made.set(made.get() + 1);
            made.get()
        };
        select! {
            send(full, make()) -> _ => panic!("it is full"),
            default => {}
        }
        select! {
            send(full, make()) -> _ => panic!("it is full"),
            default(SHORT) => {}
        }
        let (ready, message) = unbounded();
        select! {
            send(full, make()) -> _ => panic!("it is full"),
            send(ready, make()) -> _ => {}
            send(full, make()) -> _ => panic!("it is full"),
        }
        assert_eq!((made.get(), message.recv()), (1, Ok(1)));
    });
}

#[test]
fn a_message_is_made_after_the_wait() {
    everywhere(|| {
        let (sender, receiver) = bounded(0);
        let here = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let here = here.clone();
            move || {
                here.store(true, Ordering::Relaxed);
                receiver.recv()
            }
        });
        // There is nothing to select before the other is here, which a message that was made before the wait need not know.
        select! {
            send(sender, here.load(Ordering::Relaxed)) -> sent => sent.unwrap(),
        }
        assert_eq!(other.join().unwrap(), Ok(true));
    });
}

#[test]
fn a_message_that_nobody_will_receive_comes_back() {
    everywhere(|| {
        let (sender, receiver) = bounded(1);
        drop(receiver);
        let made = Cell::new(0);
        let make = || {
            made.set(made.get() + 1);
            format!("message {}", made.get())
        };
        let plain = "message".to_owned();
        select! { send(sender, make()) -> sent => assert_eq!(sent, Err(SendError("message 1".into()))) }
        select! { send(sender, make()) -> sent => assert_eq!(sent, Err(SendError("message 2".into()))), default => panic!() }
        select! { send(sender, plain) -> sent => assert_eq!(sent, Err(SendError("message".into()))) }
        assert_eq!(made.get(), 2);
    });
}

/// Sends the next of the numbers, if there is room, and ends without one.
fn forward(numbers: &mut Vec<i32>, sender: &Sender<i32>, stop: &Receiver<()>) -> Result<bool, &'static str> {
    loop {
        // The message leaves the function only where it is not selected: `stop` comes first.
        select_biased! {
            recv(stop) -> _ => return Ok(false),
            send(sender, numbers.pop().ok_or("no number")?) -> sent => {
                sent.map_err(|_| "no receiver")?;
                break Ok(true);
            }
            default => continue,
        }
    }
}

#[test]
fn a_message_may_have_ways_out_that_it_does_not_take() {
    everywhere(|| {
        let (sender, receiver) = unbounded();
        let (stop, stopped) = unbounded();
        let mut numbers = vec![1];
        assert_eq!(forward(&mut numbers, &sender, &stopped), Ok(true));
        stop.send(()).unwrap();
        assert_eq!(forward(&mut numbers, &sender, &stopped), Ok(false));
        assert_eq!(receiver.recv(), Ok(1));
        numbers.push(2);
        drop(receiver);
        assert_eq!(forward(&mut numbers, &sender, &stopped), Err("no receiver"));
    });
}

/// Selects a send whose message is never finished.
#[allow(unreachable_code, reason = "that is what it shows")]
fn give_up(sender: &Sender<i32>, how: fn() -> Option<i32>) -> Option<()> {
    let (_other, others) = bounded::<()>(0);
    select! {
        send(sender, how()?) -> _ => unreachable!("nothing can be sent"),
        recv(others) -> _ => unreachable!("nobody sends"),
    }
    Some(())
}

#[test]
fn what_was_selected_for_a_message_that_is_not_finished_goes_to_others() {
    everywhere(|| {
        for room in [Some(0), Some(1), None] {
            let (sender, receiver) = room.map_or_else(unbounded, bounded);
            let other = thread::spawn(move || receiver.iter().collect::<Vec<_>>());
            let ways: [fn() -> Option<i32>; 2] = [|| None, || panic::resume_unwind(Box::new("no message"))];
            for how in ways {
                let ended = panic::catch_unwind(AssertUnwindSafe(|| give_up(&sender, how)));
                assert!(matches!(ended, Ok(None) | Err(_)), "nothing else is made of it");
                sender.send(1).unwrap();
            }
            drop(sender);
            assert_eq!(other.join().unwrap(), [1, 1]);
        }
    });
}
