//! Where calls of checked code lead, and what is patched so that each goes the shortest way.

use std::collections::HashSet;

use super::Options;
use super::check;
use super::error::Problem;
use super::limits;
use super::movable::Pin;
use super::program::{Kind, Program};
use super::state::Value;
use super::stubs::Stubs;
use super::track::Call;

/// How many calls go which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) direct: usize,
    pub(super) resolved: usize,
    pub(super) foreign: usize,
    pub(super) foreign_registers: usize,
    pub(super) indirect: usize,
}

/// Bytes to put into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

/// The way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It was a direct call to code that is fit for it.
    Direct,
    /// It was a call of the thunk, for this function.
    Resolved(u64),
    /// To foreign code that may get arguments on the stack.
    Foreign,
    /// To foreign code that gets all arguments in registers.
    ForeignRegisters,
    /// To this foreign function, by way of a stub.
    Stub(u64),
    /// To what `%r11` holds then.
    Indirect,
}

/// Decides the way of each call, and lists the patches that make it so. Calls that must not be become violations.
pub(super) fn settle(program: &mut Program<'_, '_>, options: &Options) -> (Counts, Vec<Patch>) {
    let mut counts = Counts::default();
    let mut patches = Vec::new();
    let mut stubs = Stubs::find(program.image, &program.runtime);
    let mut problems = Vec::new();
    let broken: HashSet<u64> = program
        .violations
        .iter()
        .filter_map(|violation| program.image.around(violation.address))
        .map(|index| program.image.functions[index].address)
        .collect();
    for index in 0..program.kinds.len() {
        if let Kind::Checked(check) = &program.kinds[index] {
            let units = match moves(program, index) {
                Moves::Never(_) => 0,
                Moves::Before(units, _) => units,
                Moves::Always => check::EVERYWHERE,
            };
            if units != check.marked {
                patches.extend(check.mark(units).map(|(address, bytes)| Patch { address, bytes: bytes.to_vec() }));
            }
        }
        for call in &program.facts[index].calls {
            let target = match way(program, options, call) {
                Ok(Way::Direct) => {
                    // An earlier run has left the target in `%r11`.
                    let resolved = call.target.is_some_and(|target| call.r11 == Value::Address(target));
                    *(if resolved { &mut counts.resolved } else { &mut counts.direct }) += 1;
                    continue;
                }
                Ok(Way::Indirect) => {
                    counts.indirect += 1;
                    program.runtime.thunk
                }
                Ok(Way::Resolved(target)) => {
                    counts.resolved += 1;
                    target
                }
                Ok(Way::Foreign) => {
                    counts.foreign += 1;
                    program.runtime.foreign
                }
                Ok(Way::ForeignRegisters) => {
                    counts.foreign_registers += 1;
                    program.runtime.foreign_registers
                }
                Ok(Way::Stub(target)) => match stubs.to(target) {
                    Ok(stub) => {
                        counts.foreign += 1;
                        stub
                    }
                    Err(room) => {
                        problems.push((call.at, Problem::TooManyStubs { target: program.name(target), room }));
                        continue;
                    }
                },
                Err(problem) => {
                    // A callee with violations of its own is enough said.
                    let known = program.violations.iter().any(|violation| violation.address == call.at);
                    if !known && !call.target.is_some_and(|target| broken.contains(&target)) {
                        problems.push((call.at, problem));
                    }
                    continue;
                }
            };
            if Some(target) != call.target && call.len >= LONG {
                patches.push(redirect(call, target));
            }
        }
    }
    patches.append(&mut stubs.patches(program.runtime.foreign));
    for (at, problem) in problems {
        program.violate(at, problem);
    }
    (counts, patches)
}

/// Calls, jumps and conditional jumps end with the distance from their end to the target.
fn redirect(call: &Call, target: u64) -> Patch {
    let end = call.at + call.len as u64;
    Patch { address: end - 4, bytes: (target.wrapping_sub(end) as i32).to_le_bytes().to_vec() }
}

/// Bytes of a call or jump that has room for any distance.
const LONG: usize = 5;

