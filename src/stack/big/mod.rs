//! Big stacks: what foreign (plainly compiled) code runs on.
//!
//! Foreign code checks nothing, so its stack must be large, stay where it is, and end in a page that faults. It must also
//! be cheap by the million, which rules out a mapping (or two) per stack: the kernel allows 65 530 per process.
//!
//! ```text
//!   chunk: one mapping, aligned to the slot size, never unmapped
//!   +--------------------+--------------------+-- - - --+--------+
//!   | slot               | slot               |         | states |   one byte per slot: is it live?
//!   +--------------------+--------------------+-- - - --+--------+
//!   |guard|   usable     |
//!   ^     ^              ^
//!   slot  lo             hi = slot + slot size
//! ```
//!
//! - A slot's size is a power of two and its address a multiple of it, so all about a stack follows from any address in it.
//!   Each power of two is a class with chunks and a pool of its own; the default size is merely the busiest one.
//! - Memory is committed by the page when touched; the size asked for costs address space only.
//! - The guard page is made without a mapping where the kernel can (`guard.rs`).
//! - A freed stack goes to a cache of its thread (`cache.rs`), from there to the pool of its class (`pool.rs`), where all
//!   but its hot end is returned to the kernel. Chunks stay: address space is not worth the races of giving it back.
//!
//! One guard page stops code that touches every page on its way down: Rust always, C with `-fstack-clash-protection`.
//! Other C can step over it with a frame of more than a page, as it can on any thread's stack.

mod arena;
mod cache;
#[cfg(feature = "corosensei")]
mod corosensei;
mod guard;
mod pool;
mod promise;

use std::array;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU8, Ordering};

use super::debug::{POISON_BYTE, modes};
use super::error::StackError;
use super::layout::PAGE;
use super::locked;
use super::split::undisturbed;
use arena::{CLASSES, Class};

pub(crate) use arena::is_big;
pub use arena::{GuardHit, guard_at};
pub use cache::BigCache;
#[doc(hidden)]
pub use guard::use_mprotect;
pub use pool::{KEEP_BYTES, KEEP_WARM, Stats, stats};
pub(crate) use pool::{decay, expect_decay};
pub(crate) use promise::{promise, unpromise};

