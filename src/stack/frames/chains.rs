//! NOSPLIT chains: what runs below the guard without a check has a bound, or the table is refused.

use super::function::{CallSite, Function, TableError};
use crate::stack::layout::STACK_NOSPLIT;
use std::collections::HashMap;

/// Checks the functions, which are sorted by entry, with their calls: each with the index of the function it is in.
pub(super) fn check<'t>(
    functions: &'t [Function],
    calls: impl Iterator<Item = (usize, &'t CallSite)>,
) -> Result<(), TableError> {
    let mut callees: HashMap<usize, Vec<&CallSite>> = HashMap::new();
    for (function, call) in calls {
        callees.entry(function).or_default().push(call);
    }
    let mut chains = Chains { functions, callees, depth: HashMap::new() };
    for (index, f) in functions.iter().enumerate() {
        // What a top frame calls runs on a segment entered afresh, with room made for it.
        if f.is_top() {
            continue;
        }
        if !f.is_nosplit() {
            chains.callee_indices(index)?;
            continue;
        }
        let bytes = RETURN + chains.depth_of(index, &mut Vec::new())?;
        if bytes > STACK_NOSPLIT {
            let chain = chains.deepest_chain(index);
            return Err(TableError::NosplitOverflow { chain, bytes, limit: STACK_NOSPLIT });
        }
    }
    Ok(())
}

/// A return address.
const RETURN: usize = 8;

/// The call graph of the NOSPLIT functions, as Go's linker checks it.
///
/// Every NOSPLIT function is taken to be called at the deepest point that a check lets through, so indirect calls of
/// checked functions are covered as well.
struct Chains<'t> {
    functions: &'t [Function],
    callees: HashMap<usize, Vec<&'t CallSite>>,
    /// Bytes below a function's entry stack pointer, once known.
    depth: HashMap<usize, usize>,
}

impl Chains<'_> {
    /// Functions that `index` calls directly.
    fn callee_indices(&self, index: usize) -> Result<Vec<usize>, TableError> {
        let f = &self.functions[index];
        let mut found = Vec::new();
        for call in self.callees.get(&index).into_iter().flatten() {
            match call.callee {
                None if f.is_nosplit() => {
                    return Err(TableError::NosplitIndirect { name: f.name, line: call.line });
                }
                None => {}
                Some(callee) => match self.functions.binary_search_by_key(&callee, |f| f.entry) {
                    Ok(i) => found.push(i),
                    Err(_) => return Err(TableError::UnknownCallee { name: f.name, line: call.line, callee }),
                },
            }
        }
        Ok(found)
    }

    /// Bytes that a call of `index` takes below its return address.
    fn depth_of(&mut self, index: usize, path: &mut Vec<usize>) -> Result<usize, TableError> {
        let f = &self.functions[index];
        if !f.is_nosplit() {
            // Its check fails at worst, and calls morestack.
            return Ok(RETURN);
        }
        if let Some(&known) = self.depth.get(&index) {
            return Ok(known);
        }
        if let Some(start) = path.iter().position(|&i| i == index) {
            let names: Vec<_> = path[start..].iter().chain([&index]).map(|&i| self.functions[i].name).collect();
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
            let f = &self.functions[index];
            names.push(format!("{} ({})", f.name, f.need()));
            let callees = self.callee_indices(index).unwrap_or_default();
            match callees.into_iter().max_by_key(|i| self.depth.get(i).copied().unwrap_or(0)) {
                Some(next) if self.depth.contains_key(&next) => index = next,
                _ => return names.join(" -> "),
            }
        }
    }
}
