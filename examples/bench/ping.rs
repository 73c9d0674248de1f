//! Two tasks that hand numbers to and fro, over channels without a buffer.

use crate::report::{line, nanos, repeat};
use morestack::channel::bounded;
use morestack::thread;
use std::hint::black_box;
use std::time::Instant;

const ROUND_TRIPS: i64 = 300_000;

pub fn run() {
    let round_trip = repeat(9, || {
        let (to, from) = (bounded::<i64>(0), bounded::<i64>(0));
        let begin = Instant::now();
        let echo = thread::spawn({
            let (receiver, sender) = (to.1, from.0);
            move || {
                for _ in 0..ROUND_TRIPS {
                    let number = receiver.recv().expect("one for each round trip");
                    sender.send(number).expect("the other waits for it");
                }
            }
        });
        let caller = thread::spawn({
            let (sender, receiver) = (to.0, from.1);
            move || {
                for number in 0..ROUND_TRIPS {
                    sender.send(number).expect("the other waits for it");
                    black_box(receiver.recv().expect("one for each round trip"));
                }
            }
        });
        for task in [echo, caller] {
            task.join().expect("a round trip");
        }
        nanos(begin) / ROUND_TRIPS as f64
    });
    line("pingpong_unbuf", round_trip, "ns/roundtrip");
}
