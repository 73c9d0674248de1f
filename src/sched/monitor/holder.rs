//! Who holds the lock that blocks a worker: a task of the same worker, perhaps, that is parked, and so keeps it for ever.
//!
//! std's locks do not say who holds them. But a guard is somewhere on its task's stack, and in it the address of its lock. So the stacks
//! of the worker's parked tasks are searched for an address at, or just before, the word that the worker's futex call waits on. That is
//! a guess, for a report and nothing else: an address may be left over from a guard that is gone, or belong to who only shares the lock.
//!
//! All of it is read by [`copy`], from a worker that is blocked; what was read counts if the worker is still where it was.

use super::peek::{self, Call, copy, copy_bytes};
use super::report::TaskLabel;
use crate::arch::offsets;
use crate::sched::header::Header;
use crate::sched::mailbox::{Mailbox, Running};
use crate::sched::worker::Worker;
use crate::stack::big::BigStack;
use crate::task::g::G;
use std::mem::{ManuallyDrop, MaybeUninit, offset_of};

/// How far before its futex a lock may begin: what it protects comes first, if it has the larger alignment.
const BEFORE: usize = 256;

/// Bytes of a stack that are searched, from where it stands on: more than frames that hold a guard and wait are apart.
const SEARCHED: usize = 16 << 10;

/// Tasks that are looked at.
const TASKS: usize = 10_000;

/// The parked task of this worker that seems to hold the lock that its thread waits for in `call`.
pub(super) fn of_lock(call: Call, running: Running, mailbox: &Mailbox) -> Option<TaskLabel> {
    let futex = call.futex()?;
    let still = || mailbox.pulse.running() == Some(running);
    let live = Worker::live_from_outside(mailbox.worker_address())?;
    let holder = live
        .into_iter()
        .take(TASKS)
        .filter_map(|task| Parked::read(task, running.g()))
        .find(|task| task.refers_to(futex))?;
    still().then_some(())?;
    peek::label(holder.task, still)
}

/// Where the frames in the innermost segment of a parked task begin.
#[cfg(morestack_split)]
fn small_hi(g: *const G) -> Option<usize> {
    use crate::stack::split;
    let segment = copy::<usize>(g.addr() + offset_of!(G, seg))?;
    // SAFETY: any bytes are a number.
    let hi = copy::<usize>(unsafe { segment.assume_init() } + offset_of!(split::Header, hi))?;
    // SAFETY: likewise.
    Some(unsafe { hi.assume_init() })
}

/// Rust code runs on big stacks.
#[cfg(not(morestack_split))]
fn small_hi(_: *const G) -> Option<usize> {
    None
}

/// A task that does not run, as it was copied.
struct Parked {
    task: *const Header,
    sp: usize,
    hi: usize,
}

impl Parked {
    /// None for the task that runs.
    fn read(task: *const Header, running: *mut G) -> Option<Parked> {
        let g: MaybeUninit<*const G> = copy(task.addr() + offset_of!(Header, g))?;
        // SAFETY: any bytes are an address.
        let g = unsafe { g.assume_init() };
        if g.is_null() || g == running.cast_const() {
            return None;
        }
        let sp: MaybeUninit<usize> = copy(g.addr() + offsets::G_SCHED + offsets::RECORD_SP)?;
        let big: MaybeUninit<ManuallyDrop<Option<BigStack>>> = copy(g.addr() + offset_of!(G, big))?;
        // SAFETY: copied from a live task of a worker that is blocked, as the caller finds out; not dropped.
        let (sp, big) = unsafe { (sp.assume_init(), big.assume_init()) };
        let hi = match big.as_ref().filter(|big| (big.lo()..big.hi()).contains(&sp)) {
            Some(big) => big.hi(),
            None => small_hi(g)?,
        };
        Some(Parked { task, sp, hi })
    }

    /// Whether a word on its stack is an address at the lock.
    fn refers_to(&self, futex: usize) -> bool {
        let len = self.hi.saturating_sub(self.sp).min(SEARCHED) & !7;
        let mut words = vec![0usize; len / 8];
        copy_bytes(self.sp, words.as_mut_ptr().cast(), len)
            && words.iter().any(|&word| word <= futex && futex - word <= BEFORE)
    }
}