/// The way a call has to go.
pub(super) fn way(program: &Program<'_, '_>, options: &Options, call: &Call) -> Result<Way, Problem> {
    let runtime = &program.runtime;
    let Some(target) = call.target else { return Err(Problem::RawIndirect) };
    if runtime.dispatches(target) {
        if !call.framed {
            return Err(Problem::NoFramePointer);
        }
        let way = dispatched(program, call);
        if call.distance > limits::COPIED && matches!(way, Way::Foreign | Way::Indirect) {
            return Err(Problem::TooFarToCopy { distance: call.distance, limit: limits::COPIED });
        }
        return Ok(way);
    }
    if runtime.stubs.contains(&target) {
        let function = Stubs::find(program.image, runtime).function(target).ok_or(Problem::Nowhere { target })?;
        return Ok(Way::Stub(function));
    }
    let Some(callee) = program.image.at(target) else {
        return Err(match program.image.around(target) {
            Some(around) => Problem::Middle { target: super::image::demangle(program.image.functions[around].name) },
            None => Problem::Nowhere { target },
        });
    };
    match &program.kinds[callee] {
        Kind::Checked(_) | Kind::HandWritten | Kind::Leaf => Ok(Way::Direct),
        Kind::Foreign(_)
            if program.left_unchecked(&program.image.functions[callee], options) && !runtime.is_part(target) =>
        {
            // A short jump has no room for the distance of a stub.
            if !call.framed {
                return Err(Problem::NoFramePointer);
            }
            if call.len < LONG {
                return Err(Problem::TooShort { target: program.name(target) });
            }
            if call.distance > limits::COPIED {
                return Err(Problem::TooFarToCopy { distance: call.distance, limit: limits::COPIED });
            }
            Ok(Way::Stub(target))
        }
        Kind::Foreign(reason) => Err(Problem::CallsForeign { target: program.name(target), reason: reason.clone() }),
    }
}

/// A call through the thunk: what `%r11` is known to hold decides.
fn dispatched(program: &Program<'_, '_>, call: &Call) -> Way {
    // A short jump has no room for the distance of anything else.
    if call.len < LONG {
        return Way::Indirect;
    }
    let foreign = if call.registers_only { Way::ForeignRegisters } else { Way::Foreign };
    match call.r11 {
        Value::Address(target) => match program.image.at(target) {
            Some(_) if program.runtime.is_part(target) => Way::Indirect,
            Some(callee) => match program.kinds[callee] {
                Kind::Foreign(_) => foreign,
                _ => Way::Resolved(target),
            },
            // A linkage table's entry has no symbol. The middle of a function is left to the thunk.
            None if program.image.around(target).is_none() && program.image.executable(target) => foreign,
            None => Way::Indirect,
        },
        Value::Foreign(_) => foreign,
        _ => Way::Indirect,
    }
}

/// Hand-written functions that only hand on what they are given. Others may return an address on the stack.
const HARMLESS: &str = "__wrap_";

/// While which calls a checked function's frame may be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moves {
    Never(Pin),
    /// While those that return to before so many units from its entry. Compilers put what is seldom needed at the end: panics, and what they
    /// drop.
    Before(u32, Pin),
    Always,
}

pub(super) fn moves(program: &Program<'_, '_>, index: usize) -> Moves {
    let facts = &program.facts[index];
    if let Some(pin) = facts.pin.clone().or_else(|| pinned_by_callee(program, index)) {
        return Moves::Never(pin);
    }
    let Some(leak) = facts.leak.clone() else { return Moves::Always };
    let start = program.image.functions[index].address;
    let returns = |pinned: bool| {
        let calls = facts.calls.iter().filter(move |call| !call.tail && call.pinned == pinned);
        calls.map(|call| call.at + call.len as u64 - start).min()
    };
    let last = u64::from(check::EVERYWHERE) - 1;
    let units = returns(true).map_or(last, |first| (first / check::UNIT).min(last));
    match returns(false) {
        Some(first) if first < units * check::UNIT => Moves::Before(units as u32, leak),
        _ => Moves::Never(leak),
    }
}

fn pinned_by_callee(program: &Program<'_, '_>, index: usize) -> Option<Pin> {
    program.facts[index].calls.iter().find_map(|call| {
        let known = match (call.target, call.r11) {
            (Some(target), Value::Address(address)) if program.runtime.dispatches(target) => Some(address),
            (target, _) => target,
        };
        let callee = program.image.at(known?)?;
        let why = match program.kinds[callee] {
            Kind::HandWritten if !program.image.functions[callee].name.starts_with(HARMLESS) => {
                "calls a hand-written function, which may return an address on the stack"
            }
            Kind::Leaf if program.facts[callee].leak.is_some() => {
                "calls a function without a check that may return an address on the stack"
            }
            _ => return None,
        };
        Some(Pin { at: call.at, why })
    })
}
