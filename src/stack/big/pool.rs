//! The pools: free stacks of each class, shared by all threads, and what a stack gives back on its way there.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::arena::{self, CLASSES, Class};
use super::guard;
use crate::stack::debug::modes;
use crate::stack::error::StackError;
use crate::stack::layout::PAGE;
use crate::stack::split::undisturbed;
use crate::stack::tables::{self, List, Quarantine};

/// Bytes at a stack's top that a pooled stack keeps; what lies deeper is returned to the kernel. Four pages
/// hold what foreign calls ordinarily touch (measured: `printf` and `qsort` 4 KB, `dlopen` 8, a panic 12, `getaddrinfo` 16),
/// so that the next user faults on none of them; a page returned too early costs about 1.5 us.
pub const KEEP_BYTES: usize = 4 * PAGE;

/// How many pooled stacks of a class keep their top at all; further ones are returned whole. Bounds what a pool holds after a
/// peak to 16 MB a class.
pub const KEEP_WARM: usize = 1024;

/// How many freed stacks stay inaccessible under the debug mode `fence` before they are used again: enough to catch a use
/// soon after the free, and few enough mappings on kernels without guard marks.
const QUARANTINE: usize = 64;

/// How many stacks one [`decay`] returns to the kernel: a few ms of its work, for which mapped tasks are not preempted.
const DECAY_BATCH: usize = 4 * 1024;

/// Whether somebody calls [`decay`], so that freed stacks need not be trimmed at once.
static DECAYS: AtomicBool = AtomicBool::new(false);

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static POOLED: AtomicUsize = AtomicUsize::new(0);
static TRIMS: AtomicUsize = AtomicUsize::new(0);

/// Counts of all big stacks of the process. Each is right by itself; they are not read at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Stacks outside the pools: in use, or in a thread's cache (a few each).
    pub live: usize,
    /// Stacks ever made. None is unmade.
    pub allocated: usize,
    /// Free stacks in the pools.
    pub pooled: usize,
    /// How often a stack's excess was returned to the kernel. (How many bytes that was, only a second system call could tell,
    /// and it takes twice the time of the first.)
    pub trims: usize,
}

/// The counts now. Three atomic loads.
pub fn stats() -> Stats {
    // `allocated` only grows, so the later read of it is the larger one.
    let pooled = POOLED.load(Ordering::Relaxed);
    let allocated = ALLOCATED.load(Ordering::Relaxed);
    Stats { live: allocated.saturating_sub(pooled), allocated, pooled, trims: TRIMS.load(Ordering::Relaxed) }
}

/// Free stacks of one class, each by its `hi`.
pub(super) struct Pool {
    /// As their last owners left them, the longest free first. Used first.
    hot: List<usize>,
    /// How few of these there were since the last decay: so many were not needed.
    idle: usize,
    /// With their top resident, perhaps. Used next.
    warm: List<usize>,
    /// With nothing resident.
    cold: List<usize>,
    /// Under `fence`: inaccessible.
    fenced: Quarantine<usize, QUARANTINE>,
    /// The parts of chunks that no slot was cut from yet, none of them empty.
    uncut: List<Range<usize>>,
    /// Bytes of the newest chunk.
    chunk: usize,
    /// Slots in all chunks.
    slots: usize,
}

pub(super) static POOLS: [Mutex<Pool>; CLASSES] = [const {
    Mutex::new(Pool {
        hot: tables::list(),
        idle: 0,
        warm: tables::list(),
        cold: tables::list(),
        fenced: Quarantine::new(),
        uncut: tables::list(),
        chunk: 0,
        slots: 0,
    })
}; CLASSES];

fn lock(class: Class) -> MutexGuard<'static, Pool> {
    POOLS[class.index()].lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn pop(&mut self) -> Option<usize> {
        let hi = match self.hot.pop() {
            Some(hi) => {
                self.idle = self.idle.min(self.hot.len());
                hi
            }
            None => self.warm.pop().or_else(|| self.cold.pop())?,
        };
        POOLED.fetch_sub(1, Ordering::Relaxed);
        arena::set_live(hi, true);
        Some(hi)
    }

    /// Makes a stack.
    fn cut(&mut self, class: Class) -> Result<usize, StackError> {
        if self.uncut.is_empty() {
            self.grow(class)?;
        }
        let uncut = self.uncut.last_mut().expect("there is one now");
        let start = uncut.start;
        // SAFETY: the page starts a slot of our chunk that nobody was given yet.
        unsafe { guard::close(start, PAGE) }.map_err(|source| match source.raw_os_error() {
            Some(libc::ENOMEM) => StackError::TooManyMappings { size: class.slot() - PAGE },
            _ => StackError::OutOfMemory { size: class.slot() - PAGE, source },
        })?;
        uncut.start += class.slot();
        if uncut.start == uncut.end {
            self.uncut.pop();
        }
        let hi = start + class.slot();
        ALLOCATED.fetch_add(1, Ordering::Relaxed);
        arena::set_live(hi, true);
        Ok(hi)
    }

    /// Reserves another chunk.
    fn grow(&mut self, class: Class) -> Result<(), StackError> {
        let chunk = arena::grow(class, self.chunk)?;
        self.chunk = chunk.len();
        self.slots += chunk.len() / class.slot();
        self.uncut.push(chunk);
        Ok(())
    }

    /// Files stacks that nobody owns any more, as they are.
    fn push_hot(&mut self, stacks: impl ExactSizeIterator<Item = usize>) {
        POOLED.fetch_add(stacks.len(), Ordering::Relaxed);
        self.hot.extend(stacks.inspect(|&hi| arena::set_live(hi, false)));
    }

    /// Files a stack that nobody owns any more: warm if some of its memory was kept.
    fn push(&mut self, hi: usize, kept: usize) {
        arena::set_live(hi, false);
        POOLED.fetch_add(1, Ordering::Relaxed);
        if kept > 0 { self.warm.push(hi) } else { self.cold.push(hi) }
    }

    /// Files a stack under `fence` and lets the oldest one back into use. A stack that cannot be opened again stays out.
    fn push_fenced(&mut self, hi: usize, class: Class) {
        arena::set_live(hi, false);
        if let Some(oldest) = self.fenced.exchange(hi) {
            let lo = class.lo(oldest);
            // SAFETY: the usable part of a free stack of this class.
            if unsafe { guard::open(lo, oldest - lo) }.is_ok() {
                self.push(oldest, 0);
            }
        }
    }
}

