//! Channels of `super::channel` and what is asked of them, answered in text. The test has this module twice, once for each library.

use super::channel::{self, Receiver, Select, Sender};
use crate::question::{Question, When};
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What has become of messages, in order.
type Log = Arc<Mutex<Vec<u32>>>;

/// A message, which notes its drop. It prints as nothing that an error may show.
struct Message(u32, Log);

impl Drop for Message {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// Handles, in the order in which they were made. What is asked of those that are dropped has no answer.
#[derive(Default)]
pub struct Machine {
    senders: Vec<Option<Sender<Message>>>,
    receivers: Vec<Option<Receiver<Message>>>,
    made: u32,
    dropped: Log,
}

impl Machine {
    /// The answer, with the messages that were dropped on the way.
    pub fn answer(&mut self, question: &Question) -> String {
        let answer = self.ask(question).unwrap_or_default();
        format!("{answer} dropped: {:?}", std::mem::take(&mut *self.dropped.lock().unwrap()))
    }

    fn ask(&mut self, question: &Question) -> Option<String> {
        match *question {
            Question::Make(room) => {
                let (sender, receiver) = room.map_or_else(channel::unbounded, channel::bounded);
                self.senders.push(Some(sender));
                self.receivers.push(Some(receiver));
            }
            Question::CloneSender(s) => {
                let clone = self.sender(s)?.clone();
                self.senders.push(Some(clone));
            }
            Question::CloneReceiver(r) => {
                let clone = self.receiver(r)?.clone();
                self.receivers.push(Some(clone));
            }
            Question::DropSender(s) => drop(self.senders.get_mut(s)?.take()),
            Question::DropReceiver(r) => {
                let receiver = self.receivers.get_mut(r)?.take()?;
                // What nobody will receive is dropped here, with the last receiver. Crossbeam keeps it while there are senders if the
                // channel is bounded, and does as we do if it is not.
                let is_last = !self.receivers.iter().flatten().any(|other| receiver.same_channel(other));
                if is_last && receiver.capacity().is_some() {
                    return Some(numbers(receiver.try_iter()));
                }
            }
            Question::Send(s, when) => return self.send(s, when),
            Question::Receive(r, when) => return self.receive(r, when),
            Question::Describe(s, r) => {
                let (s, r) = (self.sender(s), self.receiver(r));
                return Some(format!(
                    "{} {}",
                    s.map_or_else(String::new, sender),
                    r.map_or_else(String::new, receiver)
                ));
            }
            Question::SameSenders(a, b) => return Some(self.sender(a)?.same_channel(self.sender(b)?).to_string()),
            Question::SameReceivers(a, b) => {
                return Some(self.receiver(a)?.same_channel(self.receiver(b)?).to_string());
            }
            Question::TakeAll(r) => return Some(numbers(self.receiver(r)?.try_iter())),
            Question::TakeSome(r, n) => {
                let receiver = self.receiver(r)?;
                return Some(numbers(receiver.iter().take(n.min(receiver.len()))));
            }
            Question::Select(ref senders, ref receivers, when) => return Some(self.select(senders, receivers, when)),
            Question::Clocks => return Some(clocks()),
        }
        None
    }

    fn sender(&self, s: usize) -> Option<&Sender<Message>> {
        self.senders.get(s)?.as_ref()
    }

    fn receiver(&self, r: usize) -> Option<&Receiver<Message>> {
        self.receivers.get(r)?.as_ref()
    }

    fn message(&mut self) -> Message {
        self.made += 1;
        Message(self.made, self.dropped.clone())
    }

    fn send(&mut self, s: usize, when: When) -> Option<String> {
        let message = self.message();
        let sender = self.sender(s)?;
        // The error and the message that came back.
        let result = match when {
            When::Now => sender.try_send(message).map_err(|error| (error_text(&error), error.into_inner())),
            When::InNoTime => {
                sender.send_timeout(message, Duration::ZERO).map_err(|error| (error_text(&error), error.into_inner()))
            }
            When::Past => {
                sender.send_deadline(message, Instant::now()).map_err(|error| (error_text(&error), error.into_inner()))
            }
            When::Whenever if sender.is_full() => return None,
            When::Whenever => sender.send(message).map_err(|error| (error_text(&error), error.into_inner())),
        };
        Some(format!("{:?}", result.map_err(|(text, back)| (text, back.0))))
    }

