//! `G`, a task's control block, and `M`, what an OS thread keeps for the tasks it runs. Their first fields are ABI.

use crate::stack::StackCache;
use crate::stack::big::BigStack;
#[cfg(morestack_split)]
use crate::stack::split::{Foreign, Header};
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

/// Who a task is, for reports. The first part of what the scheduler knows of it.
#[repr(C)]
pub(crate) struct Ident {
    /// A number that no other task of the process has.
    pub(crate) id: u64,
    /// The name its builder gave it. Few have one, so it takes one word here.
    pub(crate) name: Option<Box<Box<str>>>,
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
    /// Of a task whose Rust code is checked, while it does not run: its innermost small segment.
    #[cfg(morestack_split)]
    pub(crate) seg: *mut Header,
    /// Likewise, what its checks compare with.
    #[cfg(morestack_split)]
    pub(crate) rust_guard: usize,

    /// The big stack of a Rust task, in whose top this `G` lies. In a split build, one that a task has for its foreign calls only.
    pub(crate) big: Option<BigStack>,
    /// The payload of a panic on its way through mapped frames, or that ended a mapped task.
    pub(crate) panic: Option<Payload>,
    /// Who it is; only the scheduler looks behind. Null for a borrowed `g`.
    pub(crate) ident: *const Ident,
    /// What it waits for, or waited for when it last did: a word of the scheduler's.
    pub(crate) waits_on: Cell<u64>,
    /// When it began to, by its worker's clock, in milliseconds.
    pub(crate) waits_since: Cell<u32>,
    /// Whether Rust code that it called has left something behind that belongs to its thread.
    pub(crate) pinned: Cell<bool>,
    /// Whether it is in a time limit. Here, because each wait looks at its neighbour anyway.
    pub(crate) limited: Cell<bool>,
    /// Whether its Rust code is checked and runs on small segments, in whose first one this `G` lies.
    pub(crate) split: Cell<bool>,
    /// Whether the big stack `big_hi` knows where its foreign calls go on: it has given way in the middle of one.
    #[cfg(morestack_split)]
    pub(crate) away: Cell<bool>,
}

impl G {
    /// A `g` without stacks, run by no thread so far.
    pub(crate) fn new(max_stack: usize, ident: *const Ident) -> G {
        G {
            stack: GoStack::new(max_stack),
            enter: ptr::null_mut(),
            sys: ptr::null(),
            big_hi: 0,
            m: ptr::null_mut(),
            #[cfg(morestack_split)]
            seg: ptr::null_mut(),
            #[cfg(morestack_split)]
            rust_guard: 0,
            big: None,
            panic: None,
            ident,
            waits_on: Cell::new(0),
            waits_since: Cell::new(0),
            pinned: Cell::new(false),
            limited: Cell::new(false),
            split: Cell::new(false),
            #[cfg(morestack_split)]
            away: Cell::new(false),
        }
    }

    /// Gives the task to a thread: its mapped code finds that thread's system stack from now on.
    #[inline]
    pub(crate) unsafe fn set_m(&mut self, m: *mut M) {
        self.m = m;
        // SAFETY: the caller's m is live.
        self.sys = unsafe { &raw const (*m).sys_sp };
    }

    /// Whether it is lent to a thread for calls outside any task.
    pub(crate) fn is_borrowed(&self) -> bool {
        self.ident.is_null()
    }

    /// Whether it runs a closure, and not a mapped function.
    #[inline]
    pub(crate) fn is_rust(&self) -> bool {
        self.big.is_some() || self.split.get()
    }

    /// Whether no Rust frame is live in it: then it may give way at any check.
    #[inline]
    pub(crate) fn is_all_mapped(&self) -> bool {
        !self.is_rust() && self.enter.is_null() && self.stack.to_rust.is_null()
    }

    /// Whether it may go on on any thread.
    #[inline]
    pub(crate) fn may_change_thread(&self) -> bool {
        self.is_all_mapped() && !self.pinned.get()
    }
}

/// What an OS thread keeps for the tasks that run on it.
#[repr(C)]
pub struct M {
    /// Stack pointer of the scheduler on the system stack while a task runs.
    pub(crate) sys_sp: usize,
    /// Top of a big stack that is ready to be lent, 0 if none.
    pub(crate) big_hi: usize,
    /// The big stack for foreign code that its tasks call from small segments; none so far, if `hi` is 0.
    #[cfg(morestack_split)]
    pub(crate) foreign: Foreign,

    pub(crate) cache: StackCache,
}

impl M {
    pub(crate) fn new() -> M {
        M {
            sys_sp: 0,
            big_hi: 0,
            #[cfg(morestack_split)]
            foreign: Foreign::NONE,
            cache: StackCache::new(),
        }
    }
}

impl Drop for M {
    fn drop(&mut self) {
        if self.big_hi != 0 {
            // SAFETY: only big stacks of the default size are lent, and this one is not in use: it stands here.
            drop(unsafe { BigStack::from_hi(self.big_hi) });
        }
        #[cfg(morestack_split)]
        if self.foreign.hi != 0 {
            // SAFETY: it is this thread's, and no task that could be in a foreign call is left.
            unsafe { self.foreign.give_back() };
        }
    }
}
