//! What each OS thread needs before it can run mapped code: its `M`, a `g` to lend, an alternate signal stack.

use super::g::{G, M};
use crate::signal::{self, AltStack};
use crate::stack::layout::MAX_STACK;
use std::cell::{OnceCell, UnsafeCell};
use std::ptr;

/// A thread's own part, made on first use and dropped with the thread.
struct Thread {
    m: Box<UnsafeCell<M>>,
    /// Lent to calls of mapped code outside any task. One is enough: while it is lent it is current, so nested calls find it.
    g: Box<UnsafeCell<G>>,
    _signals: Option<AltStack>,
}

impl Thread {
    fn new() -> Thread {
        signal::prepare_process();
        // Threads that glibc has started since may have brought handlers of its own.
        signal::rescan();
        let m = Box::new(UnsafeCell::new(M::new()));
        let g = Box::new(UnsafeCell::new(G::new(MAX_STACK, m.get())));
        // SAFETY: just made, so nobody else looks at it.
        unsafe {
            let g = g.get();
            (*g).sys = (&raw const (*g).enter).cast();
        }
        let _signals = match AltStack::install() {
            Ok(signals) => Some(signals),
            Err(error) => {
                crate::stack::report::fatal(format_args!("no alternate signal stack for this thread: {error}"))
            }
        };
        Thread { m, g, _signals }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        let m = self.m.get_mut();
        if let Some(segment) = self.g.get_mut().stack.take_segment() {
            m.cache.free(segment);
        }
    }
}

thread_local! {
    static THREAD: OnceCell<Thread> = const { OnceCell::new() };
}

/// The calling thread's `M` and lendable `g`.
///
/// In the destructor of another thread-local, when this thread's own part may be gone already, a new one is made and kept
/// for good: rare, and a leak of a few hundred bytes is better than a failing destructor.
fn this_thread() -> (*mut M, *mut G) {
    let both = |t: &Thread| (t.m.get(), t.g.get());
    THREAD.try_with(|t| both(t.get_or_init(Thread::new))).unwrap_or_else(|_| both(Box::leak(Box::new(Thread::new()))))
}

/// The calling thread's `M`.
pub(crate) fn current_m() -> *mut M {
    this_thread().0
}

/// The `g` that the calling thread lends to calls of mapped code outside any task.
#[cold]
pub(crate) fn borrow_g() -> *mut G {
    let (_, g) = this_thread();
    debug_assert!(!ptr::eq(crate::arch::current_g(), g), "a g that is lent is current");
    g
}