/// While it lives, no other thread is in the pools.
pub(super) struct Locked {
    _pools: [MutexGuard<'static, pool::Pool>; CLASSES],
    /// Taken under those.
    _arena: MutexGuard<'static, ()>,
}

impl Locked {
    pub(super) fn new() -> Locked {
        Locked { _pools: array::from_fn(|class| locked(&pool::POOLS[class])), _arena: locked(&arena::APPENDING) }
    }
}

/// Usable bytes of a stack when nobody says otherwise: a slot of 256 KB less its guard page. Ten times what the hungriest
/// calls of libc and std were measured to take (`getaddrinfo` 16 KB, a backtrace with names 24 KB), and a million take
/// 256 GB of the 128 TB address space.
///
/// In a split build few stacks are big, and each serves many tasks' foreign calls: 8 MB, as a process's first thread has.
pub const DEFAULT_SIZE: usize = if cfg!(morestack_split) { 8 << 20 } else { 256 << 10 } - PAGE;

/// The class of default stacks, as log2 of the slot size; 0 until it is decided.
static DEFAULT_CLASS: AtomicU8 = AtomicU8::new(0);

/// The least that `RUST_MIN_STACK` can make of the default. As for std's threads, `PTHREAD_STACK_MIN`: on less, a task dies of its
/// first message. In a split build, where default stacks serve foreign calls, so much that there is room for the unwinder, for
/// checked code that foreign code calls, and for what that calls of foreign code ([`split`](super::split)).
pub const MIN_DEFAULT_SIZE: usize = if cfg!(morestack_split) { (1 << 20) - PAGE } else { libc::PTHREAD_STACK_MIN };

/// Whether a stack of that size is larger than one for which no size is given.
///
/// # Errors
/// As [`BigStack::new`] for a size that no stack has.
pub(crate) fn exceeds_default(size: usize) -> Result<bool, StackError> {
    Ok(Class::for_size(size)? > default_class()?)
}

/// Decides the default size in bytes, unless the environment or an earlier decision already did: `RUST_MIN_STACK` wins, and
/// the first stack of the default size fixes it for good, because addresses are handed around without a size.
/// Builds with few big stacks ask for larger ones here.
///
/// # Errors
/// [`StackError::BadSize`] if the size is impossible, [`StackError::BadMinStack`] if the one in `RUST_MIN_STACK` is.
pub fn set_default_size(size: usize) -> Result<(), StackError> {
    decide_default(size).map(drop)
}

/// The class of stacks for which no size is given. An atomic load once it is decided.
#[inline]
fn default_class() -> Result<Class, StackError> {
    match Class::from_shift(DEFAULT_CLASS.load(Ordering::Relaxed)) {
        Some(class) => Ok(class),
        None => decide_default(DEFAULT_SIZE),
    }
}

/// Decides the default size, if nobody has.
///
/// # Errors
/// As [`set_default_size`].
#[cfg(morestack_split)]
pub(super) fn default_is_possible() -> Result<(), StackError> {
    default_class().map(drop)
}

/// As in std, a `RUST_MIN_STACK` that is no number is as good as none, and one below [`MIN_DEFAULT_SIZE`], 0 included, means that.
#[cold]
fn decide_default(fallback: usize) -> Result<Class, StackError> {
    let asked = std::env::var("RUST_MIN_STACK").ok().and_then(|s| s.parse::<usize>().ok());
    let class = match asked {
        Some(asked) => Class::for_size(asked.max(MIN_DEFAULT_SIZE)).map_err(StackError::in_min_stack)?,
        None if cfg!(morestack_split) => Class::for_size(fallback)?.max(Class::for_size(MIN_DEFAULT_SIZE)?),
        None => Class::for_size(fallback)?,
    };
    match DEFAULT_CLASS.compare_exchange(0, class.shift(), Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Ok(class),
        Err(earlier) => Ok(Class::from_shift(earlier).unwrap_or(class)),
    }
}

/// A big stack, owned: its memory between [`lo`](Self::lo) and [`hi`](Self::hi) is the owner's until it is dropped.
///
/// Its contents are unspecified: fresh memory is zero, that of a stack used before is not.
#[derive(Debug)]
pub struct BigStack {
    /// One past the highest usable address; the end of a live slot of `class`.
    hi: usize,
    class: Class,
}

impl BigStack {
    /// A stack of at least `size` usable bytes, or of the default size: `RUST_MIN_STACK` bytes if that variable is set
    /// ([`MIN_DEFAULT_SIZE`] at least), else [`DEFAULT_SIZE`]. The guard page comes on top, and the sum is rounded up to a power of two of at least 8 KB.
    ///
    /// Costs a few nanoseconds when this thread's [`BigCache`] holds one (default size only), a lock when the pool does, a
    /// system call for a new one.
    ///
    /// # Errors
    /// [`StackError::BadSize`] for 0 bytes and for 1 TB or more, [`StackError::BadMinStack`] for as much in that variable,
    /// [`StackError::OutOfMemory`] if no address space is left, [`StackError::TooManyMappings`] on kernels before 6.13 at
    /// their limit on mappings.
    #[inline]
    pub fn new(size: Option<usize>) -> Result<BigStack, StackError> {
        let (hi, class) = match size {
            None => {
                let class = default_class()?;
                (undisturbed(|| cache::alloc(class))?, class)
            }
            Some(size) => {
                let class = Class::for_size(size)?;
                (undisturbed(|| pool::take(class))?, class)
            }
        };
        poison(hi);
        Ok(BigStack { hi, class })
    }

