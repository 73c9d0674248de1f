//! What others may hold of a task: one allocation with its name, its states, and behind them its closure or its result.
//!
//! ```text
//!     Header                                     G (in the top of the task's big stack, or in a slab)
//!     | ident: id, name                |  g ---> | go segment, guard, sched, records |
//!     | park state, join state         |         | big stack                         |
//!     | mailbox of its worker          | <------ | ident                             |
//!     |--------------------------------|
//!     | body: closure, then its result |
//! ```
//!
//! A task that has not started has no stack and no `G` (if it runs a closure), and belongs to no worker: it may be stolen for
//! the price of a pointer. Handles, wakers and the worker count references; the last one frees the allocation.

use super::blocks;
use super::cancel::Cancellation;
use super::inbox::Linked;
use super::interrupt::Limit;
use super::mailbox::{Mailbox, MailboxRef};
use super::park::ParkState;
use super::waker::Waker;
use crate::arch;
use crate::stack::StackError;
use crate::stack::big::{self, BigStack};
use crate::stack::layout::MAX_STACK;
#[cfg(morestack_split)]
use crate::stack::{layout::STACK_MIN, split};
use crate::task::g::{G, Ident, M, Payload};
use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// What a task's kind of body can do. Each is called with a header that has such a body.
pub(super) struct Kind {
    /// Runs the closure, on the task's own stack, and keeps its result. None for a mapped task.
    pub(super) run: Option<unsafe fn(*mut Header)>,
    /// Keeps the results of a mapped task, found at the address, or the panic that ended it.
    pub(super) finish: unsafe fn(*mut Header, Result<*const u64, Payload>),
    /// Drops the closure of a task that will not start, and keeps this as its panic.
    pub(super) cancel: unsafe fn(*mut Header, Payload),
    /// Drops the result. Runs the user's code.
    pub(super) drop_result: unsafe fn(*mut Header),
    /// Frees the allocation. Neither a closure nor a result that needs dropping is left, unless the task will never end.
    pub(super) free: unsafe fn(*mut Header),
}

/// What few tasks want.
pub(super) struct Custom {
    /// A stack that was taken when the task was made, because of its size or to be sure of it.
    pub(super) big: Option<BigStack>,
    /// Bytes to which the go segment may grow.
    pub(super) max_stack: usize,
}

/// `Header::join`, unless it holds a [`Waker`] of who waits for the end.
const OPEN: *mut () = ptr::null_mut();
const DONE: *mut () = ptr::without_provenance_mut(Waker::UNUSED[0]);
const DETACHED: *mut () = ptr::without_provenance_mut(Waker::UNUSED[1]);

/// A task, as the scheduler and its handles know it. What a wake and an end need comes first, in as few cache lines as can be.
#[repr(C)]
pub(crate) struct Header {
    pub(super) ident: Ident,
    pub(super) kind: &'static Kind,
    /// Its `G`; null until it starts, except for a mapped task, and again when it has ended. Its worker's.
    pub(super) g: Cell<*mut G>,
    /// Where its wakes go; null until it starts. Counted.
    mailbox: AtomicPtr<Mailbox>,
    /// Whether it has ended, whether its handle is gone, or who waits for its end.
    join: AtomicPtr<()>,
    /// The next one in an inbox.
    link: AtomicPtr<Header>,
    refs: AtomicU32,
    pub(super) park: ParkState,
    /// Each wait looks here, beside the park state.
    pub(super) cancel: Cancellation,
    /// An unpark that no park has used up.
    pub(super) token: AtomicBool,
    /// Whether it waits in `runtime.gopark`. Its worker's.
    pub(super) in_gopark: Cell<bool>,

    pub(super) custom: UnsafeCell<Option<Box<Custom>>>,
    /// The values of its task-local variables, and what drops them. Its own.
    pub(super) locals: Cell<*mut ()>,
    /// The innermost time limit that it is in; null, as `G::limited` says, if none. Its own.
    pub(super) limit: Cell<*const Limit>,
    /// Its place in its worker's list of live tasks. Its worker's.
    pub(super) index: Cell<u32>,
    /// Whether a stack was promised for it at its spawn. The scheduler's.
    pub(super) promised: Cell<bool>,
    /// How often its cancellation was caught. Its own.
    pub(super) caught: Cell<u8>,
    /// Whether its waits must not be interrupted. Its own.
    pub(super) uninterrupted: Cell<bool>,
    /// The payloads of interruptions that it was unwound with and that it has not dropped. Its own.
    pub(super) in_flight: Cell<u8>,
}

