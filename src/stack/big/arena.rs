//! Address space for big stacks: classes of slots, the chunks they are cut from, and the question whose guard page an
//! address is in.
//!
//! Chunks are registered in a fixed table of atomics that only grows, so that [`guard_at`] can read it from a signal
//! handler while another thread appends to it.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::stack::error::StackError;
use crate::stack::layout::PAGE;

/// log2 of the smallest slot: the guard page and one usable page.
const MIN_SHIFT: u8 = 13;

/// log2 of the largest slot, 1 TB. A hundred of them fit the address space; who asks for more has made a mistake.
const MAX_SHIFT: u8 = 40;

/// Number of classes.
pub(super) const CLASSES: usize = (MAX_SHIFT - MIN_SHIFT + 1) as usize;

/// Bytes of a class's first chunk, if a slot is not larger. Each further chunk is twice as large, so the number of mappings
/// grows with the logarithm of the number of stacks.
const FIRST_CHUNK: usize = 16 << 20;

/// Where doubling ends: 64 GB, a quarter of a million default stacks. Larger steps would save no mapping worth the name and
/// take address space from others.
const LAST_CHUNK: usize = 64 << 30;

/// Room in the table. A class reaches `LAST_CHUNK` after 13 chunks; the rest is for processes whose address space is
/// limited, where chunks come out smaller than asked for.
const MAX_CHUNKS: usize = 1024;

/// Slots of one size; holds log2 of it, within the two limits above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(u8);

impl Class {
    /// The smallest class whose slots have `size` bytes beside the guard page.
    pub(super) fn for_size(size: usize) -> Result<Class, StackError> {
        let max = (1 << MAX_SHIFT) - PAGE;
        if size == 0 || size > max {
            return Err(StackError::BadSize { size, min: 1, max });
        }
        let shift = (size + PAGE).next_power_of_two().trailing_zeros() as u8;
        Ok(Class(shift.max(MIN_SHIFT)))
    }

    /// The class with slots of `1 << shift` bytes; `None` for 0, which stands for no class.
    #[inline]
    pub(super) fn from_shift(shift: u8) -> Option<Class> {
        (shift != 0).then_some(Class(shift))
    }

    #[inline]
    pub(super) fn shift(self) -> u8 {
        self.0
    }

    /// Bytes of a slot, guard page included.
    #[inline]
    pub(super) fn slot(self) -> usize {
        1 << self.0
    }

    /// Lowest usable address of the slot that ends at `hi`.
    #[inline]
    pub(super) fn lo(self, hi: usize) -> usize {
        hi - self.slot() + PAGE
    }

    /// The class at this position among the [`CLASSES`].
    pub(super) fn from_index(index: usize) -> Class {
        debug_assert!(index < CLASSES);
        Class(index as u8 + MIN_SHIFT)
    }

    /// Position among the [`CLASSES`].
    pub(super) fn index(self) -> usize {
        usize::from(self.0 - MIN_SHIFT)
    }

    /// Bytes to ask for after a chunk of `last` bytes (0: none yet).
    fn next_chunk(self, last: usize) -> usize {
        (2 * last).clamp(FIRST_CHUNK, LAST_CHUNK).max(self.slot())
    }
}

/// A mapping full of slots: `base..end`, followed by one state byte per slot.
struct Chunk {
    base: AtomicUsize,
    end: AtomicUsize,
    shift: AtomicU8,
}

static CHUNKS: [Chunk; MAX_CHUNKS] =
    [const { Chunk { base: AtomicUsize::new(0), end: AtomicUsize::new(0), shift: AtomicU8::new(0) } }; MAX_CHUNKS];

/// How many of `CHUNKS` are filled in; a filled one never changes. Stored with Release after the entry, loaded with Acquire
/// before it.
static FILLED: AtomicUsize = AtomicUsize::new(0);

/// Held while an entry is appended.
pub(super) static APPENDING: Mutex<()> = Mutex::new(());

/// A slot found by an address in it.
struct Slot {
    start: usize,
    class: Class,
    state: &'static AtomicU8,
}

/// The slot that `addr` lies in, if it lies in one. Async-signal-safe.
fn slot_at(addr: usize) -> Option<Slot> {
    let filled = FILLED.load(Ordering::Acquire);
    CHUNKS[..filled].iter().find_map(|chunk| {
        let (base, end) = (chunk.base.load(Ordering::Relaxed), chunk.end.load(Ordering::Relaxed));
        if !(base..end).contains(&addr) {
            return None;
        }
        let class = Class(chunk.shift.load(Ordering::Relaxed));
        let state = end + ((addr - base) >> class.0);
        // SAFETY: `map_chunk` keeps a byte per slot, zero at first, from `end` on; chunks are never unmapped, and these bytes
        // are accessed as atomics only.
        let state = unsafe { AtomicU8::from_ptr(state as *mut u8) };
        Some(Slot { start: addr & !(class.slot() - 1), class, state })
    })
}

/// The overflowed stack that a fault address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardHit {
    /// Lowest usable address of the stack; the guard page ends here.
    pub lo: usize,
    /// One past the highest usable address.
    pub hi: usize,
}

impl GuardHit {
    /// Usable bytes of the stack.
    pub fn size(&self) -> usize {
        self.hi - self.lo
    }
}

