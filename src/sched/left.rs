//! After each move under the debug mode `move`: nothing that is live may point to where the stack was.
//!
//! The layer of stacks looks at what it knows of the stack that moved ([`moved`](crate::stack::debug::moved)), and here is what others
//! hold: the headers and `G`s of tasks, the records of crossings into mapped code, with the registers that they keep for Rust, the
//! nodes of queues.

use super::current_task;
use super::header::Header;
use super::queue::linked;
use super::worker::Worker;
use crate::stack::debug;
use crate::stack::report::fatal;
use crate::stack::state::GoStack;
use crate::task::g::G;
use crate::task::report::Label;
use std::mem::offset_of;
use std::ops::Range;

/// Tasks of the worker that are looked at, beside the current one: the more, the longer each move takes.
const TASKS: usize = 64;

/// Has each move from now on checked.
pub(super) fn watch() {
    debug::after_move(look);
}

fn look(old: &Range<usize>) {
    if let Some(address) = linked::any_in(old) {
        fatal(format_args!("{:#x} was left behind by a move, and a queue leads there", address));
    }
    let current = current_task();
    // SAFETY: the current task, and others of this thread, whose list no task changes while it runs mapped code.
    unsafe {
        if let Some(g) = current {
            look_at(&*Header::of(g), true, old);
        }
        // Compiled code may have been interrupted while it changed the list.
        if cfg!(not(morestack_split))
            && let Some(worker) = Worker::here()
        {
            worker.live().iter().take(TASKS).for_each(|&task| look_at(&*task, false, old));
        }
    }
}

/// # Safety
/// A live task of this thread.
unsafe fn look_at(task: &Header, runs: bool, old: &Range<usize>) {
    let g = task.g.get();
    // SAFETY: live; and so are the records of a live task.
    unsafe {
        words((&raw const *task).cast(), 0..size_of::<Header>(), g, "its header", old);
        if g.is_null() {
            return;
        }
        // What a stack is in itself has been looked at, if it is the one that moved; what says where a task stands is dead while it runs.
        let rest = size_of::<GoStack>()..size_of::<G>();
        let rest = if cfg!(morestack_split) && runs { offset_of!(G, big)..rest.end } else { rest };
        words(g.cast(), rest, g, "its G", old);
        words((&raw const (*g).enter).cast(), 0..8, g, "its innermost record", old);
        let mut enter = (*g).enter;
        while let Some(record) = enter.as_ref() {
            words(record.saved.as_ptr(), 0..size_of_val(&record.saved), g, "the registers kept for its Rust code", old);
            enter = record.prev;
        }
    }
}

/// # Safety
/// There are words at these offsets.
unsafe fn words(first: *const usize, offsets: Range<usize>, g: *const G, what: &str, old: &Range<usize>) {
    // SAFETY: the caller's.
    if let Some((offset, word)) = unsafe { find(first, offsets, old) } {
        fatal(format_args!("{}: {word:#x} was left behind by a move, and {what} leads there, at {offset}", Label(g)));
    }
}

/// The first word at these offsets that lies in the range, and where it is.
///
/// # Safety
/// As [`words`].
unsafe fn find(first: *const usize, offsets: Range<usize>, range: &Range<usize>) -> Option<(usize, usize)> {
    // SAFETY: the caller's; any bytes are a number.
    let mut all = offsets.step_by(8).map(|offset| (offset, unsafe { first.byte_add(offset).read() }));
    all.find(|(_, word)| range.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{find, linked};
    use crate::sched::on::{On, WaitsFor};
    use crate::sched::queue::{Node, Queue, Turn};

    #[test]
    fn a_word_in_the_range_is_found() {
        let words = [1, 0x2000, 0x2fff, 0x3000];
        let at = |offsets, range| {
            // SAFETY: offsets in the array.
            unsafe { find(words.as_ptr(), offsets, &range) }
        };
        assert_eq!(at(0..32, 0x2001..0x3000), Some((16, 0x2fff)));
        assert_eq!(at(0..32, 0x2000..0x3000), Some((8, 0x2000)));
        assert_eq!(at(0..16, 0x2001..0x3000), None);
        assert_eq!(at(0..32, 0x3001..0x4000), None);
    }

    #[test]
    fn nodes_are_known_while_they_are_queued() {
        let turn = Turn::new(On::any(WaitsFor::Select));
        let node = Node::alone(&turn, std::ptr::null_mut());
        let (its, turns) = ((&raw const node).addr(), (&raw const turn).addr());
        let known = || [its, turns].map(|address| linked::any_in(&(address..address + 1)) == Some(address));
        let mut queue = Queue::new();
        assert_eq!(known(), [false; 2]);
        // SAFETY: it is taken out below.
        unsafe { queue.push(&node) };
        assert_eq!(known(), [true; 2]);
        assert!(queue.remove(&node));
        assert_eq!(known(), [false; 2]);
        // SAFETY: as above.
        unsafe { queue.push(&node) };
        drop(queue.claim().map(|claim| claim.done()));
        assert_eq!(known(), [false; 2]);
    }
}
