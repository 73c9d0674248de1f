//! Forked children: a lock that another thread holds while a process forks is held in the child for ever, because the child has no such
//! thread. And a child's stacks grow between `fork` and `exec` (std's `Command::pre_exec`), whatever its code may otherwise not do.
//! So a fork waits until nobody is in the pools, as it does for glibc's `malloc`.

use super::{big, segment};
use std::cell::UnsafeCell;
use std::sync::Once;

/// All locks that growth takes, in the order in which they are taken where one is taken under another.
struct Locks {
    _segments: segment::Locked,
    _big: big::Locked,
}

/// What the thread that forks holds meanwhile.
struct Held(UnsafeCell<Option<Locks>>);

// SAFETY: reached by who holds the locks.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

/// Has forks from now on wait for the pools. Before the first segment is taken.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: functions that are there as long as the process is. If there is no memory for it, forks are as dangerous as without.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
    });
}

extern "C" fn before() {
    let locks = Locks { _segments: segment::Locked::new(), _big: big::Locked::new() };
    // SAFETY: this has the locks.
    unsafe { *HELD.0.get() = Some(locks) };
}

/// In the parent and in the child, which goes on as the same thread.
extern "C" fn after() {
    // SAFETY: this has the locks. They are given back when none of it is used any more.
    let locks = unsafe { (*HELD.0.get()).take() };
    drop(locks);
}
