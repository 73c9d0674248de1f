//! The function table: what is known about each mapped function, found by program counter.
//!
//! Assembly files add entries to two link sections (`asm/macros.s`: `END` and `CALL`). The table is built from them once,
//! on first use, and is refused as a whole if an entry contradicts another or a chain of NOSPLIT functions could overflow
//! the slack below the guard: better at start-up than at some growth.

use super::chains;
use super::known::{Known, together};
use super::stackmap::StackMap;

pub use super::function::{CallSite, Function, TableError, flags};

/// The functions and call sites of a program, sorted by address.
#[derive(Debug, Default)]
pub struct Table {
    functions: Vec<Function>,
    sites: Vec<Site>,
    /// Return addresses, to `sites`.
    returns: PcIndex,
    /// Restart points, to `functions`.
    restarts: PcIndex,
}

/// A call site with the index of the function it is in.
#[derive(Clone, Debug)]
struct Site {
    call: CallSite,
    function: u32,
    quiet: bool,
}

/// A call as a walk finds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'t> {
    /// The function that the call is in.
    pub(super) function: &'t Function,
    pub(super) site: &'t CallSite,
    /// No map names a word of the frame at this call: nothing in it but the saved frame pointer can point into the stack.
    pub(super) quiet: bool,
}

/// Finds exact addresses in a step or two, where a walk looks up one for each frame: a hash table at most half full, with
/// linear probing. Address 0 marks an empty slot.
#[derive(Debug, Default)]
struct PcIndex {
    slots: Vec<(usize, u32)>,
}

impl PcIndex {
    fn new(addresses: impl ExactSizeIterator<Item = usize>) -> PcIndex {
        let mut index = PcIndex { slots: vec![(0, 0); (2 * addresses.len() + 1).next_power_of_two()] };
        for (value, address) in addresses.enumerate().filter(|(_, address)| *address != 0) {
            let at = index.slot_of(address);
            index.slots[at] = (address, value as u32);
        }
        index
    }

    /// Its slot, or the empty one where it belongs.
    #[inline]
    fn slot_of(&self, address: usize) -> usize {
        // Fibonacci hashing; the high half of the product depends on every bit of the address.
        let mut at = (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) & (self.slots.len() - 1);
        while self.slots[at].0 != address && self.slots[at].0 != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    #[inline]
    fn get(&self, address: usize) -> Option<usize> {
        if self.slots.is_empty() || address == 0 {
            return None;
        }
        let (found, value) = self.slots[self.slot_of(address)];
        (found == address).then_some(value as usize)
    }
}

impl Table {
    /// Sorts and checks.
    ///
    /// # Errors
    /// The first contradiction found, see [`TableError`].
    pub fn build(functions: Vec<Function>, calls: Vec<CallSite>) -> Result<Table, TableError> {
        let table = Table::without_chains(functions, calls)?;
        let calls = table.sites.iter().map(|s| (s.function as usize, &s.call));
        chains::check(&table.functions, calls, |_| true)?;
        Ok(table)
    }

