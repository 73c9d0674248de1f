//! Memory for the `G`s of mapped tasks, which stays memory for `G`s for good.
//!
//! The monitor writes the guard of a mapped task that runs too long, and cannot know whether it has ended meanwhile. So a
//! `G`'s memory is never given back: a write that comes too late asks the next task there to give way once, for nothing.

use super::g::{G, Ident};
use crate::stack::locked;
use std::alloc::{self, Layout};
use std::ptr::NonNull;
use std::sync::Mutex;

/// `G`s that are made at a time: about four pages.
const CHUNK: usize = 64;

/// Free ones. Each has been initialised once, and its guard is an atomic that anybody may write.
static FREE: Mutex<Vec<Slot>> = Mutex::new(Vec::new());

struct Slot(NonNull<G>);

// SAFETY: a free slot belongs to the list.
unsafe impl Send for Slot {}

/// A `G` for a mapped task. None if there is no memory.
pub(crate) fn alloc(max_stack: usize, ident: *const Ident) -> Option<*mut G> {
    let mut free = locked(&FREE);
    if free.is_empty() {
        refill(&mut free)?;
    }
    let g = free.pop()?.0.as_ptr();
    drop(free);
    // SAFETY: the slot is ours. Its last user dropped what it held; the guard is written as an atomic before and after.
    unsafe { g.write(G::new(max_stack, ident)) };
    Some(g)
}

/// Takes back a `G` whose stacks are gone.
pub(crate) fn free(g: *mut G) {
    // SAFETY: the caller owns it, and `alloc` wrote it. It stays a valid `G`, without anything that needs dropping.
    unsafe {
        drop((*g).panic.take());
        drop((*g).big.take());
    }
    // There is room: every slot was in the list when it was made.
    locked(&FREE).push(Slot(NonNull::new(g).expect("a G is somewhere")));
}

#[cold]
fn refill(free: &mut Vec<Slot>) -> Option<()> {
    // Room for every slot there is, so that `free` never allocates.
    static MADE: Mutex<usize> = Mutex::new(0);
    let mut made = locked(&MADE);
    free.try_reserve(*made + CHUNK).ok()?;
    let layout = Layout::array::<G>(CHUNK).ok()?;
    // SAFETY: the layout has a size.
    let first = NonNull::new(unsafe { alloc::alloc_zeroed(layout) }.cast::<G>())?;
    *made += CHUNK;
    for index in 0..CHUNK {
        // SAFETY: within the chunk.
        free.push(Slot(unsafe { first.add(index) }));
    }
    Some(())
}
