//! What is asked of channels, by one who is alone with them, so that there is one answer.

use rand::Rng;
use rand::rngs::SmallRng;

/// Handles are meant by numbers, in the order in which they are made.
#[derive(Clone, Debug)]
pub enum Question {
    Make(Option<usize>),
    CloneSender(usize),
    CloneReceiver(usize),
    DropSender(usize),
    DropReceiver(usize),
    Send(usize, When),
    Receive(usize, When),
    Describe(usize, usize),
    SameSenders(usize, usize),
    SameReceivers(usize, usize),
    TakeAll(usize),
    TakeSome(usize, usize),
    Select(Vec<usize>, Vec<usize>, When),
    Clocks,
}

/// How long an operation may wait.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Now,
    InNoTime,
    /// Until a time that has come.
    Past,
    /// For ever, but it is left out where it would have to wait.
    Whenever,
}

impl Question {
    /// One about so many handles of each side, or more.
    pub fn random(random: &mut SmallRng, handles: usize) -> Question {
        let when = [When::Now, When::Now, When::InNoTime, When::Past, When::Whenever, When::Whenever];
        let when = when[random.random_range(0..when.len())];
        let kind = random.random_range(0..30);
        let mut one = || random.random_range(0..handles);
        match kind {
            0 => Question::CloneSender(one()),
            1 => Question::CloneReceiver(one()),
            2 => Question::DropSender(one()),
            3 => Question::DropReceiver(one()),
            4..=11 => Question::Send(one(), when),
            12..=18 => Question::Receive(one(), when),
            19..=20 => Question::Describe(one(), one()),
            21 => Question::SameSenders(one(), one()),
            22 => Question::SameReceivers(one(), one()),
            23 => Question::TakeAll(one()),
            24 => Question::TakeSome(one(), one()),
            25..=28 => Question::Select(vec![one(), one()], vec![one(), one()], when),
            _ => Question::Make([Some(0), Some(1), Some(3), None, None][random.random_range(0..5)]),
        }
    }
}
