//! `G`, a task's control block, and `M`, what an OS thread keeps for the tasks it runs. Their first fields are ABI.

use crate::stack::StackCache;
use crate::stack::big::BigStack;
use crate::stack::state::GoStack;
use std::any::Any;
use std::cell::Cell;
use std::ptr;

/// What a panic carries.
pub type Payload = Box<dyn Any + Send + 'static>;

/// The record that `morestack_enter` pushes on Rust's stack when Rust enters mapped code. Last push first.
#[repr(C)]
pub struct Enter {
    /// The ToRust record that was innermost.
    pub(crate) to_rust: usize,
    /// The next older Enter record.
    pub(crate) prev: *mut Enter,
    /// The `g` that was current.
    pub(crate) outer_g: *mut G,
    /// Words of arguments and results.
    pub(crate) words: usize,
    /// Where they are in Rust's memory.
    pub(crate) frame: *mut u64,
    /// r15 r14 r13 r12 rbx of the caller.
    pub(crate) saved: [usize; 5],
    /// Its frame pointer, and behind it the return address: what the bridge's own frame pointer leads to.
    pub(crate) bp: usize,
    pub(crate) pc: usize,
}

/// What a task waits for, or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Has a place in the queue, or runs.
    Ready,
    /// Waits to be unparked.
    Parked,
    /// Has ended; its stacks are gone.
    Done,
}

/// The scheduler's part of a task; the layers below only carry it.
pub(crate) struct Role {
    /// Runs the task's closure; none for a mapped task.
    pub(crate) run: Option<unsafe fn(*mut G)>,
    /// Takes the results of a mapped task, at the given address, while its stack still exists.
    pub(crate) finish: unsafe fn(*mut G, *const u64),
    /// Drops the closure of a task that will not start.
    pub(crate) cancel: unsafe fn(*mut G),
    /// Drops what the task's memory holds and frees it, `G` included.
    pub(crate) free: unsafe fn(*mut G),
}

/// A task's control block.
///
/// The first four words (`stack.lo`, `stack.hi`, `stackguard0`, `stackguard1`) are ABI for hand-written code; the offsets
/// of the others that assembly uses come from this struct (`arch.rs`).
#[repr(C)]
pub struct G {
    /// The go segment and what points into it.
    pub(crate) stack: GoStack,
    /// Innermost crossing from Rust to mapped code; the free part of Rust's stack begins there while mapped code runs.
    pub(crate) enter: *mut Enter,
    /// Where the stack pointer of the system stack is found while mapped code of this task runs: `M::sys_sp`, or for a
    /// borrowed `g`, whose system stack is the thread's own, `enter`.
    pub(crate) sys: *const usize,
    /// Top of the big stack that the worker has lent to a mapped task, 0 if none.
    pub(crate) big_hi: usize,
    /// The thread that runs it.
    pub(crate) m: *mut M,

    /// The big stack of a Rust task.
    pub(crate) big: Option<BigStack>,
    /// The payload of a panic on its way through mapped frames, or that ended the task.
    pub(crate) panic: Option<Payload>,
    /// 0 for a borrowed `g`.
    pub(crate) id: u64,
    pub(crate) name: Option<Box<str>>,
    pub(crate) status: Cell<Status>,
    /// An unpark that came before the park.
    pub(crate) token: Cell<bool>,
    /// Whether it has run: before, nothing stands on its stacks but arguments.
    pub(crate) started: Cell<bool>,
    /// Whether somebody outside the scheduler's tasks waits for its end.
    pub(crate) awaited: Cell<bool>,
    /// Its place in the scheduler's list of live tasks.
    pub(crate) index: Cell<usize>,
    /// Its handles, and the scheduler while it lives.
    pub(crate) refs: Cell<usize>,
    /// The task that waits for its end.
    pub(crate) joiner: Cell<*mut G>,
    /// The scheduler it belongs to; only that layer looks inside.
    pub(crate) sched: *const (),
    pub(crate) role: Option<&'static Role>,
}

impl G {
    /// A `g` without stacks.
    pub(crate) fn new(max_stack: usize, m: *mut M) -> G {
        G {
            stack: GoStack::new(max_stack),
            enter: ptr::null_mut(),
            sys: ptr::null(),
            big_hi: 0,
            m,
            big: None,
            panic: None,
            id: 0,
            name: None,
            status: Cell::new(Status::Ready),
            token: Cell::new(false),
            started: Cell::new(false),
            awaited: Cell::new(false),
            index: Cell::new(0),
            refs: Cell::new(0),
            joiner: Cell::new(ptr::null_mut()),
            sched: ptr::null(),
            role: None,
        }
    }

    /// Adds a reference to a task.
    pub(crate) unsafe fn retain(g: *mut G) {
        // SAFETY: the caller's g is live.
        unsafe { (*g).refs.set((*g).refs.get() + 1) };
    }

    /// Gives up a reference to a task; the last one frees it.
    pub(crate) unsafe fn release(g: *mut G) {
        // SAFETY: the caller owns a reference, so g is live.
        unsafe {
            let refs = (*g).refs.get() - 1;
            (*g).refs.set(refs);
            if refs == 0 {
                ((*g).role.expect("a task has a role").free)(g);
            }
        }
    }

    /// Whether it is lent to a thread for calls outside any task.
    pub(crate) fn is_borrowed(&self) -> bool {
        self.id == 0
    }
}

/// What an OS thread keeps for the tasks that run on it.
#[repr(C)]
pub struct M {
    /// Stack pointer of the scheduler on the system stack while a task runs.
    pub(crate) sys_sp: usize,
    /// Top of a big stack that is ready to be lent, 0 if none.
    pub(crate) big_hi: usize,

    pub(crate) cache: StackCache,
}

impl M {
    pub(crate) fn new() -> M {
        M { sys_sp: 0, big_hi: 0, cache: StackCache::new() }
    }
}

impl Drop for M {
    fn drop(&mut self) {
        if self.big_hi != 0 {
            // SAFETY: only big stacks of the default size are lent, and this one is not in use: it stands here.
            drop(unsafe { BigStack::from_hi(self.big_hi) });
        }
    }
}
