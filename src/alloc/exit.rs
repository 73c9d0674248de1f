//! Being told when a thread ends.
//!
//! By a key of the C library and not by a thread-local with a destructor: libc runs the destructors of keys after those of
//! thread-locals, so what these allocate and free is still served by the cache, and comes back with it.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The process's key, plus one; 0 while there is none.
static KEY: AtomicU64 = AtomicU64::new(0);

/// Has `at_exit` called when the calling thread ends; says no if the C library has no keys or no memory left. Allocates
/// nothing of ours. `at_exit` is the same function each time.
pub(super) fn register(at_exit: unsafe extern "C" fn(*mut c_void)) -> bool {
    let Some(key) = key(at_exit) else { return false };
    // Any value but null has the destructor called.
    let some = ptr::dangling::<u8>().cast::<c_void>();
    // SAFETY: a key that was created and is never deleted.
    unsafe { libc::pthread_setspecific(key, some) == 0 }
}

fn key(at_exit: unsafe extern "C" fn(*mut c_void)) -> Option<libc::pthread_key_t> {
    let known = KEY.load(Ordering::Relaxed);
    if known != 0 {
        return Some((known - 1) as libc::pthread_key_t);
    }
    let mut fresh = 0;
    // SAFETY: the pointer is writable.
    if unsafe { libc::pthread_key_create(&mut fresh, Some(at_exit)) } != 0 {
        return None;
    }
    // No thread waits for another here: one that allocates must not.
    match KEY.compare_exchange(0, u64::from(fresh) + 1, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Some(fresh),
        Err(other) => {
            // SAFETY: nobody else has seen this key.
            unsafe { libc::pthread_key_delete(fresh) };
            Some((other - 1) as libc::pthread_key_t)
        }
    }
}
