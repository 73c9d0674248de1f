//! Actors at the channels of `super::channel`. The test has this module twice, once for each library.

use super::channel::{self, Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender, TryRecvError, TrySendError};
use crate::outcome::{Event, Failure, Ledger, Message};
use crate::program::{How, MESSAGES, Program, Step};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What an actor runs as.
pub type Body = Box<dyn FnOnce() -> Vec<Event> + Send>;

/// The actors of a program, ready to run. Nobody but they has its channels.
pub fn cast(program: &Program, ledger: &Arc<Ledger>) -> Vec<Body> {
    let channels: Vec<_> =
        program.channels.iter().map(|room| room.map_or_else(channel::unbounded::<Message>, channel::bounded)).collect();
    let bodies = program.actors.iter().enumerate().map(|(number, actor)| {
        let given = |channel: usize, to: &[usize]| to.contains(&channel).then_some(());
        let handles = channels.iter().enumerate();
        let cast = Actor {
            senders: handles
                .clone()
                .map(|(channel, (s, _))| given(channel, &actor.sends).map(|()| s.clone()))
                .collect(),
            receivers: handles.map(|(channel, (_, r))| given(channel, &actor.receives).map(|()| r.clone())).collect(),
            next: number * MESSAGES,
            ledger: ledger.clone(),
            seen: vec![],
        };
        let script = actor.script.clone();
        Box::new(move || cast.run(&script)) as Body
    });
    bodies.collect()
}

struct Actor {
    senders: Vec<Option<Sender<Message>>>,
    receivers: Vec<Option<Receiver<Message>>>,
    /// The number of its next message.
    next: usize,
    ledger: Arc<Ledger>,
    seen: Vec<Event>,
}

