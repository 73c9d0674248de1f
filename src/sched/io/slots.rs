//! Which sources are registered with a poller: places with generations, whose numbers are what the kernel hands back.

use super::Source;
use mio::Token;
use std::io;
use std::sync::Arc;

/// The generation's bits in a token stand above those of the place.
const PLACE_BITS: u32 = u32::BITS;

struct Slot {
    /// How often this place was given back.
    generation: u32,
    source: Option<Arc<Source>>,
}

#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    closed: bool,
}

impl Slots {
    /// Takes a source in.
    ///
    /// # Errors
    /// The poller is gone.
    pub(super) fn insert(&mut self, source: Arc<Source>) -> io::Result<Token> {
        if self.closed {
            return Err(io::Error::other("the runtime whose task waits for this socket is shut down"));
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, source: None });
            // There are fewer descriptors than this.
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[place as usize];
        slot.source = Some(source);
        Ok(Token(place as usize | (slot.generation as usize) << PLACE_BITS))
    }

    /// The source of a token, if it is still registered.
    pub(super) fn get(&self, token: Token) -> Option<&Arc<Source>> {
        let slot = self.slots.get(token.0 as u32 as usize)?;
        slot.source.as_ref().filter(|_| slot.generation == (token.0 >> PLACE_BITS) as u32)
    }

    /// Takes a source out. To be dropped outside the lock.
    pub(super) fn remove(&mut self, token: Token) -> Option<Arc<Source>> {
        self.get(token)?;
        let place = token.0 as u32;
        let slot = &mut self.slots[place as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(place);
        slot.source.take()
    }

    /// All that are registered.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.slots.iter().filter_map(|slot| slot.source.as_ref())
    }

    /// Takes all out, and no more in.
    pub(super) fn close(&mut self) -> Vec<Arc<Source>> {
        self.closed = true;
        self.free = Vec::new();
        std::mem::take(&mut self.slots).into_iter().filter_map(|slot| slot.source).collect()
    }
}
