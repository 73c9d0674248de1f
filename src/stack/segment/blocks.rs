//! Where segments up to 128 KB come from: blocks of 2 MB, handed out in runs of 64 KB units.
//!
//! ```text
//! arena   64 MB, one mapping (neighbouring arenas merge into one)
//! block   2 MB, the size and alignment of a huge page; 32 units
//! unit    64 KB: a slab of small segments (slab.rs), or part of a run
//! run     1 or 2 units, aligned to its size: one segment of 64 or 128 KB
//! ```
//!
//! The first [`PLAIN_BLOCKS`] are made of ordinary pages, so that a program with a few tasks is charged for those few; the
//! later ones of huge pages, which cost a third of the time (2 MB: 66 us as one page, 220 us as 512 populated ones, 530 us as
//! 512 faults; all of it more on memory the machine has not used lately, where a huge page costs 200 us).
//!
//! All of this is metadata out of line, under the lock of its owner.

use super::os::{self, HUGE};
use super::ring::Lists;
use crate::stack::StackError;
use crate::stack::layout::PAGE;
use crate::stack::stats::COUNTERS;
use crate::stack::tables::{self, List};

/// Bytes of a unit: a slab's 32 smallest segments fit one word of bits, and 32 units fit a block.
pub(super) const UNIT: usize = 64 << 10;

const BLOCK: usize = HUGE;

/// Largest run. From the double of it on, moving pages is cheaper than copying bytes (`large.rs`).
pub(super) const RUN_MAX: usize = 2 * UNIT;

/// Bytes reserved at a time. A million segments of 2 KB take 32 mappings at most; address space is all that it costs.
const ARENA: usize = 64 << 20;

/// Blocks of ordinary pages that are made before huge pages are used: from 16 MB on, the part of a huge page that is not
/// used yet is less than an eighth.
const PLAIN_BLOCKS: u32 = 8;

/// Bytes that may stay resident in free units, so that a pool that breathes does not fault: two blocks, for one of each kind.
const IDLE_MAX: usize = 2 * BLOCK;

/// Orders of runs: order `k` is `1 << k` units; the last is a whole block.
const ORDERS: usize = 6;

/// Lists per kind of block: by the order of the largest free run, and one for free blocks that hold no memory.
const EMPTY: usize = ORDERS;
const LISTS: usize = ORDERS + 1;

const PLAIN: usize = 0;
const HUGE_LISTS: usize = LISTS;

/// Not in a list: no unit is free.
const FULL: u8 = u8::MAX;

struct Block {
    base: usize,
    /// One bit per free unit.
    free: u32,
    /// One bit per unit that was handed out since the block's memory was last given back.
    resident: u32,
    /// [`PLAIN`] or [`HUGE_LISTS`], the first of this kind's lists. Fixed when the block is made.
    kind: u8,
    /// The list that it is in, or [`FULL`].
    list: u8,
}

struct Arena {
    base: usize,
    blocks: u32,
    first: u32,
}

/// A run of units, named by its first.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Number of the first unit, an index into tables of units.
    pub(super) unit: u32,
    pub(super) base: usize,
    /// Some of its memory has to be faulted in.
    pub(super) fresh: bool,
}

pub(super) struct Blocks {
    blocks: List<Block>,
    lists: Lists<{ 2 * LISTS }>,
    /// Sorted by address.
    arenas: List<Arena>,
    /// The part of the newest arena that no block was made of yet.
    virgin: std::ops::Range<usize>,
    /// Bytes in units that are free and resident.
    idle: usize,
}

/// One bit at the start of each aligned free run of `1 << order` units.
fn aligned_runs(free: u32, order: usize) -> u32 {
    const STARTS: [u32; ORDERS - 1] = [0x5555_5555, 0x1111_1111, 0x0101_0101, 0x0001_0001, 1];
    STARTS.iter().take(order).enumerate().fold(free, |runs, (k, starts)| runs & (runs >> (1 << k)) & starts)
}

fn run_mask(first: u32, order: usize) -> u32 {
    (u32::MAX >> (32 - (1 << order))) << first
}

impl Blocks {
    pub(super) const fn new() -> Blocks {
        Blocks { blocks: tables::list(), lists: Lists::new(), arenas: tables::list(), virgin: 0..0, idle: 0 }
    }

    /// Units in all blocks there are: the size that tables of units need.
    pub(super) fn units(&self) -> usize {
        self.blocks.len() * 32
    }

    /// Takes a run of `1 << order` units: from the fullest block that has one, and rather from ordinary pages.
    pub(super) fn take(&mut self, order: usize) -> Result<Run, StackError> {
        let partial = (PLAIN + order..PLAIN + ORDERS - 1).chain(HUGE_LISTS + order..HUGE_LISTS + ORDERS - 1);
        let whole = (PLAIN + ORDERS - 1..=PLAIN + EMPTY).chain(HUGE_LISTS + ORDERS - 1..=HUGE_LISTS + EMPTY);
        let index = match partial.chain(whole).find_map(|list| self.lists.first(list)) {
            Some(index) => index,
            None => self.make_block()?,
        };
        Ok(self.take_from(index, order))
    }

