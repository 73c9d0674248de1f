//! Memory for the `G`s of mapped tasks, which stays memory for `G`s for good.
//!
//! The monitor writes the guard of a mapped task that runs too long, and cannot know whether it has ended meanwhile. So a
//! `G`'s memory is never given back: a write that comes too late asks the next task there to give way once, for nothing.

use super::g::{G, Ident};
use crate::stack::locked;
use crate::stack::state::GoStack;
use std::alloc::{self, Layout};
use std::mem::{ManuallyDrop, MaybeUninit, offset_of};
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    // SAFETY: the slot is ours, but for the guard, which a late write may reach at this very moment. Its last user dropped what
    // it held.
    unsafe { write_around_guard(g, G::new(max_stack, ident)) };
    Some(g)
}

/// Writes `new` to `place`; the guard as an atomic, because others may write it too.
unsafe fn write_around_guard(place: *mut G, new: G) {
    const GUARD: usize = offset_of!(G, stack) + offset_of!(GoStack, stackguard0);
    const BEHIND: usize = GUARD + size_of::<AtomicUsize>();
    let new = ManuallyDrop::new(new);
    // SAFETY: the caller owns the place but for the guard. A G is as large as it is, and the guard lies in it; padding may be
    // copied as what it is.
    unsafe {
        let from = (&raw const new).cast::<MaybeUninit<u8>>();
        let to = place.cast::<MaybeUninit<u8>>();
        ptr::copy_nonoverlapping(from, to, GUARD);
        ptr::copy_nonoverlapping(from.add(BEHIND), to.add(BEHIND), size_of::<G>() - BEHIND);
        (*place).stack.stackguard0.store(new.stack.stackguard0.load(Ordering::Relaxed), Ordering::Relaxed);
    }
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
