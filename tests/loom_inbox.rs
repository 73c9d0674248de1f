//! The inbox of a worker: what many push is taken once, in order, and with all that was written before.
//!
//! With `--cfg loom` the shipped file is checked by loom, in all interleavings of small models. Without, threads try it.

#[path = "../src/sched/inbox.rs"]
mod inbox;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/sched/sync.rs"]
#[allow(unused_imports, dead_code, reason = "other files need the rest")]
mod sync;

use inbox::{Inbox, Linked};
use sync::AtomicPtr;

#[cfg(loom)]
use loom::cell::Cell;
#[cfg(not(loom))]
use std::cell::Cell;

/// Something to push.
struct Node {
    link: AtomicPtr<Node>,
    /// Written before the push and read after the take, without synchronization. loom's cell notices if that is a race.
    value: Cell<usize>,
}

// SAFETY: each node has a link of its own, and nobody else uses it.
unsafe impl Linked for Node {
    unsafe fn link(node: *mut Node) -> *const AtomicPtr<Node> {
        // SAFETY: the node is live.
        unsafe { &raw const (*node).link }
    }
}

impl Node {
    fn new() -> *mut Node {
        Box::into_raw(Box::new(Node { link: AtomicPtr::new(std::ptr::null_mut()), value: Cell::new(0) }))
    }
}

/// Gives the node a value and pushes it.
///
/// # Safety
/// The node is live and the caller's.
unsafe fn push(inbox: &Inbox<Node>, node: *mut Node, value: usize) -> bool {
    // SAFETY: by the contract.
    unsafe {
        (*node).value.set(value);
        inbox.push(node)
    }
}

/// The values of all nodes that are there, with the nodes.
fn take(inbox: &Inbox<Node>) -> Vec<(usize, *mut Node)> {
    // SAFETY: what was taken is live and ours.
    inbox.take().map(|node| (unsafe { (*node).value.get() }, node)).collect()
}

/// Frees the nodes, and leaves the values.
fn free(nodes: Vec<(usize, *mut Node)>) -> Vec<usize> {
    // SAFETY: made by a Box, and in no inbox any more.
    nodes.into_iter().map(|(value, node)| (value, drop(unsafe { Box::from_raw(node) })).0).collect()
}

#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::{Model, all_pass};
    use loom::thread;
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    /// What the owner took early in [`two_producers`].
    static OUTCOMES: Mutex<BTreeSet<Vec<usize>>> = Mutex::new(BTreeSet::new());

    /// Two producers, one of them with two nodes, and an owner that takes at some time. All arrive, each once, those of one
    /// producer in order; and of each batch one push was told that it came first.
    fn two_producers() {
        let inbox = Arc::new(Inbox::new());
        let producers = [[1, 2].as_slice(), &[3]].map(|values| {
            let inbox = inbox.clone();
            // SAFETY: a node of its own each time.
            thread::spawn(move || values.iter().filter(|&&value| unsafe { push(&inbox, Node::new(), value) }).count())
        });
        let early = free(take(&inbox));
        let first: usize = producers.map(|producer| producer.join().unwrap()).iter().sum();
        let late = free(take(&inbox));
        assert!(inbox.is_empty());
        OUTCOMES.lock().unwrap().insert(early.clone());
        assert_eq!(first, usize::from(!early.is_empty()) + usize::from(!late.is_empty()));
        let mut all = [early, late].concat();
        assert!(all.iter().position(|&value| value == 1) < all.iter().position(|&value| value == 2));
        all.sort();
        assert_eq!(all, [1, 2, 3]);
    }

    /// A node that is taken and pushed again, while a producer that may have seen it before is in the middle of a push.
    fn pushed_again() {
        let inbox = Arc::new(Inbox::new());
        // SAFETY: each node is live; one that was taken is the owner's again.
        unsafe {
            push(&inbox, Node::new(), 1);
            push(&inbox, Node::new(), 2);
            let producer = {
                let inbox = inbox.clone();
                thread::spawn(move || push(&inbox, Node::new(), 3))
            };
            let mut taken = take(&inbox);
            let (_, two) = taken.remove(1);
            push(&inbox, two, 4);
            taken.extend(take(&inbox));
            producer.join().unwrap();
            taken.extend(take(&inbox));
            let mut all = free(taken);
            all.sort();
            assert_eq!(all, [1, 3, 4]);
        }
    }

    #[test]
    fn inbox() {
        let models: [Model; 2] = [("two producers", two_producers, None), ("pushed again", pushed_again, None)];
        let orderings = all_pass(&["sched/inbox.rs"], &models);
        // Loom has really tried everything: 2 comes after 1, 3 anywhere, and the owner takes at any time.
        let all: [&[usize]; 9] = [&[], &[1], &[1, 2], &[1, 2, 3], &[1, 3], &[1, 3, 2], &[3], &[3, 1], &[3, 1, 2]];
        assert!(OUTCOMES.lock().unwrap().iter().eq(&all), "{OUTCOMES:?}");
        orderings.are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;

    /// Three producers and an owner who sends every node back to be pushed again.
    #[test]
    fn keep_the_order_of_each_producer() {
        const PRODUCERS: usize = 3;
        const EACH: usize = 50_000;
        let inbox: Inbox<Node> = Inbox::new();
        let mut next = [0; PRODUCERS];
        std::thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let inbox = &inbox;
                scope.spawn(move || {
                    for i in 0..EACH {
                        // SAFETY: a node of its own each time.
                        unsafe { push(inbox, Node::new(), i * PRODUCERS + producer) };
                    }
                });
            }
            while next != [EACH; PRODUCERS] {
                for value in free(take(&inbox)) {
                    assert_eq!(value / PRODUCERS, next[value % PRODUCERS]);
                    next[value % PRODUCERS] += 1;
                }
                std::thread::yield_now();
            }
        });
        assert!(inbox.is_empty() && inbox.take().next().is_none());
    }

    /// Two inboxes and two threads: each sends what it takes on to the other, so that nodes come back all the time.
    #[test]
    fn pass_nodes_to_and_fro() {
        const NODES: usize = 8;
        const ROUNDS: usize = 10_000;
        let inboxes: [Inbox<Node>; 2] = [Inbox::new(), Inbox::new()];
        for _ in 0..NODES {
            // SAFETY: a node of its own each time.
            unsafe { push(&inboxes[0], Node::new(), 0) };
        }
        // Takes from one and pushes to the other what has not been round often enough, until so many were taken.
        let pass = |from: usize, to: usize, mut left: usize| {
            while left != 0 {
                for (value, node) in take(&inboxes[from]) {
                    left -= 1;
                    if value == 2 * ROUNDS {
                        free(vec![(value, node)]);
                    } else {
                        // SAFETY: taken, so ours.
                        unsafe { push(&inboxes[to], node, value + 1) };
                    }
                }
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| pass(1, 0, NODES * ROUNDS));
            pass(0, 1, NODES * (ROUNDS + 1));
        });
        assert!(inboxes.iter().all(Inbox::is_empty));
    }
}