impl Actor {
    /// All steps, and the drop of the handles that are left.
    fn run(mut self, script: &[Step]) -> Vec<Event> {
        for step in script {
            self.step(step);
        }
        for channel in 0..self.senders.len() {
            self.drop_sender(channel);
            self.drop_receiver(channel);
        }
        self.seen
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(channel) => self.send(channel, |s, message| {
                s.send(message).map_err(|error| SendTimeoutError::Disconnected(error.into_inner()))
            }),
            Step::TrySend(channel) => self.send(channel, |s, message| {
                s.try_send(message).map_err(|error| match error {
                    TrySendError::Full(message) => SendTimeoutError::Timeout(message),
                    TrySendError::Disconnected(message) => SendTimeoutError::Disconnected(message),
                })
            }),
            Step::SendInNoTime(channel) => self.send(channel, |s, message| s.send_timeout(message, Duration::ZERO)),
            Step::Receive => self.receive(),
            Step::TryReceive(channel) => self.receive_from(channel, Receiver::try_recv),
            Step::ReceiveInNoTime(channel) => self.receive_from(channel, |r| {
                r.recv_timeout(Duration::ZERO).map_err(|error| match error {
                    RecvTimeoutError::Timeout => TryRecvError::Empty,
                    RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
                })
            }),
            Step::TryIterate(channel) => {
                let messages = self.receivers[channel].iter().flat_map(Receiver::try_iter);
                self.seen.extend(messages.map(|message| Event::Received { channel, message: message.number }));
            }
            Step::Select(ref to, how) => self.select(to, how),
            Step::Drain => {
                while self.receivers.iter().any(Option::is_some) {
                    self.receive();
                }
            }
            Step::CloneSender(channel) => drop(self.senders[channel].clone()),
            Step::CloneReceiver(channel) => drop(self.receivers[channel].clone()),
            Step::DropSender(channel) => self.drop_sender(channel),
            Step::DropReceiver(channel) => self.drop_receiver(channel),
            Step::Yield => morestack::thread::yield_now(),
        }
    }

    fn send(
        &mut self,
        channel: usize,
        send: impl Fn(&Sender<Message>, Message) -> Result<(), SendTimeoutError<Message>>,
    ) {
        let Some(sender) = &self.senders[channel] else { return };
        let number = self.next;
        self.next += 1;
        let result = send(sender, Message::new(number, &self.ledger));
        self.sent(channel, number, result);
    }

    /// Notes how a send has ended.
    fn sent(&mut self, channel: usize, number: usize, result: Result<(), SendTimeoutError<Message>>) {
        let left = self.ledger.receivers[channel].load(Ordering::SeqCst);
        let failure = match result {
            Ok(()) => return self.seen.push(Event::Sent { channel, message: number }),
            Err(SendTimeoutError::Timeout(message)) if message.number == number => Failure::Full,
            Err(SendTimeoutError::Disconnected(message)) if message.number == number => Failure::NoReceivers { left },
            Err(_) => Failure::OtherMessage,
        };
        self.seen.push(Event::Failed { channel, failure });
    }

    /// Waits for a message from any receiver.
    fn receive(&mut self) {
        let mut connected = (0..self.receivers.len()).filter(|&channel| self.receivers[channel].is_some());
        match (connected.next(), connected.next()) {
            (None, _) => {}
            (Some(channel), None) => {
                drop(connected);
                self.receive_from(channel, |r| r.recv().map_err(|_| TryRecvError::Disconnected));
            }
            _ => {
                drop(connected);
                self.select(&[], How::Wait);
            }
        }
    }

    fn receive_from(&mut self, channel: usize, receive: impl Fn(&Receiver<Message>) -> Result<Message, TryRecvError>) {
        if let Some(receiver) = &self.receivers[channel] {
            let result = receive(receiver);
            self.received(channel, result);
        }
    }

    /// Notes how a receive has ended. A receiver without senders is dropped.
    fn received(&mut self, channel: usize, result: Result<Message, TryRecvError>) {
        let failure = match result {
            Ok(message) => return self.seen.push(Event::Received { channel, message: message.number }),
            Err(TryRecvError::Empty) => Failure::Empty,
            Err(TryRecvError::Disconnected) => {
                let left = self.ledger.senders[channel].load(Ordering::SeqCst);
                self.drop_receiver(channel);
                Failure::NoSenders { left }
            }
        };
        self.seen.push(Event::Failed { channel, failure });
    }

    fn select(&mut self, to: &[usize], how: How) {
        let mut select = if matches!(how, How::WaitBiased) { Select::new_biased() } else { Select::new() };
        // The channel of each case, and whether it sends.
        let mut cases = vec![];
        for (channel, receiver) in self.receivers.iter().enumerate() {
            if let Some(receiver) = receiver {
                assert_eq!(select.recv(receiver), cases.len());
                cases.push((channel, false));
            }
        }
        for &channel in to {
            if let Some(sender) = &self.senders[channel] {
                assert_eq!(select.send(sender), cases.len());
                cases.push((channel, true));
            }
        }
        if cases.is_empty() {
            return;
        }
        let operation = match how {
            How::Wait | How::WaitBiased => select.select(),
            How::Try | How::NoTime => {
                let selected = match how {
                    How::Try => select.try_select().ok(),
                    _ => select.select_timeout(Duration::ZERO).ok(),
                };
                let Some(operation) = selected else { return };
                operation
            }
            How::Ready => {
                let Ok(index) = select.try_ready() else { return };
                let (channel, sends) = cases[index];
                return self.step(&if sends { Step::TrySend(channel) } else { Step::TryReceive(channel) });
            }
        };
        let (channel, sends) = cases[operation.index()];
        if sends {
            let number = self.next;
            let sender = self.senders[channel].as_ref().expect("it was selected");
            let result = operation.send(sender, Message::new(number, &self.ledger));
            self.next += 1;
            self.sent(channel, number, result.map_err(|error| SendTimeoutError::Disconnected(error.into_inner())));
        } else {
            let result = operation.recv(self.receivers[channel].as_ref().expect("it was selected"));
            self.received(channel, result.map_err(|_| TryRecvError::Disconnected));
        }
    }

    fn drop_sender(&mut self, channel: usize) {
        drop_handle(&mut self.senders[channel], &self.ledger.senders[channel]);
    }

    fn drop_receiver(&mut self, channel: usize) {
        drop_handle(&mut self.receivers[channel], &self.ledger.receivers[channel]);
    }
}

/// Counts it as dropped before it is, so that nobody sees a channel disconnected that has handles left by this count.
fn drop_handle<H>(handle: &mut Option<H>, left: &AtomicUsize) {
    if let Some(handle) = handle.take() {
        left.fetch_sub(1, Ordering::SeqCst);
        drop(handle);
    }
}
