//! However threads take, free and hand over stacks, none has two owners.

use std::sync::mpsc;

use morestack::stack::big::BigStack;

const THREADS: usize = 4;
const ROUNDS: usize = 20_000;
/// More than a thread's cache holds, so that stacks go through the pool too.
const HELD: usize = 20;

#[test]
fn under_churn() {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<(usize, BigStack)>()).unzip();
    let word = |stack: &BigStack| (stack.hi() - 8) as *mut usize;
    std::thread::scope(|scope| {
        for (id, inbox) in receivers.into_iter().enumerate() {
            let next = senders[(id + 1) % THREADS].clone();
            scope.spawn(move || {
                let mut held: Vec<(usize, BigStack)> = Vec::new();
                let mut random = id + 1;
                for round in 0..ROUNDS {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let tag = id * ROUNDS + round;
                    let stack = BigStack::new(random.is_multiple_of(8).then_some(100_000)).unwrap();
                    // SAFETY: the top word of a stack that is owned here and that nobody runs on.
                    unsafe { word(&stack).write(tag) };
                    held.push((tag, stack));
                    held.extend(inbox.try_recv());
                    while held.len() > HELD {
                        let (tag, stack) = held.swap_remove((random >> 33) % held.len());
                        // SAFETY: as above.
                        assert_eq!(unsafe { word(&stack).read() }, tag);
                        if random & (1 << 40) == 0 {
                            let _ = next.send((tag, stack));
                        }
                    }
                }
            });
        }
    });
}