/// The live big stack in whose guard page `addr` lies, if any. A stack is live from when it leaves the pool until it returns
/// there; the few in the threads' caches count as live.
///
/// Async-signal-safe: no locks, no allocation, a few dozen atomic loads at most.
pub fn guard_at(addr: usize) -> Option<GuardHit> {
    let slot = slot_at(addr)?;
    let lo = slot.start + PAGE;
    (addr < lo && slot.state.load(Ordering::Relaxed) != 0).then(|| GuardHit { lo, hi: slot.start + slot.class.slot() })
}

/// Whether the address lies in a big stack, live or not. Such an address never becomes anything else.
pub(crate) fn is_big(addr: usize) -> bool {
    slot_at(addr).is_some()
}

/// Records whether the slot that ends at `hi` is live.
pub(super) fn set_live(hi: usize, live: bool) {
    if let Some(slot) = slot_at(hi - 1) {
        slot.state.store(live.into(), Ordering::Relaxed);
    }
}

/// Reserves and registers a chunk of slots without guard pages, after one of `last` bytes (0: none yet). When the kernel
/// refuses the size, half of it will do, down to a single slot.
pub(super) fn grow(class: Class, last: usize) -> Result<Range<usize>, StackError> {
    let _appending = APPENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let index = FILLED.load(Ordering::Relaxed);
    let mut bytes = class.next_chunk(last);
    if index == MAX_CHUNKS {
        return Err(out_of_memory(class, io::Error::from_raw_os_error(libc::ENOMEM)));
    }
    let base = loop {
        match map_chunk(class, bytes) {
            Ok(base) => break base,
            Err(_) if bytes > class.slot() => bytes /= 2,
            Err(refusal) => return Err(out_of_memory(class, refusal)),
        }
    };
    let chunk = &CHUNKS[index];
    chunk.base.store(base, Ordering::Relaxed);
    chunk.end.store(base + bytes, Ordering::Relaxed);
    chunk.shift.store(class.0, Ordering::Relaxed);
    FILLED.store(index + 1, Ordering::Release);
    Ok(base..base + bytes)
}

/// Maps `bytes` (a multiple of the slot size) aligned to the slot size, and their state bytes behind.
fn map_chunk(class: Class, bytes: usize) -> io::Result<usize> {
    let len = bytes + (bytes >> class.0).next_multiple_of(PAGE);
    let padded = len + class.slot();
    let start = map(padded, libc::PROT_READ | libc::PROT_WRITE, place(padded))?;
    let base = start.next_multiple_of(class.slot());
    // SAFETY: the three ranges are parts of the fresh mapping, which nobody else knows; the two unmapped are used by none.
    // `munmap` can only fail at the limit on mappings, and then the padding stays reserved; `MADV_NOHUGEPAGE` fails where
    // there are no huge pages. A huge page would commit 2 MB at a stack's first touch.
    unsafe {
        if base > start {
            libc::munmap(start as *mut _, base - start);
        }
        libc::munmap((base + len) as *mut _, start + padded - (base + len));
        libc::madvise(base as *mut _, len, libc::MADV_NOHUGEPAGE);
    }
    Ok(base)
}

/// Where the next chunk is wished for; 0 for anywhere.
///
/// In a split build, in the lower part of the address space, below all that is mapped without a wish: calls lead from small segments
/// to big stacks and have to lead downwards, or gdb, which finds a frame above its caller's, takes the stack for corrupt and ends its
/// trace there. (It makes an exception for a function named `__morestack`, so the way back up, into segments, is free.)
fn place(len: usize) -> usize {
    /// Above what programs without position-independent code and their heaps take, and below where those with it begin (85 TB);
    /// from there on, 16 TB are chosen from at random.
    const LOWEST: usize = 16 << 40;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    if !cfg!(morestack_split) {
        return 0;
    }
    if NEXT.load(Ordering::Relaxed) == 0 {
        // SAFETY: the kernel gives each process 16 bytes at random, for its life.
        let random = unsafe {
            let bytes: *const u32 = std::ptr::with_exposed_provenance(libc::getauxval(libc::AT_RANDOM) as usize);
            if bytes.is_null() { 0 } else { bytes.read_unaligned() }
        };
        let first = LOWEST + random as usize * PAGE;
        let _ = NEXT.compare_exchange(0, first, Ordering::Relaxed, Ordering::Relaxed);
    }
    NEXT.fetch_add(len, Ordering::Relaxed)
}

/// A fresh private mapping that counts as committed only where it is touched, at `wish` if that is free.
fn map(len: usize, prot: libc::c_int, wish: usize) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: without MAP_FIXED, `mmap` takes nothing that is in use.
    let start = unsafe { libc::mmap(std::ptr::without_provenance_mut(wish), len, prot, flags, -1, 0) };
    if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(start as usize) }
}

/// Why not even one slot could be mapped. The kernel says ENOMEM for too many mappings too; then it refuses a single
/// inaccessible page as well.
fn out_of_memory(class: Class, source: io::Error) -> StackError {
    let size = class.slot() - PAGE;
    match map(PAGE, libc::PROT_NONE, 0) {
        Err(_) => StackError::TooManyMappings { size },
        Ok(page) => {
            // SAFETY: the page was mapped above and is used by none.
            unsafe { libc::munmap(page as *mut _, PAGE) };
            StackError::OutOfMemory { size, source }
        }
    }
}
