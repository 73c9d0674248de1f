//! Random programs: actors that send and receive over some channels. They cannot deadlock, for this reason:
//!
//! Channels are in a row, and each actor has a place between two of them. It receives from channels on its left and sends to channels on
//! its right. Who waits for a message waits for one from any receiver that it has. Suppose that all wait. Then nobody waits with a
//! send: of those who do take the one furthest to the right; its channel's receiver is to the right of that, so it waits for any message,
//! and would take this one. So all wait to receive; but who sends to the leftmost of them is further left, and does not wait. A channel
//! without such a partner is disconnected, and nobody waits for it.

use rand::Rng;
use rand::rngs::SmallRng;
use std::fmt;

/// Channels, and the actors at them.
pub struct Program {
    /// How many messages each channel has room for; none: any number.
    pub channels: Vec<Option<usize>>,
    pub actors: Vec<Actor>,
    /// Whether all actors do the same in each run, but for the order: no message is lost, and none is sent only by chance.
    pub determined: bool,
}

/// What an actor has, by the numbers of the channels, and does.
#[derive(Debug)]
pub struct Actor {
    pub sends: Vec<usize>,
    pub receives: Vec<usize>,
    pub script: Vec<Step>,
}

/// One step. What needs a handle that the actor does not have any more is left out.
#[derive(Clone, Debug)]
pub enum Step {
    Send(usize),
    TrySend(usize),
    SendInNoTime(usize),
    /// A message from any receiver.
    Receive,
    TryReceive(usize),
    ReceiveInNoTime(usize),
    /// All that is there.
    TryIterate(usize),
    /// A message from any receiver, or a message to any of these channels.
    Select(Vec<usize>, How),
    /// Receives until no receiver is connected.
    Drain,
    CloneSender(usize),
    CloneReceiver(usize),
    DropSender(usize),
    DropReceiver(usize),
    Yield,
}

/// How long to wait for a selection.
#[derive(Clone, Copy, Debug)]
pub enum How {
    Wait,
    WaitBiased,
    Try,
    NoTime,
    /// Asks what is ready, and tries that.
    Ready,
}

const STEPS: usize = 12;
/// Messages are numbered by actor, with room for so many: more than steps.
pub const MESSAGES: usize = 100;

impl Program {
    pub fn random(random: &mut SmallRng) -> Program {
        let determined = random.random_ratio(1, 3);
        let room = [Some(0), Some(0), Some(1), Some(3), None];
        let channels: Vec<_> =
            (0..random.random_range(1..=3)).map(|_| room[random.random_range(0..room.len())]).collect();
        let ends = channels.len();
        // Somebody is at each end; the others are anywhere.
        let mut places = vec![0, ends];
        places.extend((0..random.random_range(0..=4)).map(|_| random.random_range(0..=ends)));
        let actors = places.into_iter().map(|place| Actor::random(random, place, ends, determined)).collect();
        Program { channels, actors, determined }
    }
}

impl Actor {
    fn random(random: &mut SmallRng, place: usize, channels: usize, determined: bool) -> Actor {
        let mut some = |from: usize, to: usize| -> Vec<usize> {
            let mut chosen: Vec<_> = (from..to).filter(|_| random.random_ratio(2, 3)).collect();
            if chosen.is_empty() && from < to {
                chosen.push(from);
            }
            chosen
        };
        let (receives, sends) = (some(0, place), some(place, channels));
        let mut script: Vec<_> = (0..random.random_range(1..=STEPS))
            .map(|_| if determined { determined_step(random, &sends) } else { any_step(random, channels) })
            .collect();
        if determined || random.random() {
            script.push(Step::Drain);
        }
        Actor { sends, receives, script }
    }
}

fn determined_step(random: &mut SmallRng, sends: &[usize]) -> Step {
    let to = (!sends.is_empty()).then(|| sends[random.random_range(0..sends.len())]);
    match (random.random_range(0..10), to) {
        (0, _) => Step::Yield,
        (1, Some(channel)) => Step::CloneSender(channel),
        (2, Some(channel)) => Step::DropSender(channel),
        (3.., Some(channel)) => Step::Send(channel),
        _ => Step::Receive,
    }
}

fn any_step(random: &mut SmallRng, channels: usize) -> Step {
    let channel = random.random_range(0..channels);
    match random.random_range(0..24) {
        0..=4 => Step::Send(channel),
        5 => Step::TrySend(channel),
        6 => Step::SendInNoTime(channel),
        7..=11 => Step::Receive,
        12 => Step::TryReceive(channel),
        13 => Step::ReceiveInNoTime(channel),
        14 => Step::TryIterate(channel),
        15..=18 => {
            let to = (0..channels).filter(|_| random.random()).collect();
            let how = [How::Wait, How::Wait, How::WaitBiased, How::Try, How::NoTime, How::Ready];
            Step::Select(to, how[random.random_range(0..how.len())])
        }
        19 => Step::CloneSender(channel),
        20 => Step::CloneReceiver(channel),
        21 => Step::DropSender(channel),
        22 => Step::DropReceiver(channel),
        _ => Step::Yield,
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "room: {:?}", self.channels)?;
        for (number, Actor { sends, receives, script }) in self.actors.iter().enumerate() {
            writeln!(f, "actor {number}: sends to {sends:?}, receives from {receives:?}: {script:?}")?;
        }
        Ok(())
    }
}