// SAFETY: the link is the header's own, and used by nothing else.
unsafe impl Linked for Header {
    unsafe fn link(node: *mut Self) -> *const AtomicPtr<Self> {
        // SAFETY: the inbox asks for nodes that it was given, which are live.
        unsafe { &raw const (*node).link }
    }
}

/// A header and what belongs to it. The header comes first, so a pointer to one is a pointer to the other.
#[repr(C)]
pub(super) struct WithBody<B> {
    pub(super) header: Header,
    pub(super) body: UnsafeCell<B>,
}

/// References to a task, at most: as many again, of threads that are about to find that out, fit into the count.
const MAX_REFS: u32 = u32::MAX / 2;

/// Numbers of tasks that a thread takes at a time: so that threads that spawn do not meet at the counter each time.
const IDS: u64 = 256;

#[inline]
fn next_id() -> u64 {
    /// 0 is nobody.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static MINE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }
    let (mut next, mut end) = MINE.get();
    if next == end {
        next = NEXT.fetch_add(IDS, Ordering::Relaxed);
        end = next + IDS;
    }
    MINE.set((next + 1, end));
    next
}

impl Header {
    /// With the references of the scheduler and of one handle.
    #[inline]
    pub(super) fn new(kind: &'static Kind, name: Option<Box<str>>, custom: Option<Box<Custom>>) -> Header {
        Header {
            ident: Ident { id: next_id(), name: name.map(Box::new) },
            kind,
            g: Cell::new(ptr::null_mut()),
            link: AtomicPtr::new(ptr::null_mut()),
            mailbox: AtomicPtr::new(ptr::null_mut()),
            join: AtomicPtr::new(OPEN),
            custom: UnsafeCell::new(custom),
            locals: Cell::new(ptr::null_mut()),
            limit: Cell::new(ptr::null()),
            refs: AtomicU32::new(2),
            index: Cell::new(0),
            park: ParkState::new(),
            cancel: Cancellation::new(),
            token: AtomicBool::new(false),
            in_gopark: Cell::new(false),
            caught: Cell::new(0),
            uninterrupted: Cell::new(false),
            in_flight: Cell::new(0),
            promised: Cell::new(false),
        }
    }

    /// The task that `g`, which is not borrowed, belongs to.
    #[inline]
    pub(super) fn of(g: *mut G) -> *mut Header {
        // SAFETY: the caller's g is live.
        unsafe { (*g).ident.cast_mut().cast() }
    }

    /// Adds a reference.
    #[inline]
    pub(super) unsafe fn retain(task: *mut Header) {
        // SAFETY: the caller's task is live. The order of Arc: whoever shares has a reference already.
        let before = unsafe { (*task).refs.fetch_add(1, Ordering::Relaxed) };
        if before >= MAX_REFS {
            // SAFETY: as above.
            unsafe { Self::too_many(task) };
        }
    }

    /// Takes the reference back that is one too many. It must not stay: who forgets handles and catches this panic often
    /// enough would get the count around to 0.
    #[cold]
    unsafe fn too_many(task: *mut Header) -> ! {
        // SAFETY: the caller's reference.
        unsafe { (*task).refs.fetch_sub(1, Ordering::Relaxed) };
        panic!("too many handles of one task");
    }

    /// Gives up a reference; the last one frees the task.
    #[inline]
    pub(super) unsafe fn release(task: *mut Header) {
        // SAFETY: the caller owns a reference. The order of Arc: all uses come before the one that frees.
        unsafe {
            // Nobody else can get a reference from somewhere if this is the only one: then there is nothing to exchange.
            if (*task).refs.load(Ordering::Acquire) == 1 || (*task).refs.fetch_sub(1, Ordering::Release) == 1 {
                fence(Ordering::Acquire);
                let mailbox = (*task).mailbox.load(Ordering::Relaxed);
                ((*task).kind.free)(task);
                if !mailbox.is_null() {
                    Mailbox::release(mailbox);
                }
            }
        }
    }

