//! Queues of waiters: of several who could end a wait one does, with all that it wrote before; who leaves early is not written to
//! afterwards; the first to come is the first to be served. And the lock over such a queue.
//!
//! With `--cfg loom` the shipped files are checked by loom, in all interleavings of small models. Without, threads try them.

#[path = "../src/sched/lock.rs"]
mod lock;
#[path = "../src/sched/on.rs"]
#[allow(dead_code, reason = "reports need the rest")]
mod on;
#[path = "../src/sched/queue.rs"]
#[allow(dead_code, reason = "channels need the rest")]
mod queue;
#[cfg(loom)]
#[path = "loom_common/sync.rs"]
mod sync;
#[cfg(not(loom))]
#[path = "../src/sched/sync.rs"]
#[allow(unused_imports, dead_code, reason = "other files need the rest")]
mod sync;
#[path = "loom_common/waits.rs"]
mod waits;

use on::{On, WaitsFor};
use queue::{Node, Queue, State, Turn};
use std::ptr;
use waits::{wait, waker};

/// What the waits are for.
const ON: On = On::any(WaitsFor::Unpark);

/// What has been claimed, in order, by its slot.
fn claims(queue: &mut Queue) -> Vec<usize> {
    let mut order = Vec::new();
    while let Some(claim) = queue.claim() {
        order.push(claim.slot().addr());
        claim.done().wake();
    }
    order
}

/// Turns of one thread, in one queue, as `f` puts them there; each has its number in its slot.
fn in_queue(f: impl FnOnce(&mut Queue, &[Node])) -> Vec<usize> {
    let turns: Vec<_> = (0..4).map(|_| Turn::new(ON)).collect();
    let node = |i: usize| Node::alone(&turns[i], ptr::without_provenance_mut(i));
    let nodes: Vec<_> = (0..4).map(node).collect();
    let mut queue = Queue::new();
    f(&mut queue, &nodes);
    let first = queue.first_slot().map(<*mut ()>::addr);
    let order = claims(&mut queue);
    assert_eq!(first, order.first().copied());
    assert!(queue.is_empty());
    for (i, turn) in turns.iter().enumerate() {
        assert_eq!(turn.state(), if order.contains(&i) { State::Done(0) } else { State::Waiting });
    }
    order
}

fn first_come_first_served() {
    // SAFETY: the nodes are claimed or removed before they are gone.
    let push = |queue: &mut Queue, node: &Node| unsafe { queue.push(node) };
    assert_eq!(in_queue(|queue, nodes| nodes.iter().for_each(|node| push(queue, node))), [0, 1, 2, 3]);
    let before = |queue: &mut Queue, nodes: &[Node]| {
        push(queue, &nodes[0]);
        // SAFETY: as above.
        unsafe { queue.push_first(&nodes[1]) };
        push(queue, &nodes[2]);
    };
    assert_eq!(in_queue(before), [1, 0, 2]);
    for left in 0..4 {
        let order = in_queue(|queue, nodes| {
            nodes.iter().for_each(|node| push(queue, node));
            assert!(queue.remove(&nodes[left]));
            assert!(!queue.remove(&nodes[left]), "it is not there any more");
        });
        assert_eq!(order, (0..4).filter(|i| *i != left).collect::<Vec<_>>());
    }
    // Who has left may come again, and is last then.
    let again = |queue: &mut Queue, nodes: &[Node]| {
        nodes.iter().for_each(|node| push(queue, node));
        assert!(queue.remove(&nodes[1]));
        push(queue, &nodes[1]);
    };
    assert_eq!(in_queue(again), [0, 2, 3, 1]);
}

#[cfg(loom)]
mod models {
    use super::*;
    use crate::lock::Lock;
    use crate::sync::{Model, all_pass};
    use loom::cell::Cell;
    use loom::sync::Mutex;
    use loom::thread;
    use std::sync::Arc;

    /// A lock that is checked by others than these models, and in which nobody spins.
    struct Side {
        queue: Mutex<Queue>,
        /// Written before the turn is over, and read after, without synchronization.
        gift: Cell<usize>,
    }

    /// What waits come to, and who may end them.
    struct Sides([Side; 2]);

    // SAFETY: that the gifts have one user at a time is what the models check.
    unsafe impl Send for Sides {}
    // SAFETY: as above.
    unsafe impl Sync for Sides {}

