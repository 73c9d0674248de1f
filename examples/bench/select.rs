//! `select!` over three channels: one that is ready, and all that wait for another task.

use crate::report::{line, nanos, repeat};
use morestack::channel::{Receiver, Sender, bounded, select};
use morestack::thread;
use std::hint::black_box;
use std::time::Instant;

const OPERATIONS: usize = 1_000_000;

pub fn run() {
    line("select3_ready_send+select", repeat(7, ready), "ns/op");
    line("select3_unbuf_producer", repeat(7, waiting), "ns/op");
}

/// A message to one of the channels in turn, and a selection that finds it.
fn ready() -> f64 {
    let (senders, receivers) = channels(1);
    let begin = Instant::now();
    for number in 0..OPERATIONS {
        senders[number % 3].send(number).expect("its receiver is there");
        black_box(select_from(&receivers));
    }
    nanos(begin) / OPERATIONS as f64
}

/// A task that sends to one of the channels in turn, and one that waits for all of them.
fn waiting() -> f64 {
    let (senders, receivers) = channels(0);
    let begin = Instant::now();
    let producer = thread::spawn(move || {
        for number in 0..OPERATIONS {
            senders[number % 3].send(number).expect("the consumer takes all");
        }
    });
    let consumer = thread::spawn(move || {
        for _ in 0..OPERATIONS {
            black_box(select_from(&receivers));
        }
    });
    for task in [producer, consumer] {
        task.join().expect("all were received");
    }
    nanos(begin) / OPERATIONS as f64
}

fn channels(room: usize) -> ([Sender<usize>; 3], [Receiver<usize>; 3]) {
    let [a, b, c] = [(); 3].map(|()| bounded(room));
    ([a.0, b.0, c.0], [a.1, b.1, c.1])
}

#[inline(always)]
fn select_from([a, b, c]: &[Receiver<usize>; 3]) -> usize {
    let message = select! {
        recv(a) -> message => message,
        recv(b) -> message => message,
        recv(c) -> message => message,
    };
    message.expect("a sender is there until all are received")
}