    /// Says where wakes go from now on: its new worker does, before it runs the task.
    pub(super) unsafe fn set_mailbox(task: *mut Header, mailbox: &MailboxRef) {
        // SAFETY: the caller's task is live and neither runs nor is parked, so nobody looks the mailbox up; what was stored came
        // from here.
        unsafe {
            let old = (*task).mailbox.load(Ordering::Relaxed);
            if old.cast_const() != mailbox.as_ptr() {
                (*task).mailbox.store(mailbox.for_task().cast_mut(), Ordering::Release);
                if !old.is_null() {
                    Mailbox::release(old);
                }
            }
        }
    }

    /// Whether it is a task of this thread's, whose turn does not come before the caller's is over.
    #[inline]
    pub(super) unsafe fn is_local(task: *mut Header) -> bool {
        // SAFETY: the caller's task is live and waits, so it has a mailbox, which stays while it waits.
        unsafe { Mailbox::is_local((*task).mailbox.load(Ordering::Relaxed)) }
    }

    /// Whether it has been on no worker so far.
    pub(super) fn is_fresh(&self) -> bool {
        self.mailbox.load(Ordering::Relaxed).is_null()
    }

    /// Makes its wait return: the one it is in, or else the next. `next`: it shall run before the others that are ready, because
    /// what it waited for is warm.
    #[inline]
    pub(super) unsafe fn wake(task: *mut Header, next: bool) {
        // SAFETY: the caller has a reference. A parked task has started, so it has a mailbox, which it keeps while it is parked;
        // to have ended the park is the right to deliver it.
        unsafe {
            if (*task).park.notify() {
                Mailbox::deliver((*task).mailbox.load(Ordering::Acquire), task, next);
            }
        }
    }

    /// Asks the task to end: the wait that it is in unwinds it, or its next one.
    pub(super) unsafe fn cancel(task: *mut Header) {
        // SAFETY: the caller has a reference.
        unsafe {
            if (*task).cancel.ask() {
                Header::wake(task, false);
            }
        }
    }

    /// Bytes to which its go segment may grow.
    pub(super) fn max_stack(&self) -> usize {
        // SAFETY: nobody changes it after the task was made, but to take the big stack.
        unsafe { &*self.custom.get() }.as_ref().map_or(MAX_STACK, |custom| custom.max_stack)
    }

    /// Whether the task has ended: its result is there.
    pub(super) fn is_done(&self) -> bool {
        self.join.load(Ordering::Acquire) == DONE
    }

    /// The task has ended, and its result is in the body. Wakes who waits for it. Returns whether nobody will ever ask, so that
    /// the caller has to drop the result, where the user's code may run.
    #[must_use]
    pub(super) fn set_done(&self) -> bool {
        // The result is visible to who reads DONE.
        let before = self.join.swap(DONE, Ordering::AcqRel);
        if before == DETACHED {
            return true;
        }
        if before != OPEN {
            // SAFETY: neither open, detached nor done: it is the waker that `wait_for_end` stored, and ours now.
            unsafe { Waker::from_raw(before) }.wake_next();
        }
        false
    }

    /// Registers who waits for the end, once; `false` if it has come.
    pub(super) fn set_joiner(&self, waker: Waker) -> bool {
        let raw = waker.into_raw();
        match self.join.compare_exchange(OPEN, raw, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(found) => {
                // SAFETY: just made, and not stored.
                drop(unsafe { Waker::from_raw(raw) });
                debug_assert_eq!(found, DONE, "one handle, so one joiner");
                false
            }
        }
    }