    impl Sides {
        fn new() -> Arc<Sides> {
            Arc::new(Sides([(); 2].map(|()| Side { queue: Mutex::new(Queue::new()), gift: Cell::new(0) })))
        }

        /// Ends a wait on this side, if there is one; with a gift for who waits. Whether there was.
        fn give(&self, side: usize) -> bool {
            let claim = self.0[side].queue.lock().unwrap().claim();
            let Some(claim) = claim else { return false };
            self.0[side].gift.set(side + 1);
            claim.done().wake();
            true
        }

        fn push(&self, side: usize, node: &Node) {
            // SAFETY: the models take it out before it is gone.
            unsafe { self.0[side].queue.lock().unwrap().push(node) };
        }

        fn remove(&self, side: usize, node: &Node) -> bool {
            self.0[side].queue.lock().unwrap().remove(node)
        }

        fn giver(self: &Arc<Sides>, side: usize) -> thread::JoinHandle<bool> {
            let sides = self.clone();
            thread::spawn(move || sides.give(side))
        }
    }

    /// One waits on both sides, and both want to end it: one does, and the other finds nobody.
    fn one_of_two() {
        let sides = Sides::new();
        let turn = Turn::new(ON);
        let nodes = [0, 1].map(|case| Node::of_case(&turn, case, ptr::null_mut()));
        for (side, node) in nodes.iter().enumerate() {
            sides.push(side, node);
        }
        let givers = [0, 1].map(|side| sides.giver(side));
        let State::Done(side) = wait::wait_claimed(&turn) else { panic!("{:?}", turn.state()) };
        assert_eq!(sides.0[side].gift.get(), side + 1);
        for (side, node) in nodes.iter().enumerate() {
            sides.remove(side, node);
        }
        let gave = givers.map(|giver| giver.join().unwrap());
        assert_eq!(gave, [side == 0, side == 1]);
    }

    /// One leaves early: either nobody finds it, or it has the gift.
    fn leaves() {
        let sides = Sides::new();
        let turn = Turn::new(ON);
        let node = Node::alone(&turn, ptr::null_mut());
        sides.push(0, &node);
        let giver = sides.giver(0);
        let left = sides.remove(0, &node);
        if !left {
            assert_eq!(wait::wait_claimed(&turn), State::Done(0));
            assert_eq!(sides.0[0].gift.get(), 1);
        }
        assert_eq!(giver.join().unwrap(), !left);
    }

    /// One who waits on two sides claims its own turn: then nobody else can.
    fn withdraws() {
        let sides = Sides::new();
        let turn = Turn::new(ON);
        let nodes = [0, 1].map(|case| Node::of_case(&turn, case, ptr::null_mut()));
        for (side, node) in nodes.iter().enumerate() {
            sides.push(side, node);
        }
        let giver = sides.giver(1);
        let withdrawn = turn.withdraw();
        if withdrawn {
            assert_eq!(turn.state(), State::Again);
        } else {
            assert_eq!(wait::wait_claimed(&turn), State::Done(1));
            assert_eq!(sides.0[1].gift.get(), 2);
        }
        for (side, node) in nodes.iter().enumerate() {
            sides.remove(side, node);
        }
        assert_eq!(giver.join().unwrap(), !withdrawn);
    }

    /// Who is told to wait for the other side finds there what is offered.
    fn is_offered_something() {
        let sides = Sides::new();
        let turn = Turn::new(ON);
        let node = Node::alone(&turn, ptr::null_mut());
        sides.push(0, &node);
        let giver = thread::spawn({
            let sides = sides.clone();
            move || {
                let claim = sides.0[0].queue.lock().unwrap().claim().expect("one waits");
                let gift = &sides.0[0].gift;
                gift.set(1);
                claim.offer(ptr::from_ref(gift).cast_mut().cast()).wake();
            }
        });
        assert_eq!(wait::wait_claimed(&turn), State::Offered(0));
        // SAFETY: it is the gift, which is there.
        assert_eq!(unsafe { (*turn.offered().cast::<Cell<usize>>()).get() }, 1);
        giver.join().unwrap();
        // A turn may begin again.
        turn.restart();
        assert!(turn.state().is_open());
    }

