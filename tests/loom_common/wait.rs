//! Stands in for `src/sched/wait.rs`. Time passes at once: who waits with a deadline finds that it has come.

use super::queue::{State, Turn};
use std::time::Instant;

pub fn wait() {
    loom::thread::park();
}

pub fn wait_turn(turn: &Turn, deadline: Option<Instant>) -> State {
    loop {
        let state = turn.state();
        if !state.is_open() || deadline.is_some() {
            return state;
        }
        wait();
    }
}

pub fn wait_claimed(turn: &Turn) -> State {
    wait_turn(turn, None)
}