    /// Takes the joiner back, if the end has not come and taken it.
    pub(super) fn clear_joiner(&self) {
        let found = self.join.load(Ordering::Relaxed);
        if found != DONE
            && found != OPEN
            && self.join.compare_exchange(found, OPEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        {
            // SAFETY: the waker was there, and is ours now.
            drop(unsafe { Waker::from_raw(found) });
        }
    }

    /// The handle is given up. Returns whether the task has ended, so that the caller has to drop the result.
    #[must_use]
    pub(super) fn detach(&self) -> bool {
        // Most tasks have ended by now: a look is cheaper than a failing exchange.
        self.is_done() || self.join.compare_exchange(OPEN, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_err()
    }

    /// Drops the result of a task that has ended, which nobody asks for. A destructor that panics has told the panic hook;
    /// there is nobody else to tell.
    pub(super) unsafe fn drop_result(task: *mut Header) {
        // SAFETY: the caller is the only one with a right to the result.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| unsafe { ((*task).kind.drop_result)(task) }));
        // The payload could panic again.
        std::mem::forget(dropped);
    }
}

/// Makes a task of a header and a body, with references for the scheduler and for one handle. `None`: there is no memory.
/// Inlined, so that both are made in place.
#[inline]
pub(super) fn allocate<B>(header: Header, body: B) -> Option<*mut Header> {
    // SAFETY: a header has a size; what is written is of the layout.
    unsafe {
        let place = blocks::alloc(Layout::new::<WithBody<B>>()).cast::<WithBody<B>>();
        if place.is_null() {
            return None;
        }
        place.write(WithBody { header, body: UnsafeCell::new(body) });
        Some(place.cast())
    }
}

/// The body of a task of this kind.
pub(super) unsafe fn body<B>(task: *mut Header) -> *mut B {
    // SAFETY: callers name the type that the task was made with.
    unsafe { (*task.cast::<WithBody<B>>()).body.get() }
}

/// [`Kind::free`] for bodies of this type.
pub(super) unsafe fn free<B>(task: *mut Header) {
    // SAFETY: the last reference is gone, and `allocate` made it.
    unsafe {
        let place = task.cast::<WithBody<B>>();
        place.drop_in_place();
        blocks::free(place.cast(), Layout::new::<WithBody<B>>());
    }
}

/// The big stack for a task that starts.
///
/// # Errors
/// There is none, although one was promised: the kernel has no memory for its page table.
pub(super) unsafe fn take_big(task: *mut Header) -> Result<BigStack, StackError> {
    // SAFETY: the caller has the only right to start the task.
    let custom = unsafe { &mut *(*task).custom.get() };
    match custom.as_mut().and_then(|custom| custom.big.take()) {
        Some(big) => Ok(big),
        None => BigStack::new(None),
    }
}

/// Gives a fresh task its stack: its `G` goes to the top, its frames come below.
pub(super) unsafe fn settle(task: *mut Header, big: BigStack) {
    // SAFETY: the stack is ours, and its top is mapped and aligned for a G.
    unsafe {
        let place = (big.hi() - size_of::<G>()) & !(G_ALIGN - 1);
        let g = place as *mut G;
        g.write(G::new((*task).max_stack(), task.cast()));
        (*g).stack.sched.sp = place;
        (*g).stack.sched.pc = arch::closure_start();
        (*g).stack.sched.ctxt = task.addr();
        (*g).big = Some(big);
        (*task).g.set(g);
    }
}

/// Whether tasks of this kind run a closure whose code is checked: then they start on a small segment. In a split build nearly all are;
/// not those of doc tests, whose own code is plain.
#[inline]
pub(super) fn is_checked(kind: &Kind) -> bool {
    #[cfg(morestack_split)]
    // SAFETY: a function's address.
    return kind.run.is_some_and(|run| unsafe { split::is_checked(run as *const u8) });
    #[cfg(not(morestack_split))]
    {
        let _ = kind;
        false
    }
}

/// Gives a fresh task its first segment: its `G` goes to the top, its frames come below.
///
/// # Errors
/// There is no memory.
#[cfg(morestack_split)]
pub(super) unsafe fn settle_small(task: *mut Header, m: *mut M) -> Result<(), StackError> {
    // SAFETY: m is this thread's. The segment is ours, and has room for a G and a header.
    unsafe {
        let segment = (*m).cache.alloc(STACK_MIN)?;
        let place = (segment.hi() - size_of::<G>()) & !(G_ALIGN - 1);
        let g = place as *mut G;
        g.write(G::new((*task).max_stack(), task.cast()));
        let first = split::install(segment, place, ptr::null_mut(), (*task).max_stack());
        (*g).stack.sched.sp = place;
        (*g).stack.sched.pc = arch::closure_start();
        (*g).stack.sched.ctxt = task.addr();
        (*g).seg = first;
        (*g).rust_guard = split::guard_of(first);
        (*g).split.set(true);
        if let Some(custom) = &mut *(*task).custom.get()
            && let Some(big) = custom.big.take()
        {
            let beginning = split::Foreign::on(&big);
            beginning.keep(beginning.hi);
            (*g).big_hi = beginning.hi;
            (*g).big = Some(big);
            (*g).away.set(true);
        }
        (*task).g.set(g);
    }
    Ok(())
}

#[cfg(not(morestack_split))]
pub(super) unsafe fn settle_small(_: *mut Header, _: *mut M) -> Result<(), StackError> {
    unreachable!("a plain build has no checked code")
}

/// A cache line: the hot words of a `G` share as few as possible. Also a multiple of 16, which the stack below needs.
const G_ALIGN: usize = 64;

/// Whether nothing has run yet on the stacks of a task that has a `G`.
pub(super) unsafe fn has_not_run(g: *mut G) -> bool {
    // SAFETY: the caller's g is live and does not run. Where it stands says it: nobody comes back to a start.
    let pc = unsafe { (*g).stack.sched.pc };
    pc == arch::closure_start() || pc == arch::mapped_start()
}

/// The task needs its stack no more: what was promised at its spawn is given back.
pub(super) unsafe fn give_place(task: *mut Header) {
    // SAFETY: the caller owns the task's end.
    unsafe {
        if (*task).promised.replace(false) {
            big::unpromise();
        }
    }
}

/// Drops the closure of a task that will not start. Runs the user's code, and passes its panics on.
pub(super) unsafe fn cancel_closure(task: *mut Header, why: &'static str) {
    // SAFETY: the caller owns the task, which does not run.
    unsafe { ((*task).kind.cancel)(task, Box::new(why)) };
}

/// Ends a task that was cancelled, and gives up the scheduler's reference.
pub(super) unsafe fn end_cancelled(task: *mut Header) {
    // SAFETY: the caller owns the task and that reference.
    unsafe {
        if (*task).set_done() {
            Header::drop_result(task);
        }
        Header::release(task);
    }
}

/// Ends a task that is left over, with its result written. It has references that nobody gives up.
pub(super) unsafe fn end_left_over(task: *mut Header) {
    // SAFETY: the caller owns the task's end.
    unsafe {
        if (*task).set_done() {
            Header::drop_result(task);
        }
    }
}

/// The outermost Rust frame of a task: where its panics end. Called by asm/start.s with the closure context.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn morestack_closure_main(task: *mut Header) {
    // SAFETY: `settle` put the task itself into the context; the worker's reference keeps it.
    unsafe {
        let run = (*task).kind.run.expect("a Rust task has a closure");
        run(task);
        if (*task).set_done() {
            // Nobody will ask for the result: it is dropped here, on the task's own stack, where the user's code may run.
            Header::drop_result(task);
        }
    }
}

/// The label of a task in a report.
impl std::fmt::Display for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ident.fmt(f)
    }
}

// Each byte here counts a million times in a program of a million tasks.
const _: () = assert!(size_of::<Header>() <= 96 && size_of::<G>() <= 192);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::task::closure_kind;

    #[test]
    fn references_never_wrap() {
        const KIND: Kind = closure_kind::<fn(), ()>();
        let mut task = Header::new(&KIND, None, None);
        task.refs = AtomicU32::new(MAX_REFS);
        for _ in 0..3 {
            // SAFETY: it is there.
            panic::catch_unwind(AssertUnwindSafe(|| unsafe { Header::retain(&raw mut task) })).unwrap_err();
            assert_eq!(task.refs.load(Ordering::Relaxed), MAX_REFS);
        }
    }
}
