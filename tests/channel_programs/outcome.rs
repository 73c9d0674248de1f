//! What a run of a program has come to, and whether that may be.

use crate::program::{MESSAGES, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What an actor has seen.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    Sent { channel: usize, message: usize },
    Received { channel: usize, message: usize },
    Failed { channel: usize, failure: Failure },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// A send that would have to wait, or has run out of time.
    Full,
    /// A receive of that kind.
    Empty,
    /// A send without receivers. So many had not been dropped when it failed.
    NoReceivers { left: usize },
    /// A receive without senders.
    NoSenders { left: usize },
    /// A message came back, and it was another.
    OtherMessage,
}

/// What actors tell at once.
pub struct Ledger {
    /// The senders and receivers of each channel whose drop has not begun.
    pub senders: Vec<AtomicUsize>,
    pub receivers: Vec<AtomicUsize>,
    made: Vec<AtomicU8>,
    dropped: Vec<AtomicU8>,
}

impl Ledger {
    pub fn new(program: &Program) -> Arc<Ledger> {
        let count = |of: fn(&crate::program::Actor) -> &[usize]| {
            (0..program.channels.len())
                .map(|channel| program.actors.iter().filter(|actor| of(actor).contains(&channel)).count().into())
                .collect()
        };
        let zeros = || (0..program.actors.len() * MESSAGES).map(|_| AtomicU8::new(0)).collect();
        Arc::new(Ledger {
            senders: count(|actor| &actor.sends),
            receivers: count(|actor| &actor.receives),
            made: zeros(),
            dropped: zeros(),
        })
    }
}

/// A message: notes that it is made and dropped.
pub struct Message {
    pub number: usize,
    ledger: Arc<Ledger>,
}

impl Message {
    pub fn new(number: usize, ledger: &Arc<Ledger>) -> Message {
        ledger.made[number].fetch_add(1, Ordering::Relaxed);
        Message { number, ledger: ledger.clone() }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.ledger.dropped[self.number].fetch_add(1, Ordering::Relaxed);
    }
}

/// The messages that were received from each channel.
pub type Received = BTreeMap<usize, BTreeSet<usize>>;

/// Checks what the actors have seen, when all have ended. What was received, or what is wrong.
pub fn check(program: &Program, ledger: &Ledger, seen: &[Vec<Event>]) -> Result<Received, String> {
    for (number, (made, dropped)) in ledger.made.iter().zip(&ledger.dropped).enumerate() {
        let (made, dropped) = (made.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed));
        if made > 1 || made != dropped {
            return Err(format!("message {number} was made {made} times and dropped {dropped} times"));
        }
    }
    let (mut sent, mut received) = (Received::new(), Received::new());
    let mut emptied = BTreeSet::new();
    for (actor, events) in seen.iter().enumerate() {
        // The last message from each sender through each channel.
        let mut last = BTreeMap::new();
        for &event in events {
            let wrong = |what: &str| Err(format!("actor {actor}: {what}: {event:?}"));
            match event {
                Event::Sent { channel, message } => {
                    sent.entry(channel).or_default().insert(message);
                }
                Event::Received { channel, message } => {
                    if !received.entry(channel).or_default().insert(message) {
                        return wrong("received twice");
                    }
                    if last.insert((channel, message / MESSAGES), message).is_some_and(|before| before > message) {
                        return wrong("received after a later one of the same sender");
                    }
                }
                Event::Failed { channel, failure } => match failure {
                    Failure::Empty | Failure::NoReceivers { left: 0 } => {}
                    Failure::NoSenders { left: 0 } => _ = emptied.insert(channel),
                    Failure::Full if program.channels[channel].is_some() => {}
                    _ => return wrong("not allowed"),
                },
            }
        }
    }
    for (channel, room) in program.channels.iter().enumerate() {
        let (sent, received) = (sent.entry(channel).or_default(), received.entry(channel).or_default());
        if !received.is_subset(sent) {
            return Err(format!("received from channel {channel} and not sent: {:?}", &*received - &*sent));
        }
        // What nobody has received was in the buffer when the receivers went. If one has seen the end there was nothing left.
        let lost = sent.len() - received.len();
        if lost > room.unwrap_or(usize::MAX) || lost > 0 && (program.determined || emptied.contains(&channel)) {
            return Err(format!("sent to channel {channel} and lost: {:?}", &*sent - &*received));
        }
    }
    Ok(received)
}
