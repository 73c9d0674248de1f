//! The function table: what is known about each mapped function, found by program counter.
//!
//! Assembly files add entries to two link sections (`asm/macros.s`: `END` and `CALL`). The table is built from them once,
//! on first use, and is refused as a whole if an entry contradicts another or a chain of NOSPLIT functions could overflow
//! the slack below the guard: better at start-up than at some growth.

use super::layout::STACK_NOSPLIT;
use super::stackmap::StackMap;
use std::collections::HashMap;

/// Flags of a mapped function, with the values of Go's `textflag.h`.
pub mod flags {
    /// No check: the function runs in the slack below the guard.
    pub const NOSPLIT: u32 = 4;
    /// A bridge that traces hide.
    pub const WRAPPER: u32 = 32;
    /// The context register is live at entry.
    pub const NEEDCTXT: u32 = 64;
    /// No frame and no saved frame pointer; calls nothing.
    pub const NOFRAME: u32 = 512;
    /// Ends a stretch of mapped frames: what called it is not mapped.
    pub const TOPFRAME: u32 = 2048;
}

/// A mapped function. Addresses are the true ones, never a bridge's.
#[derive(Clone, Debug)]
pub struct Function {
    /// First instruction.
    pub entry: usize,
    /// One past the last instruction.
    pub end: usize,
    /// First instruction behind the check.
    pub body: usize,
    /// Where morestack returns to: a jump to the entry. 0 for a NOSPLIT function, which never calls it.
    pub restart: usize,
    /// Bytes of locals and outgoing arguments, without the saved BP.
    pub frame: u32,
    /// Bytes of arguments and results in the caller's frame.
    pub args: u32,
    /// See [`flags`].
    pub flags: u32,
    /// Line of its `TEXT` in `file`, 0 if unknown.
    pub line: u32,
    /// Symbol name.
    pub name: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Which argument and result words may point into the stack.
    pub args_map: Option<StackMap>,
    /// Which locals may.
    pub locals_map: Option<StackMap>,
}

impl Function {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Whether the function runs without a check.
    pub fn is_nosplit(&self) -> bool {
        self.has(flags::NOSPLIT)
    }

    /// Whether its caller is not mapped code.
    pub fn is_top(&self) -> bool {
        self.has(flags::TOPFRAME)
    }

    /// Bytes that its prologue takes: the frame and, unless NOFRAME, the saved BP.
    pub fn need(&self) -> usize {
        self.frame as usize + if self.has(flags::NOFRAME) { 0 } else { 8 }
    }
}

/// A call in mapped code, known by its return address.
#[derive(Clone, Debug)]
pub struct CallSite {
    /// The return address.
    pub pc: usize,
    /// Entry of the function called; `None` through a register or memory.
    pub callee: Option<usize>,
    /// Index of the stack maps in force (Go's `PCDATA_StackMapIndex`).
    pub map: u32,
    /// Source line, 0 if unknown.
    pub line: u32,
}

/// Why a set of functions is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// The end does not lie behind the entry.
    #[error("mapped function {name} ends at {end:#x}, which is not behind its entry {entry:#x}")]
    Backwards {
        /// Its name.
        name: &'static str,
        /// Its entry.
        entry: usize,
        /// Its end.
        end: usize,
    },
    /// Two functions share an address.
    #[error(
        "mapped functions {first} and {second} overlap at {at:#x}: one of them is registered twice or has a wrong end"
    )]
    Overlap {
        /// The one that begins first.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Entry of the second.
        at: usize,
    },
    /// A call site lies in no function.
    #[error(
        "a call with return address {pc:#x} (line {line}) lies in no mapped function: use CALL between TEXT and END only"
    )]
    StrayCall {
        /// Its return address.
        pc: usize,
        /// Its line.
        line: u32,
    },
    /// A return address is registered twice.
    #[error("the call in {name} with return address {pc:#x} is registered twice")]
    DuplicateCall {
        /// The function it is in.
        name: &'static str,
        /// The return address.
        pc: usize,
    },
    /// A call names a stack map that its function does not have.
    #[error("{name} line {line}: call with stack map {map}, but its {kind} have {count}")]
    NoSuchMap {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
        /// The index asked for.
        map: u32,
        /// `arguments` or `locals`.
        kind: &'static str,
        /// Maps there are.
        count: u32,
    },
    /// A map has more words than the area it describes.
    #[error("{name}: the map of its {kind} has {bits} words, the area has {words}")]
    MapTooLong {
        /// The function.
        name: &'static str,
        /// `arguments` or `locals`.
        kind: &'static str,
        /// Words in the map.
        bits: usize,
        /// Words in the area.
        words: usize,
    },
    /// A chain of NOSPLIT functions could run out of the slack.
    #[error(
        "NOSPLIT chain {chain} takes {bytes} bytes below the guard, {limit} are there: let one of its functions check \
         (drop NOSPLIT) or make their frames smaller"
    )]
    NosplitOverflow {
        /// The functions, outermost first, with what each takes.
        chain: String,
        /// Bytes in all, return addresses included.
        bytes: usize,
        /// [`STACK_NOSPLIT`].
        limit: usize,
    },
    /// A NOSPLIT function calls itself, directly or not.
    #[error("NOSPLIT chain {chain} calls itself: nothing bounds its stack")]
    NosplitRecursion {
        /// The functions of the circle.
        chain: String,
    },
    /// A NOSPLIT function calls through a pointer, so its chain has no bound.
    #[error("NOSPLIT function {name} calls through a pointer (line {line}): nothing bounds its stack; let it check")]
    NosplitIndirect {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
    },
    /// A direct call to something the table does not know.
    #[error("{name} line {line} calls {callee:#x}, which is no mapped function: reach Rust through a bridge")]
    UnknownCallee {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
        /// The address called.
        callee: usize,
    },
}

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
    pub fn build(mut functions: Vec<Function>, mut calls: Vec<CallSite>) -> Result<Table, TableError> {
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
        table.returns = PcIndex::new(table.sites.iter().map(|s| s.call.pc));
        Chains::new(&table).check()?;
        Ok(table)
    }

    /// All functions, by address.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// All call sites with the function each is in, by address.
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
    let (bits, words) = (map.map_or(0, |m| m.bits()), bytes as usize / 8);
    if bits > words { Err(TableError::MapTooLong { name: f.name, kind, bits, words }) } else { Ok(()) }
}

