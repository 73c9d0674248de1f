//! Work on what a failed check needs too.
//!
//! A check may fail between any two calls of checked code, and then [`more`](super::more) takes memory: from the thread's
//! cache, from the pools behind it, under their locks. So who works on these on a small segment must not be interrupted by it, or it
//! would find a lock that its own thread holds, or a list half changed. Whatever hands out or takes back stack memory does so in here.

/// Runs `f` such that no check fails meanwhile: with a guard of 0, and from a small segment on the big stack that foreign calls go to.
///
/// In a split build, `f` must not unwind unless the guard is 0 already: a panic that leaves it ends the process.
///
/// On a scheduler's stack, in threads that run no checked code, and in plain builds, it costs a comparison at most; on a small segment as much
/// as a foreign call, some ten nanoseconds.
#[inline(always)]
pub(crate) fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(morestack_split)]
    if crate::arch::tcb_guard() != 0 {
        return elsewhere::run(f);
    }
    f()
}

#[cfg(morestack_split)]
mod elsewhere {
    use crate::arch;
    use std::mem::{ManuallyDrop, MaybeUninit};

    /// What the other stack is told, and tells.
    struct Call<F, R> {
        f: ManuallyDrop<F>,
        result: MaybeUninit<R>,
    }

    /// Checks may still fail in here: nothing has been touched yet, or all is done.
    #[cold]
    #[inline(never)]
    pub(super) fn run<R, F: FnOnce() -> R>(f: F) -> R {
        unsafe extern "C" fn there<R, F: FnOnce() -> R>(call: *mut ()) {
            // SAFETY: `run` passes this, and waits.
            let call = unsafe { &mut *call.cast::<Call<F, R>>() };
            // SAFETY: taken here only, once.
            let f = unsafe { ManuallyDrop::take(&mut call.f) };
            call.result.write(f());
        }
        let mut call = Call { f: ManuallyDrop::new(f), result: MaybeUninit::uninit() };
        // SAFETY: the call stays where it is until this returns; as C's functions do, `there` aborts instead of unwinding.
        unsafe { arch::morestack_undisturbed(there::<R, F>, (&raw mut call).cast()) };
        // SAFETY: `there` has written it.
        unsafe { call.result.assume_init() }
    }
}
