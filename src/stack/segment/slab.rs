//! Small segments: 2 to 32 KB, carved from slabs of one unit (64 KB) each.
//!
//! A slab holds segments of one size and has a bit for each that is free, as jemalloc's do; Go's stack pools keep a count
//! and a chain instead. Bits are out of line, so a free segment's memory is never touched: it costs no fault, it can be given
//! back to the kernel, and a write through a stale pointer cannot break a list.

use super::blocks::{Blocks, UNIT};
use super::ring::Lists;
use crate::stack::StackError;
use crate::stack::layout::{POOL_CLASSES, STACK_MIN};
use crate::stack::stats::COUNTERS;
use crate::stack::tables::{self, List};

const _: () = assert!(UNIT / STACK_MIN <= 32, "a slab's segments fit a word of bits");

pub(super) const fn class_size(class: usize) -> usize {
    STACK_MIN << class
}

/// Bits of a slab with all its segments free.
const fn all_free(class: usize) -> u32 {
    u32::MAX >> (32 - UNIT / class_size(class))
}

/// What is known of a unit while it is a slab.
#[derive(Clone, Copy)]
struct Slab {
    /// One bit per free segment.
    free: u32,
    /// One bit per segment that was handed out since this became a slab: its memory is there.
    touched: u32,
    class: u8,
}

/// Fresh memory among the segments handed out: `[lo, hi)`, worth populating in one go.
pub(super) type Fresh = std::ops::Range<usize>;

pub(super) struct Slabs {
    pub(super) blocks: Blocks,
    /// By number of unit.
    slabs: List<Slab>,
    /// Slabs with free segments, by class.
    partial: Lists<POOL_CLASSES>,
}

impl Slabs {
    pub(super) const fn new() -> Slabs {
        Slabs { blocks: Blocks::new(), slabs: tables::list(), partial: Lists::new() }
    }

    /// Fills `into` with segments of one slab, and says how many it got (one at least) and which memory is fresh.
    pub(super) fn take(&mut self, class: usize, into: &mut [usize]) -> Result<(usize, Fresh), StackError> {
        let unit = match self.partial.first(class) {
            Some(unit) => unit,
            None => self.make_slab(class)?,
        };
        let base = self.blocks.base_of(unit);
        let slab = &mut self.slabs[unit as usize];
        let (mut count, mut taken) = (0, 0);
        for slot in into {
            if slab.free == 0 {
                break;
            }
            let bit = slab.free.trailing_zeros();
            slab.free &= slab.free - 1;
            taken |= 1 << bit;
            *slot = base + bit as usize * class_size(class);
            count += 1;
        }
        let fresh = taken & !slab.touched;
        slab.touched |= taken;
        if slab.free == 0 {
            self.partial.remove(class, unit);
        }
        let at = |bit: u32| base + bit as usize * class_size(class);
        Ok((count, if fresh == 0 { 0..0 } else { at(fresh.trailing_zeros())..at(32 - fresh.leading_zeros()) }))
    }

    /// Takes back the segment at `lo`. A slab whose segments are all free becomes a free unit.
    ///
    /// # Safety
    /// The segment came from [`take`](Slabs::take) with this class, and nothing refers to its memory any more.
    pub(super) unsafe fn put(&mut self, class: usize, lo: usize) {
        let unit = self.blocks.unit_of(lo);
        let slab = &mut self.slabs[unit as usize];
        debug_assert_eq!(usize::from(slab.class), class, "a segment goes back with the size it had");
        let bit = 1 << (lo % UNIT / class_size(class));
        debug_assert_eq!(slab.free & bit, 0, "a segment is put back once");
        let was_full = slab.free == 0;
        slab.free |= bit;
        if slab.free == all_free(class) {
            if !was_full {
                self.partial.remove(class, unit);
            }
            COUNTERS.slabs_returned.add(1);
            // SAFETY: no segment of this unit is handed out any more.
            unsafe { self.blocks.put(unit, 0) };
        } else if was_full {
            self.partial.push(class, unit);
        }
    }

    fn make_slab(&mut self, class: usize) -> Result<u32, StackError> {
        let run = self.blocks.take(0)?;
        let units = self.blocks.units();
        if units > self.slabs.len() {
            let room = self.slabs.try_reserve(units - self.slabs.len()).and_then(|()| self.partial.grow_to(units));
            if room.is_err() {
                // SAFETY: taken just above and not handed out.
                unsafe { self.blocks.put(run.unit, 0) };
                let source = std::io::ErrorKind::OutOfMemory.into();
                return Err(StackError::OutOfMemory { size: class_size(class), source });
            }
            self.slabs.resize(units, Slab { free: 0, touched: 0, class: 0 });
        }
        self.slabs[run.unit as usize] = Slab { free: all_free(class), touched: 0, class: class as u8 };
        self.partial.push(class, run.unit);
        COUNTERS.slabs_made.add(1);
        Ok(run.unit)
    }
}
