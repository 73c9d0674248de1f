//! The free blocks of one thread.
//!
//! Nothing in here allocates, and nothing that it calls does so by way of the global allocator. That goes for what the split
//! build calls unseen too: the growth of a stack, and what leads to foreign code and back.

use super::classes::{CLASSES, Class};
use super::exit;
use crate::arch;
use std::alloc::{GlobalAlloc, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

/// A free block, which begins with the address of the next one of its list.
struct Block {
    next: *mut Block,
}

/// The free blocks of a class, the warmest first.
struct List {
    first: Cell<*mut Block>,
    /// How many more may come.
    room: Cell<u32>,
    /// How many it may have in all.
    capacity: Cell<u32>,
}

/// Where a thread stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It keeps nothing and has told nobody that it will.
    Fresh,
    /// It will be told when the thread ends.
    Open,
    /// The thread is about to end, or cannot tell when it does: nothing is kept.
    Closed,
}

pub(super) struct Cache {
    lists: [List; CLASSES],
    /// The capacities of all lists, in bytes.
    granted: Cell<usize>,
    /// Whose room is taken next when another list needs it.
    hand: Cell<usize>,
    state: Cell<State>,
}

thread_local! {
    /// All zero, so it costs a thread nothing before its first use; without a destructor, so it is there as long as the
    /// thread is.
    static CACHE: Cache = const {
        Cache {
            lists: [const { List::empty() }; CLASSES],
            granted: Cell::new(0),
            hand: Cell::new(0),
            state: Cell::new(State::Fresh),
        }
    };
}

/// Bytes by which a list's capacity grows or shrinks, at least, and one block at least: what is worth a walk through the
/// slow path, and little enough that the blocks are still in the processor's caches.
const GRANT: usize = 4 << 10;

impl List {
    const fn empty() -> List {
        List { first: Cell::new(ptr::null_mut()), room: Cell::new(0), capacity: Cell::new(0) }
    }

    #[inline]
    fn pop(&self) -> Option<NonNull<u8>> {
        let first = NonNull::new(self.first.get())?;
        // SAFETY: a block in a list is ours, and begins with the address of the next.
        let next = unsafe { first.read().next };
        self.first.set(next);
        // The next allocation reads it, and then the program writes to it.
        arch::prefetch_write(next.addr());
        self.room.set(self.room.get() + 1);
        Some(first.cast())
    }

    /// # Safety
    /// There is room, and the block is the list's from now on.
    #[inline]
    unsafe fn push(&self, block: *mut u8) {
        let block = block.cast::<Block>();
        // SAFETY: blocks have room for an address and are aligned for it.
        unsafe { block.write(Block { next: self.first.get() }) };
        self.first.set(block);
        self.room.set(self.room.get() - 1);
    }

    fn len(&self) -> u32 {
        self.capacity.get() - self.room.get()
    }

    /// Gives blocks back to the system until `most` are left: those first that were freed last, because the system will
    /// write to them, and they are the ones that are still in the processor's caches.
    fn trim(&self, class: Class, most: u32) {
        while self.len() > most
            && let Some(block) = self.pop()
        {
            // SAFETY: it was in the list and is no more, and came from `System` with the class's layout.
            unsafe { System.dealloc(block.as_ptr(), class.layout()) };
        }
    }
}

impl Cache {
    /// The calling thread's.
    #[inline]
    pub(super) fn with<R>(f: impl FnOnce(&Cache) -> R) -> R {
        CACHE.with(f)
    }

    #[inline]
    fn list(&self, class: Class) -> &List {
        &self.lists[class.index()]
    }

    /// A block of the class, if there is one.
    #[inline]
    pub(super) fn take(&self, class: Class) -> Option<NonNull<u8>> {
        self.list(class).pop()
    }

    /// Takes a block, of which the thread may keep `keep` bytes in all.
    ///
    /// # Safety
    /// The block came from `System` with the class's layout, and nothing refers to it.
    #[inline]
    pub(super) unsafe fn put(&self, class: Class, block: *mut u8, keep: usize) {
        let list = self.list(class);
        if list.room.get() > 0 {
            // SAFETY: the caller's promise, and there is room.
            unsafe { list.push(block) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.put_in_full(class, block, keep) };
        }
    }

    /// As [`put`](Cache::put), for a list that has no room.
    #[cold]
    #[inline(never)]
    unsafe fn put_in_full(&self, class: Class, block: *mut u8, keep: usize) {
        self.make_room(class, keep);
        let list = self.list(class);
        if list.room.get() > 0 {
            // SAFETY: the caller's promise, and there is room.
            unsafe { list.push(block) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(block, class.layout()) };
        }
    }

    /// Makes room in a list that has none, if it can.
    fn make_room(&self, class: Class, keep: usize) {
        if class.layout().size() > keep {
            return;
        }
        match self.state.get() {
            State::Open => {}
            State::Closed => return,
            State::Fresh => {
                // Before, so that a second time round while libc is busy with it leads to the system.
                self.state.set(State::Closed);
                if !exit::register(at_exit) {
                    return;
                }
                self.state.set(State::Open);
            }
        }
        if !self.grant(class, keep) {
            self.take_room(class);
            if !self.grant(class, keep) {
                let list = self.list(class);
                list.trim(class, list.capacity.get().saturating_sub(in_a_grant(class)));
            }
        }
    }

    /// Gives a list more room, if there is any left.
    fn grant(&self, class: Class, keep: usize) -> bool {
        let list = self.list(class);
        let size = class.layout().size();
        // Twice as many, so that a list gets all it needs in few steps.
        let wanted = list.capacity.get().max(in_a_grant(class));
        let more = (wanted as usize).min(keep.saturating_sub(self.granted.get()) / size) as u32;
        self.granted.set(self.granted.get() + more as usize * size);
        list.capacity.set(list.capacity.get() + more);
        list.room.set(list.room.get() + more);
        more > 0
    }

    /// Takes room for [`GRANT`] bytes from another list, or all that it has if that is less: what it does not use first,
    /// then that of its blocks. Each list's turn comes. No more, or lists that are filled and emptied in turns would lose
    /// what they are about to need.
    fn take_room(&self, except: Class) {
        let hand = self.hand.get();
        let victim = (hand..CLASSES)
            .chain(0..hand)
            .map(Class::at)
            .find(|&class| class != except && self.list(class).capacity.get() > 0);
        let Some(class) = victim else { return };
        self.hand.set((class.index() + 1) % CLASSES);
        let list = self.list(class);
        let less = in_a_grant(class).min(list.capacity.get());
        list.trim(class, list.capacity.get() - less);
        self.take_unused(class, less);
    }

    /// Takes room that a list has and does not use.
    fn take_unused(&self, class: Class, room: u32) {
        let list = self.list(class);
        list.room.set(list.room.get() - room);
        list.capacity.set(list.capacity.get() - room);
        self.granted.set(self.granted.get() - room as usize * class.layout().size());
    }

    pub(super) fn give_back(&self) {
        for class in Class::all() {
            let list = self.list(class);
            list.trim(class, 0);
            self.take_unused(class, list.room.get());
        }
    }

    pub(super) fn kept(&self) -> usize {
        Class::all().map(|class| self.list(class).len() as usize * class.layout().size()).sum()
    }
}

/// Blocks in [`GRANT`].
fn in_a_grant(class: Class) -> u32 {
    GRANT.div_ceil(class.layout().size()) as u32
}

/// What libc calls when a thread ends.
unsafe extern "C" fn at_exit(_: *mut c_void) {
    Cache::with(|cache| {
        cache.state.set(State::Closed);
        cache.give_back();
    });
}