/// Sees to it that there are at least so many slots of this class, in use or not.
pub(super) fn ensure(class: Class, slots: usize) -> Result<(), StackError> {
    let mut pool = lock(class);
    while pool.slots < slots {
        pool.grow(class)?;
    }
    Ok(())
}

/// A stack from the pool of `class`, or a new one. The caller owns it.
pub(super) fn take(class: Class) -> Result<usize, StackError> {
    let mut pool = lock(class);
    match pool.pop() {
        Some(hi) => Ok(hi),
        None => pool.cut(class),
    }
}

/// Up to `into.len()` further stacks that are free already, for a cache; how many.
pub(super) fn take_free(class: Class, into: &mut [usize]) -> usize {
    let mut pool = lock(class);
    let mut taken = 0;
    while taken < into.len() {
        let Some(hi) = pool.pop() else { break };
        into[taken] = hi;
        taken += 1;
    }
    taken
}

/// Returns stacks that the caller owned to the pool of their class, as [`give`] does.
pub(super) fn give_all(stacks: impl ExactSizeIterator<Item = usize>, class: Class) {
    if DECAYS.load(Ordering::Relaxed) && !modes().fence {
        lock(class).push_hot(stacks);
    } else {
        stacks.for_each(|hi| give(hi, class));
    }
}

/// From now on [`decay`] is called, now and then: freed stacks keep their memory until it finds that nobody needs them.
pub(crate) fn expect_decay() {
    DECAYS.store(true, Ordering::Relaxed);
}

/// Returns to the kernel the memory of stacks that have lain in the pools since the last call. Whether some are left to look
/// at next time.
///
/// A program that frees stacks as fast as it needs new ones would otherwise pay for each twice: a system call to give the
/// memory back (1 us or more), and a page fault to get it again (0.7 us).
pub(crate) fn decay() -> bool {
    let mut left = false;
    for class in (0..CLASSES).map(Class::from_index) {
        left |= undisturbed(|| decay_class(class));
    }
    left
}

fn decay_class(class: Class) -> bool {
    let mut pool = lock(class);
    let count = pool.idle.min(DECAY_BATCH);
    let mut idle = tables::list();
    idle.extend(pool.hot.drain(..count));
    pool.idle = pool.hot.len();
    let left = pool.idle > 0;
    let warm = KEEP_WARM.saturating_sub(pool.warm.len()).min(count);
    // They are nobody's while the lock is not held: the system calls take long.
    drop(pool);
    if idle.is_empty() {
        return left;
    }
    for (index, &hi) in idle.iter().enumerate() {
        trim(hi, class, if index < warm { KEEP_BYTES } else { 0 });
    }
    let mut pool = lock(class);
    pool.warm.extend_from_slice(&idle[..warm]);
    pool.cold.extend_from_slice(&idle[warm..]);
    left
}

/// Returns a stack that the caller owned to the pool of its class, and its excess memory to the kernel: at once, or by and
/// by, if somebody sees to that.
pub(super) fn give(hi: usize, class: Class) {
    if DECAYS.load(Ordering::Relaxed) && !modes().fence {
        return lock(class).push_hot(std::iter::once(hi));
    }
    if modes().fence {
        trim(hi, class, 0);
        let lo = class.lo(hi);
        // SAFETY: the usable part of a stack that its owner just gave up.
        let closed = unsafe { guard::close(lo, hi - lo) };
        closed.expect("a fence needs a mapping on this kernel, and there are none left");
        lock(class).push_fenced(hi, class);
        return;
    }
    // The lock is not held across the system calls, so a few too many may be kept warm.
    let kept = if lock(class).warm.len() < KEEP_WARM { KEEP_BYTES } else { 0 };
    trim(hi, class, kept);
    lock(class).push(hi, kept);
}

/// Returns to the kernel what lies deeper than `keep` bytes below `hi`. The guard page stays what it is.
fn trim(hi: usize, class: Class, keep: usize) {
    let lo = class.lo(hi);
    let len = (hi - lo).saturating_sub(keep);
    if len > 0 {
        // SAFETY: the range is part of a stack that its owner gave up, and the next owner expects nothing of its contents. It is
        // mapped memory, so the call cannot fail but for memory locked by `mlockall`, which was not to be given back.
        unsafe { libc::madvise(lo as *mut _, len, libc::MADV_DONTNEED) };
        TRIMS.fetch_add(1, Ordering::Relaxed);
    }
}