    /// One waits on two sides and is told on one. A node that it finds taken out of the other, without a lock, is its own again: it
    /// goes into another queue, behind another lock.
    fn has_its_nodes_back() {
        let sides = Sides::new();
        let turn = Turn::new(ON);
        let nodes = [0, 1].map(|case| Node::of_case(&turn, case, ptr::null_mut()));
        sides.push(0, &nodes[0]);
        sides.push(1, &nodes[1]);
        let givers = [0, 1].map(|side| {
            let sides = sides.clone();
            thread::spawn(move || {
                let claim = sides.0[side].queue.lock().unwrap().claim();
                if let Some(claim) = claim {
                    claim.done().wake();
                }
            })
        });
        let State::Done(_) = wait::wait_claimed(&turn) else { panic!("{:?}", turn.state()) };
        for (side, node) in nodes.iter().enumerate() {
            if node.is_queued() {
                sides.0[side].queue.lock().unwrap().remove(node);
            }
            let mut other = Queue::new();
            // SAFETY: in no queue, and out of this one at once.
            unsafe { other.push(node) };
            assert!(other.remove(node));
        }
        for giver in givers {
            giver.join().unwrap();
        }
    }

    #[test]
    fn queue() {
        let models: [Model; 6] = [
            ("one of two", one_of_two, Some(3)),
            ("has its nodes back", has_its_nodes_back, Some(3)),
            ("leaves", leaves, None),
            ("withdraws", withdraws, None),
            ("is offered something", is_offered_something, None),
            ("first come, first served", first_come_first_served, None),
        ];
        all_pass(&["sched/queue.rs"], &models).are_needed(&models);
    }

    /// Two in a lock: loom sees it if they are there at once, or if one does not see what the other wrote.
    fn two_in_a_lock() {
        struct Shared(Lock<Cell<usize>>);
        // SAFETY: that the cell has one user at a time is what is checked.
        unsafe impl Sync for Shared {}
        // SAFETY: as above.
        unsafe impl Send for Shared {}
        impl Shared {
            fn add(&self) {
                let count = self.0.lock();
                count.set(count.get() + 1);
            }
        }
        let shared = Arc::new(Shared(Lock::new(Cell::new(0))));
        let other = thread::spawn({
            let shared = shared.clone();
            move || shared.add()
        });
        shared.add();
        other.join().unwrap();
        assert_eq!(shared.0.lock().get(), 2);
    }

    #[test]
    fn lock() {
        let models: [Model; 1] = [("two in a lock", two_in_a_lock, None)];
        all_pass(&["sched/lock.rs"], &models).are_needed(&models);
    }
}

#[cfg(not(loom))]
mod threads {
    use super::*;
    use crate::lock::Lock;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

    #[test]
    fn are_served_in_their_order() {
        first_come_first_served();
    }

    /// One waits on two sides again and again, while a thread on each ends its waits. Each wait is ended once.
    #[test]
    fn end_the_waits_of_one() {
        const WAITS: usize = 20_000;
        let (queues, over) = ([Lock::new(Queue::new()), Lock::new(Queue::new())], AtomicBool::new(false));
        let given = [AtomicUsize::new(0), AtomicUsize::new(0)];
        std::thread::scope(|scope| {
            for (queue, given) in queues.iter().zip(&given) {
                let over = &over;
                scope.spawn(move || {
                    while !over.load(Relaxed) {
                        let claim = queue.lock().claim();
                        match claim {
                            Some(claim) => {
                                given.fetch_add(1, Relaxed);
                                claim.done().wake();
                            }
                            None => std::thread::yield_now(),
                        }
                    }
                });
            }
            let mut taken = [0, 0];
            for _ in 0..WAITS {
                let turn = Turn::new(ON);
                let nodes = [0, 1].map(|case| Node::of_case(&turn, case, ptr::null_mut()));
                for (queue, node) in queues.iter().zip(&nodes) {
                    // SAFETY: taken out below.
                    unsafe { queue.lock().push(node) };
                }
                let State::Done(case) = wait::wait_claimed(&turn) else { panic!("{:?}", turn.state()) };
                taken[case] += 1;
                for (queue, node) in queues.iter().zip(&nodes) {
                    queue.lock().remove(node);
                }
            }
            over.store(true, Relaxed);
            assert_eq!(taken.iter().sum::<usize>(), WAITS);
            assert_eq!(given.each_ref().map(|given| given.load(Relaxed)), taken);
        });
    }
}
