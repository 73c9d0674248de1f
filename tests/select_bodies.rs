//! The bodies of a `select!`: blocks or expressions, whose value is the macro's; they may leave the `select!`, and move what stands in
//! its arms.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::channel::{Receiver, RecvError, SendError, Sender, bounded, select, select_biased, unbounded};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);

/// The number, or -1 if there will be none, or 0 if there is none.
fn value(receiver: &Receiver<i32>) -> i32 {
    select! {
        recv(receiver) -> number => number.unwrap_or(-1),
        default => 0,
    }
}

#[test]
fn the_value_is_that_of_the_body() {
    everywhere(|| {
        let (sender, receiver) = unbounded();
        assert_eq!(value(&receiver), 0);
        sender.send(7).unwrap();
        assert_eq!(value(&receiver), 7);
        drop(sender);
        assert_eq!(value(&receiver), -1);
        let words = ["one", select! { default => "two" }, select! { default() => { "three" } }];
        assert_eq!(words, ["one", "two", "three"]);
        let text: String = select! {
            recv(receiver) -> _ => "gone".into(),
            default(SHORT) => "there".to_owned(),
        };
        assert_eq!(text, "gone");
    });
}

#[test]
#[allow(
    clippy::never_loop,
    clippy::manual_unwrap_or,
    clippy::manual_unwrap_or_default,
    clippy::redundant_closure_call,
    reason = "they are there for their shapes"
)]
fn expressions_of_all_kinds_are_bodies() {
    everywhere(|| {
        let (sender, receiver) = unbounded::<i32>();
        let mut seen = [0; 2];
        let numbers: [i32; 5] = std::array::from_fn(|n| {
            sender.send(10).unwrap();
            match n {
                0 => select! { recv(receiver) -> n => n.unwrap() + 1, default => loop { unreachable!() } },
                1 => select! { recv(receiver) -> n => { n }.unwrap(), default => 0 },
                2 => select! { recv(receiver) -> n => match n { Ok(n) => n, Err(_) => 0 } - 1, default => 0, },
                3 => select! { recv(receiver) -> n => if let Ok(n) = n { n } else { 0 }, default => unreachable!() },
                _ => select! { recv(receiver) -> n => (|| n.map_or(0, |a| a * 2))(), default => { 0 } },
            }
        });
        assert_eq!(numbers, [11, 10, 9, 10, 20]);
        select! { default => seen[0] = 1 }
        select! { default => seen[1] += 2, }
        assert_eq!(seen, [1, 2]);
    });
}

#[test]
fn patterns_take_results_apart() {
    struct Point {
        x: i32,
        y: i32,
    }

    everywhere(|| {
        let (sender, receiver) = unbounded();
        for _ in 0..3 {
            sender.send(Point { x: 1, y: 2 }).unwrap();
        }
        select! {
            recv(receiver) -> mut point => {
                point = point.map(|Point { x, y }| Point { x: y, y: x });
                assert!(matches!(point, Ok(Point { x: 2, y: 1 })));
            }
        }
        select! { recv(receiver) -> ref point => assert!(point.is_ok()) }
        select! { recv(receiver) -> _ => {} }
        select! { send(sender, Point { x: 0, y: 0 }) -> Ok(()) | Err(SendError(Point { .. })) => {} }
        select! { recv(receiver) -> (Ok(Point { x: 0, .. }) | Ok(_) | Err(RecvError)) => {} default => panic!() }
        assert!(receiver.is_empty());
    });
}

/// Adds up numbers until one is 0; the error when there are no more.
fn sum(receiver: &Receiver<i32>, stop: &Receiver<()>) -> Result<i32, RecvError> {
    let mut sum = 0;
    'numbers: loop {
        select_biased! {
            recv(receiver) -> number => match number? {
                0 => return Ok(sum),
                n if n < 0 => continue,
                n => {
                    for _ in 0..n {
                        select! {
                            recv(stop) -> _ => break 'numbers,
                            default => sum += 1,
                        }
                    }
                }
            },
            recv(stop) -> _ => break,
        }
    }
    Ok(-sum)
}

#[test]
fn bodies_leave_loops_and_functions() {
    everywhere(|| {
        let (sender, receiver) = unbounded();
        let (stop, stopped) = unbounded();
        for n in [1, 2, -1, 3, 0, 4] {
            sender.send(n).unwrap();
        }
        assert_eq!(sum(&receiver, &stopped), Ok(6));
        stop.send(()).unwrap();
        assert_eq!(sum(&receiver, &stopped), Ok(0), "stopped while it adds 4");
        stop.send(()).unwrap();
        assert_eq!(sum(&receiver, &stopped), Ok(0), "stopped while nothing comes");
        drop(sender);
        assert_eq!(sum(&receiver, &stopped), Err(RecvError));
    });
}

#[test]
fn a_body_may_move_what_its_select_has_borrowed() {
    everywhere(|| {
        let (sender, receiver) = unbounded::<i32>();
        let (other, others) = bounded::<i32>(1);
        // General, with the first and with the last case; then those that are plain calls; then each kind of `default`.
        let receiver = select_biased! {
            send(other, 1) -> _ => { drop(other); receiver }
            recv(receiver) -> _ => unreachable!(),
        };
        let others = select_biased! {
            recv(receiver) -> _ => unreachable!(),
            recv(others) -> _ => others,
        };
        let sender = select! { send(sender, 1) -> _ => sender };
        let receiver = select! { recv(receiver) -> _ => receiver };
        let receiver = select! { recv(receiver) -> _ => unreachable!(), default => receiver };
        let receiver = select! { recv(receiver) -> _ => unreachable!(), default(SHORT) => receiver };
        let (sender, receiver) = select! {
            recv(receiver) -> _ => unreachable!(),
            recv(receiver) -> _ => unreachable!(),
            default => (sender, receiver),
        };
        let _gone: (Sender<i32>, Receiver<i32>) = select! {
            recv(receiver) -> _ => unreachable!(),
            recv(receiver) -> _ => unreachable!(),
            default(SHORT) => (sender, receiver),
        };
        assert!(others.recv().is_err());
    });
}

#[test]
fn each_body_may_use_up_the_same_value() {
    everywhere(|| {
        let (sender, receiver) = unbounded();
        let once = Box::new(1);
        let number = select! {
            send(sender, once.clone()) -> _ => once,
            recv(receiver) -> _ => once,
            default => once,
        };
        assert_eq!((*number, receiver.recv()), (1, Ok(Box::new(1))));
    });
}

#[test]
fn selects_stand_in_bodies_handles_and_messages() {
    everywhere(|| {
        let (sender, receiver) = unbounded::<i32>();
        select! {
            send(select! { default => &sender }, select! { default => 1 }) -> _ => select! {
                recv(select! { default => &receiver }) -> one => select! {
                    send(sender, one.unwrap() + 1) -> _ => {
                        select! {
                            recv(receiver) -> two => assert_eq!(two, Ok(2)),
                            default => panic!("it was sent"),
                        }
                    }
                }
            }
        }
        assert!(receiver.is_empty());
    });
}
