//! Producers and consumers that share a channel with room for 128 messages.

use crate::report::{line, nanos, repeat};
use morestack::channel::bounded;
use morestack::thread;
use std::hint::black_box;
use std::time::Instant;

const MESSAGES: usize = 2_000_000;
const ROOM: usize = 128;

pub fn run() {
    for (producers, consumers) in [(1, 1), (4, 4)] {
        let message = repeat(7, || {
            let begin = Instant::now();
            let received = transfer(producers, consumers);
            let time = nanos(begin);
            assert_eq!(received, MESSAGES, "each message has arrived");
            time / MESSAGES as f64
        });
        line(&format!("chan128_{producers}p{consumers}c"), message, "ns/msg");
    }
}

/// Sends all messages, and returns how many were received when the channel is closed and empty.
fn transfer(producers: usize, consumers: usize) -> usize {
    let (sender, receiver) = bounded(ROOM);
    for _ in 0..producers {
        let sender = sender.clone();
        morestack::go!(move || {
            for number in 0..MESSAGES / producers {
                sender.send(number).expect("the consumers are there");
            }
        });
    }
    // With the producers' clones the last one goes, and the channel is closed.
    drop(sender);
    let consumers: Vec<_> = (0..consumers)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().map(black_box).count())
        })
        .collect();
    consumers.into_iter().map(|task| task.join().expect("a consumer")).sum()
}