    fn take_from(&mut self, index: u32, order: usize) -> Run {
        let block = &mut self.blocks[index as usize];
        let first = aligned_runs(block.free, order).trailing_zeros();
        let mask = run_mask(first, order);
        debug_assert_eq!(block.free & mask, mask, "the block's list promised a free run");
        self.idle -= (block.resident & mask).count_ones() as usize * UNIT;
        let fresh = block.resident & mask != mask;
        block.free &= !mask;
        block.resident |= mask;
        let run = Run { unit: index * 32 + first, base: block.base + first as usize * UNIT, fresh };
        self.file(index);
        run
    }

    /// Takes back the run of `1 << order` units at `unit`; beyond the reserve, its memory goes back to the kernel.
    ///
    /// # Safety
    /// The run was taken with this order, and nothing refers to its memory any more.
    pub(super) unsafe fn put(&mut self, unit: u32, order: usize) {
        let (index, first) = (unit / 32, unit % 32);
        let mask = run_mask(first, order);
        let block = &mut self.blocks[index as usize];
        debug_assert_eq!(block.free & mask, 0, "a run is put back once");
        block.free |= mask;
        self.idle += UNIT << order;
        if self.idle > IDLE_MAX && block.free != u32::MAX {
            // SAFETY: the run is free (the caller's promise).
            unsafe { os::discard(block.base + first as usize * UNIT, UNIT << order) };
            block.resident &= !mask;
            self.idle -= UNIT << order;
            COUNTERS.bytes_returned.add(UNIT << order);
        }
        self.file(index);
        self.trim(IDLE_MAX);
    }

    /// Gives the memory of free blocks back until no more than `keep` bytes are idle, or no block is free.
    pub(super) fn trim(&mut self, keep: usize) {
        while self.idle > keep {
            let free = |kind| self.lists.first(kind + ORDERS - 1);
            let Some(index) = free(HUGE_LISTS).or_else(|| free(PLAIN)) else { return };
            let block = &mut self.blocks[index as usize];
            // SAFETY: a block in this list is free as a whole.
            unsafe { os::discard(block.base, BLOCK) };
            let bytes = block.resident.count_ones() as usize * UNIT;
            block.resident = 0;
            self.idle -= bytes;
            COUNTERS.bytes_returned.add(bytes);
            self.file(index);
        }
    }

    /// Puts a block into the list that it belongs to now.
    fn file(&mut self, index: u32) {
        let block = &mut self.blocks[index as usize];
        let list = match (0..ORDERS).rev().find(|&order| aligned_runs(block.free, order) != 0) {
            None => FULL,
            Some(_) if block.free == u32::MAX && block.resident == 0 => block.kind + EMPTY as u8,
            Some(order) => block.kind + order as u8,
        };
        let old = std::mem::replace(&mut block.list, list);
        if old == list {
            return;
        }
        if old != FULL {
            self.lists.remove(old as usize, index);
        }
        if list != FULL {
            self.lists.push(list as usize, index);
        }
    }

    fn make_block(&mut self) -> Result<u32, StackError> {
        if self.virgin.is_empty() {
            self.make_arena()?;
        }
        let base = self.virgin.start;
        self.virgin.start += BLOCK;
        let index = self.blocks.len() as u32;
        let kind = if index < PLAIN_BLOCKS { PLAIN } else { HUGE_LISTS };
        if kind != PLAIN {
            os::prefer_huge(base, BLOCK);
        }
        // Its room was reserved together with the arena.
        self.blocks.push(Block { base, free: u32::MAX, resident: 0, kind: kind as u8, list: FULL });
        self.file(index);
        Ok(index)
    }

    /// Reserves address space: an arena, or as much of one as the process may have.
    fn make_arena(&mut self) -> Result<(), StackError> {
        let mut len = ARENA;
        let base = loop {
            match os::reserve_aligned(len) {
                Ok(base) => break base,
                Err(_) if len > BLOCK => len /= 2,
                Err(source) => return Err(StackError::OutOfMemory { size: BLOCK, source }),
            }
        };
        let blocks = len / BLOCK;
        let total = self.blocks.len() + blocks;
        let room = self
            .lists
            .grow_to(total)
            .and_then(|()| self.blocks.try_reserve(blocks))
            .and_then(|()| self.arenas.try_reserve(1));
        if room.is_err() {
            // SAFETY: mapped just above and not handed out.
            unsafe { os::unmap(base, len) };
            return Err(StackError::OutOfMemory { size: BLOCK, source: std::io::ErrorKind::OutOfMemory.into() });
        }
        let at = self.arenas.partition_point(|arena| arena.base < base);
        self.arenas.insert(at, Arena { base, blocks: blocks as u32, first: self.blocks.len() as u32 });
        self.virgin = base..base + len;
        COUNTERS.arenas.add(1);
        COUNTERS.bytes_reserved.add(len);
        Ok(())
    }

    /// The unit that an address of a segment lies in.
    ///
    /// # Panics
    /// If the address is in no arena: it is no segment's.
    pub(super) fn unit_of(&self, address: usize) -> u32 {
        let at = self.arenas.partition_point(|arena| arena.base <= address);
        let arena = &self.arenas[at.checked_sub(1).expect("an address of an arena")];
        let unit = (address - arena.base) / UNIT;
        assert!(unit < arena.blocks as usize * 32, "{address:#x} is in no arena");
        arena.first * 32 + unit as u32
    }

    /// Where a unit begins.
    pub(super) fn base_of(&self, unit: u32) -> usize {
        self.blocks[unit as usize / 32].base + unit as usize % 32 * UNIT
    }
}

const _: () = assert!(BLOCK == 32 * UNIT && UNIT.is_multiple_of(PAGE));