/// The call graph of the NOSPLIT functions, as Go's linker checks it.
///
/// Every NOSPLIT function is taken to be called at the deepest point that a check lets through, so indirect calls of
/// checked functions are covered as well.
struct Chains<'t> {
    table: &'t Table,
    callees: HashMap<usize, Vec<&'t CallSite>>,
    /// Bytes below a function's entry stack pointer, once known.
    depth: HashMap<usize, usize>,
}

/// A return address.
const RETURN: usize = 8;

impl<'t> Chains<'t> {
    fn new(table: &'t Table) -> Chains<'t> {
        let mut callees: HashMap<usize, Vec<&CallSite>> = HashMap::new();
        for site in &table.sites {
            callees.entry(site.function as usize).or_default().push(&site.call);
        }
        Chains { table, callees, depth: HashMap::new() }
    }

    fn check(mut self) -> Result<(), TableError> {
        for index in 0..self.table.functions.len() {
            let f = &self.table.functions[index];
            // What a top frame calls runs on a segment entered afresh, with room made for it.
            let mut path = Vec::new();
            if f.is_nosplit() && !f.is_top() {
                let bytes = RETURN + self.depth_of(index, &mut path)?;
                if bytes > STACK_NOSPLIT {
                    let chain = self.deepest_chain(index);
                    return Err(TableError::NosplitOverflow { chain, bytes, limit: STACK_NOSPLIT });
                }
            } else if !f.is_top() {
                self.callee_indices(index)?;
            }
        }
        Ok(())
    }

    /// Functions that `index` calls directly.
    fn callee_indices(&self, index: usize) -> Result<Vec<usize>, TableError> {
        let f = &self.table.functions[index];
        let mut found = Vec::new();
        for call in self.callees.get(&index).into_iter().flatten() {
            match call.callee {
                None if f.is_nosplit() => {
                    return Err(TableError::NosplitIndirect { name: f.name, line: call.line });
                }
                None => {}
                Some(callee) => match self.table.index_of(callee) {
                    Some(i) if self.table.functions[i].entry == callee => found.push(i),
                    _ => return Err(TableError::UnknownCallee { name: f.name, line: call.line, callee }),
                },
            }
        }
        Ok(found)
    }

    /// Bytes that a call of `index` takes below its return address.
    fn depth_of(&mut self, index: usize, path: &mut Vec<usize>) -> Result<usize, TableError> {
        let f = &self.table.functions[index];
        if !f.is_nosplit() {
            // Its check fails at worst, and calls morestack.
            return Ok(RETURN);
        }
        if let Some(&known) = self.depth.get(&index) {
            return Ok(known);
        }
        if let Some(start) = path.iter().position(|&i| i == index) {
            let names: Vec<_> = path[start..].iter().chain([&index]).map(|&i| self.table.functions[i].name).collect();
            return Err(TableError::NosplitRecursion { chain: names.join(" -> ") });
        }
        path.push(index);
        let mut below = 0;
        for callee in self.callee_indices(index)? {
            below = below.max(RETURN + self.depth_of(callee, path)?);
        }
        path.pop();
        let depth = f.need() + below;
        self.depth.insert(index, depth);
        Ok(depth)
    }

    /// The chain that makes `index` as deep as it is, for the message.
    fn deepest_chain(&self, mut index: usize) -> String {
        let mut names = Vec::new();
        loop {
            let f = &self.table.functions[index];
            names.push(format!("{} ({})", f.name, f.need()));
            let callees = self.callee_indices(index).unwrap_or_default();
            match callees.into_iter().max_by_key(|i| self.depth.get(i).copied().unwrap_or(0)) {
                Some(next) if self.depth.contains_key(&next) => index = next,
                _ => return names.join(" -> "),
            }
        }
    }
}
