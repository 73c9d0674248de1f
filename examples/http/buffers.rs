//! Buffers for connections that are at work. The others have none, and taking one costs no allocation as a rule.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Room for what is read at once: some dozens of requests.
const INPUT: usize = 8 << 10;
/// A buffer for responses that has grown beyond this is not kept: one large response must not cost memory for good.
const OUTPUT: usize = 32 << 10;
/// How many are kept by each thread: as many connections as may be at work between two polls, and then some. 2.5 MB if all have grown.
const KEPT: usize = 64;

thread_local! {
    static FREE: RefCell<Vec<Pair>> = const { RefCell::new(Vec::new()) };
}

/// What is read, and what is to be written.
pub struct Pair {
    pub input: Box<[u8]>,
    pub output: Vec<u8>,
}

/// Buffers that are given back when this is dropped. What is in the one for input is of no meaning.
pub struct Buffers(Option<Pair>);

impl Buffers {
    pub fn take() -> Buffers {
        let free = FREE.with_borrow_mut(Vec::pop);
        Buffers(Some(free.unwrap_or_else(|| Pair { input: vec![0; INPUT].into(), output: Vec::new() })))
    }
}

impl Deref for Buffers {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Buffers {
    fn deref_mut(&mut self) -> &mut Pair {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        let Some(mut pair) = self.0.take() else { return };
        pair.output.clear();
        if pair.output.capacity() <= OUTPUT {
            // The thread's list may be gone, if the thread ends.
            let _ = FREE.try_with(|free| {
                let mut free = free.borrow_mut();
                if free.len() < KEPT {
                    free.push(pair);
                }
            });
        }
    }
}
