//! Chains of NOSPLIT functions within a file: what runs below the guard without a check has a bound.
//!
//! The runtime checks the same for the whole program when it starts; here the chain is named while it is being compiled. A function
//! of another file is taken to use its return address only, so what is refused here would be refused there.

use crate::assemble::STACK_NOSPLIT;
use crate::diagnostic::Diagnostic;
use crate::object::{Call, Function, Object, flags};
use std::collections::HashMap;

/// A return address.
const RETURN: i64 = 8;

/// The chains that have no bound, or one over [`STACK_NOSPLIT`], each at its outermost function.
pub fn check(object: &Object) -> Vec<Diagnostic> {
    let by_name =
        object.functions.iter().enumerate().map(|(index, function)| (function.name.as_str(), index)).collect();
    let mut chains = Chains { functions: &object.functions, by_name, depths: HashMap::new() };
    (0..object.functions.len()).filter_map(|index| chains.function(index).err()).collect()
}

struct Chains<'o> {
    functions: &'o [Function],
    by_name: HashMap<&'o str, usize>,
    /// Bytes below a function's return address.
    depths: HashMap<usize, i64>,
}

impl<'o> Chains<'o> {
    fn function(&mut self, index: usize) -> Result<(), Diagnostic> {
        let function = &self.functions[index];
        if function.has(flags::TOPFRAME) {
            return Ok(());
        }
        // What a check lets through may push without asking again.
        let bytes = match function.has(flags::NOSPLIT) {
            true => RETURN + self.depth(index, &mut Vec::new())?,
            false => self.below(index, &mut Vec::new())?,
        };
        if bytes <= i64::from(STACK_NOSPLIT) {
            return Ok(());
        }
        let chain = self.deepest(index);
        let message = format!("NOSPLIT chain takes {bytes} bytes below the guard, {STACK_NOSPLIT} are there: {chain}");
        Err(Diagnostic::new(&function.position, message)
            .note("let one of the functions check (leave out NOSPLIT), or make their frames smaller"))
    }

    /// Bytes that a call of the function takes below its return address.
    fn depth(&mut self, index: usize, path: &mut Vec<usize>) -> Result<i64, Diagnostic> {
        let function = &self.functions[index];
        if !function.has(flags::NOSPLIT) {
            // At worst its check fails, and calls morestack.
            return Ok(RETURN);
        }
        if let Some(known) = self.depths.get(&index) {
            return Ok(*known);
        }
        if let Some(start) = path.iter().position(|other| *other == index) {
            let names: Vec<_> =
                path[start..].iter().chain([&index]).map(|at| self.functions[*at].name.as_str()).collect();
            let message = format!("NOSPLIT chain calls itself: {}", names.join(" -> "));
            return Err(
                Diagnostic::new(&function.position, message).note("let one of the functions check: leave out NOSPLIT")
            );
        }
        path.push(index);
        let depth = i64::from(function.need()) + self.below(index, path)?;
        path.pop();
        self.depths.insert(index, depth);
        Ok(depth)
    }

    /// Bytes below a function's frame: what it pushes, and what it calls.
    fn below(&mut self, index: usize, path: &mut Vec<usize>) -> Result<i64, Diagnostic> {
        let function = &self.functions[index];
        let mut below = i64::from(function.pushes);
        for call in &function.calls {
            // Where a check has been and nothing has been pushed, there is room for any NOSPLIT function.
            if !function.has(flags::NOSPLIT) && call.pushed <= 0 {
                continue;
            }
            if call.callee.is_none() {
                let message =
                    format!("{} calls through a pointer without a check: nothing bounds the stack", function.name);
                return Err(Diagnostic::new(&call.position, message)
                    .note("leave out NOSPLIT; in a function that checks, pop what has been pushed first"));
            }
            below = below.max(taken(call) + self.callee(call).map_or(Ok(0), |callee| self.depth(callee, path))?);
        }
        Ok(below)
    }

    /// The function of this file that is called.
    fn callee(&self, call: &'o Call) -> Option<usize> {
        self.by_name.get(call.callee.as_deref()?).copied()
    }

    /// The chain that makes a function as deep as it is.
    fn deepest(&self, mut index: usize) -> String {
        let mut names = Vec::new();
        loop {
            let function = &self.functions[index];
            names.push(format!("{} ({})", function.name, function.need() + function.pushes));
            let callees = function.calls.iter().filter_map(|call| self.callee(call));
            match callees.filter(|callee| self.depths.contains_key(callee)).max_by_key(|callee| self.depths[callee]) {
                Some(next) if names.len() <= self.functions.len() => index = next,
                _ => return names.join(" -> "),
            }
        }
    }
}

/// Bytes between the caller's frame and the callee's: what is pushed, and the return address. A jump takes none.
fn taken(call: &Call) -> i64 {
    if call.is_tail { 0 } else { call.pushed + RETURN }
}
