//! What each OS thread needs before it can run mapped code: its `M`, a `g` to lend, an alternate signal stack.

use super::g::{G, M};
use super::report::program_table;
use crate::sigstack::{self, AltStack};
use crate::stack::layout::MAX_STACK;
#[cfg(morestack_split)]
use crate::stack::split;
use crate::stack::{fork, report};
use std::cell::{OnceCell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;

/// A thread's own part, made on first use. It goes with the thread, or with the last scheduler that was made on it: one kept
/// in another thread-local may be dropped later than this one.
pub(crate) struct Thread {
    m: UnsafeCell<M>,
    /// Lent to calls of mapped code outside any task. One is enough: while it is lent it is current, so nested calls find it.
    g: UnsafeCell<G>,
    _signals: AltStack,
}

impl Thread {
    fn new() -> Rc<Thread> {
        // Every way into mapped code comes by here once: a table that is refused must not run at all.
        program_table();
        sigstack::prepare_process();
        fork::prepare();
        // Threads that glibc has started since may have brought handlers of its own.
        sigstack::rescan();
        let _signals = AltStack::install().unwrap_or_else(|error| {
            report::fatal(format_args!("no alternate signal stack for {}: {error}", report::Current))
        });
        let thread = Rc::new(Thread {
            m: UnsafeCell::new(M::new()),
            g: UnsafeCell::new(G::new(MAX_STACK, ptr::null())),
            _signals,
        });
        // SAFETY: just made, so nobody else looks at it; the parts of an Rc do not move.
        unsafe {
            let g = thread.g.get();
            (*g).m = thread.m();
            (*g).sys = (&raw const (*g).enter).cast();
            #[cfg(morestack_split)]
            {
                split::prepare();
                split::set_cache(&raw mut (*thread.m()).cache);
            }
        }
        thread
    }

    /// The `g` that it lends to calls of mapped code outside any task.
    pub(crate) fn g(&self) -> *mut G {
        debug_assert!(!ptr::eq(crate::arch::current_g(), self.g.get()), "a g that is lent is current");
        self.g.get()
    }

    /// Its `M`.
    pub(crate) fn m(&self) -> *mut M {
        self.m.get()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        #[cfg(morestack_split)]
        split::set_cache(ptr::null_mut());
        if let Some(segment) = self.g.get_mut().stack.take_segment() {
            self.m.get_mut().cache.free(segment);
        }
    }
}

thread_local! {
    static THREAD: OnceCell<Rc<Thread>> = const { OnceCell::new() };
    /// What stands in for it when it is gone. Without a destructor, so it is there to the end.
    static LATE: OnceCell<ManuallyDrop<Rc<Thread>>> = const { OnceCell::new() };
}

/// The calling thread's part.
///
/// In the destructor of another thread-local, when this thread's own part may be gone already, a new one is made and kept
/// for good, one per thread: rare, and a leak is better than a failing destructor.
pub(crate) fn current() -> Rc<Thread> {
    THREAD
        .try_with(|t| t.get_or_init(Thread::new).clone())
        .unwrap_or_else(|_| LATE.with(|late| (**late.get_or_init(|| ManuallyDrop::new(Thread::new()))).clone()))
}
