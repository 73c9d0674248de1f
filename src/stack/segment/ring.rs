//! Doubly linked lists over the indices of a table: out of any list and into another in constant time, eight bytes an item.

use crate::stack::tables::{self, List, TryReserveError};

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
}

/// `N` lists over items `0..len`. An item is in one list at most; which one is for the owner to remember.
pub(super) struct Lists<const N: usize> {
    heads: [u32; N],
    links: List<Link>,
}

impl<const N: usize> Lists<N> {
    pub(super) const fn new() -> Self {
        Lists { heads: [NONE; N], links: tables::list() }
    }

    /// Room for items `0..len`.
    pub(super) fn grow_to(&mut self, len: usize) -> Result<(), TryReserveError> {
        self.links.try_reserve(len - self.links.len())?;
        self.links.resize(len, Link { prev: NONE, next: NONE });
        Ok(())
    }

    pub(super) fn first(&self, list: usize) -> Option<u32> {
        let head = self.heads[list];
        (head != NONE).then_some(head)
    }

    /// Puts `item`, which is in no list, at the front.
    pub(super) fn push(&mut self, list: usize, item: u32) {
        let next = std::mem::replace(&mut self.heads[list], item);
        self.links[item as usize] = Link { prev: NONE, next };
        if next != NONE {
            self.links[next as usize].prev = item;
        }
    }

    /// Takes `item` out of `list`, which it is in.
    pub(super) fn remove(&mut self, list: usize, item: u32) {
        let Link { prev, next } = self.links[item as usize];
        match prev {
            NONE => self.heads[list] = next,
            prev => self.links[prev as usize].next = next,
        }
        if next != NONE {
            self.links[next as usize].prev = prev;
        }
    }
}