    /// The lowest usable address. The guard page lies below it.
    #[inline]
    pub fn lo(&self) -> usize {
        self.class.lo(self.hi)
    }

    /// One past the highest usable address; a multiple of [`PAGE`].
    #[inline]
    pub fn hi(&self) -> usize {
        self.hi
    }

    /// Usable bytes, `hi - lo`.
    #[inline]
    pub fn size(&self) -> usize {
        self.hi - self.lo()
    }

    /// Gives up ownership for the one word that assembly carries. [`BigStack::from_hi`] takes it back.
    ///
    /// # Panics
    /// If the stack is not of the default size: the word could not tell its size.
    #[inline]
    pub fn into_hi(self) -> usize {
        assert_eq!(
            self.class.shift(),
            DEFAULT_CLASS.load(Ordering::Relaxed),
            "only a stack of the default size can be passed around as one word"
        );
        let hi = self.hi;
        std::mem::forget(self);
        hi
    }

    /// Takes back the stack that [`BigStack::into_hi`] gave up.
    ///
    /// # Safety
    /// `hi` came from `into_hi`, and ownership was not taken back since.
    #[inline]
    pub unsafe fn from_hi(hi: usize) -> BigStack {
        let class = Class::from_shift(DEFAULT_CLASS.load(Ordering::Relaxed));
        // SAFETY: `into_hi` returned, so the default class is decided; that never changes again.
        BigStack { hi, class: unsafe { class.unwrap_unchecked() } }
    }
}

impl Drop for BigStack {
    #[inline]
    fn drop(&mut self) {
        poison(self.hi);
        undisturbed(|| {
            if self.class.shift() == DEFAULT_CLASS.load(Ordering::Relaxed) {
                cache::free(self.hi, self.class);
            } else {
                pool::give(self.hi, self.class);
            }
        });
    }
}

/// Under the debug mode `poison`: fills the top page. The rest is left alone, since touching it would commit it.
#[inline]
fn poison(hi: usize) {
    if modes().poison {
        // SAFETY: the top page of a stack, which has at least one, that is owned here and that nobody runs on.
        unsafe { std::ptr::write_bytes((hi - PAGE) as *mut u8, POISON_BYTE, PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_at_least_what_was_asked_for() {
        for asked in [1, 4096, 4097, 8192, 100_000, 1 << 20, 3 << 30] {
            let stack = BigStack::new(Some(asked)).unwrap();
            assert!(stack.size() >= asked && stack.size() < 2 * (asked + 2 * PAGE), "{asked}: {}", stack.size());
            assert_eq!((stack.hi() % PAGE, stack.lo() % PAGE), (0, 0));
        }
        for absurd in [0, 1 << 40, usize::MAX] {
            assert!(matches!(BigStack::new(Some(absurd)), Err(StackError::BadSize { .. })), "{absurd}");
        }
    }

    #[test]
    fn guard_at_knows_the_guard_page_and_nothing_else() {
        let stack = BigStack::new(Some(64 * 1024)).unwrap();
        let hit = GuardHit { lo: stack.lo(), hi: stack.hi() };
        assert_eq!(guard_at(stack.lo() - 1), Some(hit));
        assert_eq!(guard_at(stack.lo() - PAGE), Some(hit));
        assert_eq!(guard_at(stack.lo()), None);
        assert_eq!(guard_at(stack.hi() - 1), None);
        assert_eq!(guard_at(&raw const hit as usize), None);
        let lo = stack.lo();
        drop(stack);
        assert_eq!(guard_at(lo - 1), None, "a freed stack cannot overflow");
    }

    #[test]
    fn one_word_stands_for_a_default_stack() {
        let stack = BigStack::new(None).unwrap();
        let (lo, hi) = (stack.lo(), stack.hi());
        let word = stack.into_hi();
        // SAFETY: `word` is the stack given up above.
        let back = unsafe { BigStack::from_hi(word) };
        assert_eq!((back.lo(), back.hi()), (lo, hi));
    }
}
