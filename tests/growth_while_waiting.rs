//! Stacks that grow, move and shrink between and around waits: at every depth of a recursion a task selects, receives, locks or waits
//! for a condition, with others that do the same. What it has on its stack is what it was, whatever has been moved meanwhile.

mod common;
use common::caps;

use morestack::channel::{self, Receiver, Sender, select};
use morestack::runtime::{Builder, Runtime};
use morestack::sync::{Arc, Mutex, Semaphore};
use morestack::thread;
use std::hint::black_box;

/// What the tasks share.
#[derive(Clone)]
struct Shared {
    pairs: [(Sender<u64>, Receiver<u64>); 3],
    sum: Arc<Mutex<u64>>,
    permits: Arc<Semaphore>,
}

/// In a plain build a closure has all of its stack from the start, and unoptimised code needs a lot.
fn spawn<T: Send + 'static>(runtime: &Runtime, f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().stack_size(4 << 20).spawn_on(runtime, f).unwrap()
}

/// A number that depends on all of the frame's words.
fn fold(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, &word| sum.rotate_left(7) ^ word)
}

/// Descends, waits at each depth on the way down and on the way up, and returns how many messages it has sent, less those received.
#[inline(never)]
fn descend(depth: u64, seed: u64, shared: &Shared) -> i64 {
    let words: [u64; 24] = std::array::from_fn(|i| seed ^ depth << 32 ^ i as u64);
    let words = black_box(words);
    let before = fold(&words);
    let [(s0, r0), (s1, r1), (s2, r2)] = &shared.pairs;
    let mut sent = 0;
    match (seed ^ depth) % 4 {
        0 => select! {
            send(s0, 1) -> done => { done.unwrap(); sent += 1 }
            recv(r1) -> message => { assert_eq!(message, Ok(1)); sent -= 1 }
            default => thread::yield_now(),
        },
        1 => select! {
            recv(r0) -> message => { assert_eq!(message, Ok(1)); sent -= 1 }
            send(s1, 1) -> done => { done.unwrap(); sent += 1 }
            send(s2, 1) -> done => { done.unwrap(); sent += 1 }
        },
        2 => {
            let _permit = shared.permits.acquire();
            *shared.sum.lock().unwrap() += 1;
            thread::yield_now();
        }
        _ => {
            if r2.try_recv().is_ok() {
                sent -= 1;
            } else if s2.try_send(1).is_ok() {
                sent += 1;
            }
        }
    }
    if depth > 0 {
        sent += descend(depth - 1, seed.wrapping_mul(6364136223846793005).wrapping_add(1), shared);
    }
    assert_eq!(fold(&words), before, "the frame at depth {depth}");
    sent
}

#[test]
fn at_every_depth() {
    let (depth, tasks) = (caps::depth(100) as u64, 8);
    for workers in [1, 2] {
        let runtime = Builder::new().workers(workers).build().unwrap();
        // Room, and none: a message that nobody takes has to have a place.
        let room = 2 * tasks as usize * (depth as usize + 1);
        let pairs = [channel::unbounded(), channel::bounded(room), channel::bounded(room)];
        let shared = Shared { pairs, sum: Arc::new(Mutex::new(0)), permits: Arc::new(Semaphore::new(2)) };
        let all: Vec<_> = (0..tasks)
            .map(|task| {
                let shared = shared.clone();
                spawn(&runtime, move || (0..3).map(|round| descend(depth, task * 7 + round, &shared)).sum::<i64>())
            })
            .collect();
        let sent: i64 = all.into_iter().map(|task| task.join().unwrap()).sum();
        let left: usize = shared.pairs.iter().map(|(_, receiver)| receiver.len()).sum();
        assert_eq!(sent, left as i64);
        assert!(*shared.sum.lock().unwrap() > 0);
    }
}

/// The same across a rendezvous: one side goes down while the other comes up.
#[test]
fn across_a_rendezvous() {
    #[inline(never)]
    fn give(depth: u64, sender: &Sender<[u64; 8]>) {
        let words = black_box([depth; 8]);
        sender.send(words).unwrap();
        if depth > 0 {
            give(depth - 1, sender);
        }
        assert_eq!(words, [depth; 8]);
        sender.send(words).unwrap();
    }
    #[inline(never)]
    fn take(depth: u64, receiver: &Receiver<[u64; 8]>, other: &Receiver<()>) {
        let words = black_box([!depth; 8]);
        let message = select! {
            recv(receiver) -> message => message.unwrap(),
            recv(other) -> _ => unreachable!("nobody sends there"),
        };
        assert_eq!(message, [depth; 8]);
        if depth > 0 {
            take(depth - 1, receiver, other);
        }
        assert_eq!(receiver.recv(), Ok([depth; 8]));
        assert_eq!(words, [!depth; 8]);
    }
    let depth = caps::depth(100) as u64;
    let runtime = Builder::new().workers(2).build().unwrap();
    let (sender, receiver) = channel::bounded(0);
    let (_never, other) = channel::bounded(0);
    let giver = spawn(&runtime, move || give(depth, &sender));
    let taker = spawn(&runtime, move || take(depth, &receiver, &other));
    giver.join().unwrap();
    taker.join().unwrap();
}
