//! NOSPLIT chains: what runs below the guard without a check has a bound, or the table is refused.

use super::function::{CallSite, Function, TableError};
use crate::stack::layout::STACK_NOSPLIT;
use std::collections::HashMap;

/// Checks those of the functions that are `wanted`. All are given, sorted by entry, with their calls: each with the index of the
/// function it is in.
pub(super) fn check<'t>(
    functions: &'t [Function],
    calls: impl Iterator<Item = (usize, &'t CallSite)>,
    wanted: impl Fn(&Function) -> bool,
) -> Result<(), TableError> {
    let mut callees: HashMap<usize, Vec<&CallSite>> = HashMap::new();
    for (function, call) in calls {
        callees.entry(function).or_default().push(call);
    }
    let mut chains = Chains { functions, callees, depth: HashMap::new() };
    for (index, f) in functions.iter().enumerate() {
        // What a top frame calls runs on a segment entered afresh, with room made for it.
        if f.is_top() || !wanted(f) {
            continue;
        }
        // What a check lets through may push without asking again.
        let bytes = match f.is_nosplit() {
            true => RETURN + chains.depth_of(index, &mut Vec::new())?,
            false => chains.below(index, &mut Vec::new())?,
        };
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
    /// Functions that `index` calls directly, with what it has pushed by then.
    fn callee_indices(&self, index: usize) -> Result<Vec<(usize, isize)>, TableError> {
        let f = &self.functions[index];
        let mut found = Vec::new();
        for call in self.callees.get(&index).into_iter().flatten() {
            match call.callee {
                None if f.is_nosplit() => {
                    return Err(TableError::NosplitIndirect { name: f.name, line: call.line });
                }
                None if call.pushed > 0 => {
                    return Err(TableError::PushedIndirect { name: f.name, line: call.line });
                }
                None => {}
                Some(callee) => match self.functions.binary_search_by_key(&callee, |f| f.entry) {
                    Ok(i) => found.push((i, call.pushed as isize)),
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
        let depth = f.need() + self.below(index, path)?;
        path.pop();
        self.depth.insert(index, depth);
        Ok(depth)
    }

    /// Bytes that `index` takes below its frame: what it pushes, and what it calls.
    fn below(&mut self, index: usize, path: &mut Vec<usize>) -> Result<usize, TableError> {
        let f = &self.functions[index];
        let mut below = f.pushes as isize;
        for (callee, pushed) in self.callee_indices(index)? {
            // Where nothing has been pushed, a check has left room for the chains of all NOSPLIT functions.
            if f.is_nosplit() || pushed > 0 {
                below = below.max((pushed + RETURN as isize) + self.depth_of(callee, path)? as isize);
            }
        }
        // A jump out of the function stands where its frame is gone.
        Ok(below.max(0) as usize)
    }

    /// The chain that makes `index` as deep as it is, for the message.
    fn deepest_chain(&self, mut index: usize) -> String {
        let mut names = Vec::new();
        loop {
            let f = &self.functions[index];
            names.push(format!("{} ({})", f.name, f.need()));
            let callees = self.callee_indices(index).unwrap_or_default();
            match callees.into_iter().map(|(callee, _)| callee).max_by_key(|i| self.depth.get(i).copied().unwrap_or(0))
            {
                Some(next) if self.depth.contains_key(&next) => index = next,
                _ => return names.join(" -> "),
            }
        }
    }
}
