//! `go!`: a task that nobody joins.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::{go, thread};
use places::{Drops, everywhere};
use std::sync::mpsc;

fn from_a_function(sender: mpsc::Sender<u32>) -> impl FnOnce() -> String + Send + 'static {
    move || {
        sender.send(8).unwrap();
        "dropped".to_owned()
    }
}

#[test]
fn closures_and_blocks_run_as_tasks() {
    everywhere(|| {
        let (sender, receiver) = mpsc::channel();
        let own = thread::current().id();
        let (one, two, four) = (sender.clone(), sender.clone(), sender.clone());
        go!(move || {
            assert_ne!(thread::current().id(), own);
            one.send(1).unwrap();
        });
        go!(move || two.send(2));
        go!({
            let number = 4;
            assert_ne!(thread::current().id(), own);
            four.send(number).unwrap();
        });
        go!(from_a_function(sender));
        let mut numbers = Vec::new();
        while numbers.len() < 4 {
            match receiver.try_recv() {
                Ok(number) => numbers.push(number),
                Err(_) => thread::yield_now(),
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 4, 8]);
    });
}

#[test]
fn results_and_panics_are_dropped() {
    everywhere(|| {
        let drops = Drops::new();
        let (result, payload) = (drops.value(), drops.value());
        go!(move || result);
        go!(move || std::panic::panic_any(payload));
        drops.wait_for(2);
    });
}
