//! A receive, or a selection, that is interrupted at the moment at which a message is handed to it has happened or has not: the message
//! is received, or its sender keeps it for another.

use morestack::channel::{self, Receiver, bounded, select};
use morestack::runtime::Builder;
use morestack::time::timeout;
use std::time::Duration;

/// Messages that are sent while receivers come and go.
const MESSAGES: usize = 20_000;

/// Receives one message, in the one way or the other.
fn receive(receiver: &Receiver<usize>, by_selection: bool) -> Option<usize> {
    if by_selection {
        select! {
            recv(receiver) -> message => message.ok(),
            recv(channel::never::<()>()) -> _ => None,
        }
    } else {
        receiver.recv().ok()
    }
}

/// Two workers: on one, tasks that are interrupted all the time; on the other the sender. The last receiver is patient.
fn nothing_is_lost(by_selection: bool, interrupted: impl Fn(&Receiver<usize>) -> Vec<usize> + Send + Sync + 'static) {
    let runtime = Builder::new().workers(2).build().unwrap();
    let (sender, receiver) = bounded(0);
    let its = receiver.clone();
    let hasty = runtime.spawn(move || interrupted(&its));
    let sending = runtime.spawn(move || (0..MESSAGES).take_while(|&i| sender.send(i).is_ok()).count());
    let mut got = hasty.join().unwrap();
    while let Some(message) = receive(&receiver, by_selection) {
        got.push(message);
    }
    assert_eq!(sending.join().unwrap(), MESSAGES);
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..MESSAGES), "{} of {MESSAGES}", got.len());
}

#[test]
fn timeouts() {
    for by_selection in [false, true] {
        nothing_is_lost(by_selection, move |receiver| {
            let mut got = Vec::new();
            for i in 0..MESSAGES as u64 {
                let limit = Duration::from_nanos(i * 7919 % 20_000);
                got.extend(timeout(limit, || receive(receiver, by_selection)).into_iter().flatten());
            }
            got
        });
    }
}

#[test]
fn cancellations() {
    for by_selection in [false, true] {
        nothing_is_lost(by_selection, move |receiver| {
            let mut got = Vec::new();
            for _ in 0..MESSAGES / 4 {
                let receiver = receiver.clone();
                let task = morestack::thread::spawn(move || receive(&receiver, by_selection));
                morestack::thread::yield_now();
                task.cancel();
                got.extend(task.join().ok().flatten());
            }
            got
        });
    }
}
