//! A runtime that is dropped unwinds its tasks, and with them goes the other side of many a channel. Who waits there is unwound too: it
//! is not told of an end that is no failure of the program's.

use morestack::channel::{self, Receiver, Select, bounded, select};
use morestack::runtime::Builder;
use morestack::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Longer than the test takes.
const LONG: Duration = Duration::from_secs(3600);

/// Tasks in pairs: one has the sender and sleeps, the other waits to receive. Whether one of those was told that its sender is gone,
/// whichever of the two is unwound first.
fn told(waits: fn(&Receiver<u32>) -> bool) -> usize {
    let told = Arc::new(AtomicUsize::new(0));
    for (workers, capacity) in [(1, 0), (2, 0), (1, 1), (2, 1)] {
        let runtime = Builder::new().workers(workers).build().unwrap();
        for round in 0..100 {
            let (sender, receiver) = bounded::<u32>(capacity);
            let its = told.clone();
            let receives = move || _ = waits(&receiver) && its.fetch_add(1, SeqCst) > 0;
            let keeps = move || {
                let _sender = sender;
                thread::sleep(LONG);
            };
            if round % 2 == 0 {
                drop((runtime.spawn(keeps), runtime.spawn(receives)));
            } else {
                drop((runtime.spawn(receives), runtime.spawn(keeps)));
            }
        }
        std::thread::sleep(Duration::from_millis(50));
        drop(runtime);
    }
    told.load(SeqCst)
}

#[test]
fn in_a_receive() {
    assert_eq!(told(|receiver| receiver.recv().is_err()), 0);
    assert_eq!(told(|receiver| receiver.recv_timeout(LONG).is_err()), 0);
}

#[test]
fn in_a_selection() {
    let selects = |receiver: &Receiver<u32>| {
        select! {
            recv(receiver) -> message => message.is_err(),
            recv(channel::never::<()>()) -> _ => false,
        }
    };
    assert_eq!(told(selects), 0);
}

#[test]
fn in_a_look() {
    let looks = |receiver: &Receiver<u32>| {
        let mut select = Select::new();
        select.recv(receiver);
        select.ready() == 0
    };
    assert_eq!(told(looks), 0);
}

/// The same of a sender whose receiver goes.
#[test]
fn in_a_send() {
    let told = Arc::new(AtomicUsize::new(0));
    for workers in [1, 2] {
        let runtime = Builder::new().workers(workers).build().unwrap();
        for _ in 0..100 {
            let (sender, receiver) = bounded::<u32>(0);
            let its = told.clone();
            drop(runtime.spawn(move || {
                let _receiver = receiver;
                thread::sleep(LONG);
            }));
            drop(runtime.spawn(move || _ = sender.send(1).is_err() && its.fetch_add(1, SeqCst) > 0));
        }
        std::thread::sleep(Duration::from_millis(50));
        drop(runtime);
    }
    assert_eq!(told.load(SeqCst), 0);
}
