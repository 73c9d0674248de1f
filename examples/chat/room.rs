//! Who is in the room, and what was said there. Nobody waits in here.

use crate::server::connection::Handle;
use morestack::channel::{Receiver, Sender, bounded};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tungstenite::Utf8Bytes;

/// Characters of a name.
const MOST_OF_A_NAME: usize = 32;

/// Why somebody is not let in.
#[derive(Debug, Error, PartialEq)]
pub enum Refused {
    #[error("that name is taken")]
    Taken,
    #[error("a name has 1 to {MOST_OF_A_NAME} characters, none of which is a control character")]
    NoName,
}

/// One room. Cheap to talk in: a line is stored once, for all.
pub struct Room {
    history: usize,
    outbox: usize,
    /// A lock of std's: nobody waits while he holds it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name.
    members: HashMap<String, Member>,
    lines: VecDeque<Utf8Bytes>,
}

struct Member {
    outbox: Sender<Utf8Bytes>,
    connection: Handle,
}

/// Somebody's place in the room, until it is dropped.
pub struct Place<'a> {
    room: &'a Room,
    name: String,
}

impl Room {
    /// With so many lines for who comes, and room for so many that a member has not read.
    pub fn new(history: usize, outbox: usize) -> Room {
        Room { history, outbox, state: Mutex::default() }
    }

    /// Lets somebody in. What is to be sent to them comes out of the receiver; it ends when they have been put out.
    pub fn enter(&self, name: &str, connection: Handle) -> Result<(Place<'_>, Receiver<Utf8Bytes>), Refused> {
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MOST_OF_A_NAME || name.chars().any(char::is_control) {
            return Err(Refused::NoName);
        }
        let mut state = self.state();
        if state.members.contains_key(&name) {
            return Err(Refused::Taken);
        }
        let (outbox, lines) = bounded(self.history + self.outbox);
        for line in &state.lines {
            outbox.try_send(line.clone()).expect("there is room for the history");
        }
        state.members.insert(name.clone(), Member { outbox, connection });
        self.tell(&mut state, format!("* {name} has come"));
        Ok((Place { room: self, name }, lines))
    }

    /// What was said, oldest first, and who is there.
    pub fn shown(&self) -> (Vec<Utf8Bytes>, Vec<String>) {
        let state = self.state();
        let mut names: Vec<_> = state.members.keys().cloned().collect();
        names.sort_unstable();
        (state.lines.iter().cloned().collect(), names)
    }

    /// Puts a line into all outboxes. Whose is full is cut off: to wait for one would be to let all wait.
    fn tell(&self, state: &mut State, line: String) {
        let line = Utf8Bytes::from(line);
        if state.lines.len() == self.history {
            state.lines.pop_front();
        }
        state.lines.push_back(line.clone());
        for member in state.members.values() {
            if member.outbox.try_send(line.clone()).is_err() {
                // Its place is given up when its tasks notice, which is now.
                member.connection.cut();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Says something to all.
    pub fn say(&self, line: &str) {
        // A line is one.
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim();
        if !line.is_empty() {
            self.room.tell(&mut self.room.state(), format!("{}: {line}", self.name));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.room.state();
        state.members.remove(&self.name);
        self.room.tell(&mut state, format!("* {} has gone", self.name));
    }
}