    /// The same, but for the chains of NOSPLIT functions: those may lead to functions of another table.
    pub(super) fn without_chains(mut functions: Vec<Function>, mut calls: Vec<CallSite>) -> Result<Table, TableError> {
        functions.sort_by_key(|f| f.entry);
        for f in &functions {
            if f.end <= f.entry {
                return Err(TableError::Backwards { name: f.name, entry: f.entry, end: f.end });
            }
            check_map_length(f, "arguments", f.args_map, f.args)?;
            check_map_length(f, "locals", f.locals_map, f.frame)?;
        }
        for pair in functions.windows(2) {
            if pair[1].entry < pair[0].end {
                return Err(TableError::Overlap { first: pair[0].name, second: pair[1].name, at: pair[1].entry });
            }
        }
        calls.sort_by_key(|c| c.pc);
        let restarts = PcIndex::new(functions.iter().map(|f| f.restart));
        let sites = Vec::with_capacity(calls.len());
        let mut table = Table { functions, sites, returns: PcIndex::default(), restarts };
        for call in calls {
            // A return address belongs to the call before it, which may be a function's last instruction.
            let Some(function) = table.index_of(call.pc.wrapping_sub(1)) else {
                return Err(TableError::StrayCall { pc: call.pc, line: call.line });
            };
            let f = &table.functions[function];
            if table.sites.last().is_some_and(|s| s.call.pc == call.pc) {
                return Err(TableError::DuplicateCall { name: f.name, pc: call.pc });
            }
            for (kind, map) in [("arguments", f.args_map), ("locals", f.locals_map)] {
                if let Some(map) = map
                    && call.map >= map.count()
                {
                    let (name, line, count) = (f.name, call.line, map.count());
                    return Err(TableError::NoSuchMap { name, line, map: call.map, kind, count });
                }
            }
            let quiet = is_quiet(f.locals_map, f.frame, call.map) && is_quiet(f.args_map, f.args, call.map);
            table.sites.push(Site { call, function: function as u32, quiet });
        }
        // A walk must not find a jump where it looks for a call. 0 is nobody's address.
        table.returns = PcIndex::new(table.sites.iter().map(|s| if s.call.is_call() { s.call.pc } else { 0 }));
        Ok(table)
    }

    /// A table of functions that are to be added to those that are `known`, which may be called from there.
    #[cfg_attr(not(feature = "code"), allow(dead_code, reason = "only that registers functions"))]
    pub(crate) fn beside(known: &Known, functions: Vec<Function>, calls: Vec<CallSite>) -> Result<Table, TableError> {
        let table = Table::without_chains(functions, calls)?;
        let (all, calls) = together(known, &table);
        let is_new = |f: &Function| table.functions.binary_search_by_key(&f.entry, |f| f.entry).is_ok();
        chains::check(&all, calls.iter().map(|(f, call)| (*f, call)), is_new)?;
        Ok(table)
    }

    /// All functions, by address.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// All call sites with the function each is in, by address; jumps out of functions ([`CallSite::is_call`]) among them.
    pub fn calls(&self) -> impl Iterator<Item = (&Function, &CallSite)> {
        self.sites.iter().map(|s| (&self.functions[s.function as usize], &s.call))
    }

    fn index_of(&self, pc: usize) -> Option<usize> {
        let after = self.functions.partition_point(|f| f.entry <= pc);
        let index = after.checked_sub(1)?;
        (pc < self.functions[index].end).then_some(index)
    }

    /// The function whose code contains `pc`.
    pub fn find_function(&self, pc: usize) -> Option<&Function> {
        self.index_of(pc).map(|i| &self.functions[i])
    }

    /// The function whose check returns to `pc` after it failed.
    #[inline]
    pub fn find_restart(&self, pc: usize) -> Option<&Function> {
        Some(&self.functions[self.restarts.get(pc)?])
    }

    /// The call that returns to `pc`, and the function it is in.
    pub fn find_call(&self, pc: usize) -> Option<(&Function, &CallSite)> {
        self.look_up(pc).map(|found| (found.function, found.site))
    }

    /// The same with what a walk wants to know besides.
    #[inline]
    pub(super) fn look_up(&self, pc: usize) -> Option<Found<'_>> {
        let Site { call, function, quiet } = &self.sites[self.returns.get(pc)?];
        Some(Found { function: &self.functions[*function as usize], site: call, quiet: *quiet })
    }
}

/// Whether bitmap `index` of an area of `bytes` bytes names no word. An area that should have a map and has none is not quiet:
/// who looks at it finds that out.
fn is_quiet(map: Option<StackMap>, bytes: u32, index: u32) -> bool {
    match map {
        Some(map) => {
            let mut quiet = true;
            map.for_each(index, |_| quiet = false).is_some() && quiet
        }
        None => bytes == 0,
    }
}

fn check_map_length(f: &Function, kind: &'static str, map: Option<StackMap>, bytes: u32) -> Result<(), TableError> {
    // Go does not round the size of arguments and results up: the last word may be begun only.
    let (bits, words) = (map.map_or(0, |m| m.bits()), bytes.div_ceil(8) as usize);
    if bits > words { Err(TableError::MapTooLong { name: f.name, kind, bits, words }) } else { Ok(()) }
}