    fn receive(&mut self, r: usize, when: When) -> Option<String> {
        let receiver = self.receiver(r)?;
        let result = match when {
            When::Now => receiver.try_recv().map_err(|error| error_text(&error)),
            When::InNoTime => receiver.recv_timeout(Duration::ZERO).map_err(|error| error_text(&error)),
            When::Past => receiver.recv_deadline(Instant::now()).map_err(|error| error_text(&error)),
            When::Whenever if receiver.is_empty() => return None,
            When::Whenever => receiver.recv().map_err(|error| error_text(&error)),
        };
        Some(format!("{:?}", result.map(|message| message.0)))
    }

    /// A biased selection among those handles that are there.
    fn select(&mut self, senders: &[usize], receivers: &[usize], when: When) -> String {
        let message = self.message();
        let mut select = Select::new_biased();
        let senders: Vec<_> = senders.iter().filter_map(|&s| self.sender(s)).collect();
        let receivers: Vec<_> = receivers.iter().filter_map(|&r| self.receiver(r)).collect();
        for receiver in &receivers {
            select.recv(receiver);
        }
        for sender in &senders {
            select.send(sender);
        }
        let ready = select.try_ready();
        let selected = match when {
            When::InNoTime => select.select_timeout(Duration::ZERO).map_err(|error| error_text(&error)),
            When::Past => select.select_deadline(Instant::now()).map_err(|error| error_text(&error)),
            _ => select.try_select().map_err(|error| error_text(&error)),
        };
        let result = selected.map(|operation| {
            let index = operation.index();
            let text = format!("{operation:?}");
            let done = match receivers.get(index) {
                Some(receiver) => operation.recv(receiver).map_or_else(|error| error_text(&error), |m| m.0.to_string()),
                None => operation
                    .send(senders[index - receivers.len()], message)
                    .map_or_else(|error| error_text(&error), |()| "sent".into()),
            };
            format!("{index} {text} {done}")
        });
        format!("{select:?} {ready:?} {result:?}")
    }
}

fn error_text<E: Debug + Display>(error: &E) -> String {
    format!("{error:?} ({error})")
}

fn numbers(messages: impl Iterator<Item = Message>) -> String {
    format!("{:?}", messages.map(|message| message.0).collect::<Vec<_>>())
}

fn sender<T>(s: &Sender<T>) -> String {
    format!("{s:?} {:?}", (s.len(), s.capacity(), s.is_empty(), s.is_full()))
}

fn receiver<T>(r: &Receiver<T>) -> String {
    let iterators = (format!("{:?}", r.iter()), format!("{:?}", r.try_iter()), format!("{:?}", r.clone().into_iter()));
    format!("{r:?} {:?} {iterators:?}", (r.len(), r.capacity(), r.is_empty(), r.is_full()))
}

/// What clocks say, which do not depend on anything that was asked before.
fn clocks() -> String {
    let hour = Duration::from_secs(3600);
    let (never, later, ticks) = (channel::never::<u8>(), channel::after(hour), channel::tick(hour));
    let (now, then) = (channel::after(Duration::ZERO), channel::at(Instant::now()));
    let same = (
        never.same_channel(&channel::never()),
        later.same_channel(&later.clone()),
        later.same_channel(&ticks),
        ticks.same_channel(&ticks.clone()),
        channel::at(Instant::now()).same_channel(&then),
    );
    let before = [receiver(&never), receiver(&later), receiver(&ticks), receiver(&now), receiver(&then)];
    let first = [later.try_recv().is_ok(), ticks.try_recv().is_ok(), now.try_recv().is_ok(), then.recv().is_ok()];
    let again = [now.try_recv(), then.try_recv(), later.try_recv()].map(|result| error_text(&result.unwrap_err()));
    let none = (never.try_recv(), never.recv_timeout(Duration::ZERO), now.recv_timeout(Duration::ZERO));
    format!("{same:?} {before:?} {first:?} {again:?} {none:?} {}", receiver(&now))
}
