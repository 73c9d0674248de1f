//! Whether a function's code is what is said about it: see [`Function`] for its form.

use super::abi::Abi;
use super::error::RegisterError;
use super::function::{Function, Map};
use super::instructions::{decode, text};
use crate::stack::layout::MAX_STACK;
use crate::stack::table::{CallSite, flags};
use iced_x86::{Code, FlowControl, Instruction, InstructionInfoFactory, OpAccess, Register};
use std::collections::HashMap;

/// The flags that a registered function may have.
const FLAGS: u32 = flags::NOSPLIT | flags::WRAPPER | flags::NEEDCTXT | flags::NOFRAME;

/// Checks the function whose code `bytes` is. Functions that it calls are looked at by the table.
pub(super) fn check(f: &Function, bytes: &[u8], abi: &Abi) -> Result<(), RegisterError> {
    possible(f)?;
    let code = decode(bytes, f.entry);
    let mut checked = Checked { f, abi, rest: &code };
    if let Some(last) = code.last()
        && last.is_invalid()
    {
        return Err(
            checked.contradiction(last, "an instruction of the function was expected, all of it before the end")
        );
    }
    let slow = checked.guard()?;
    checked.prologue()?;
    let body = checked.slow_path(slow)?;
    Body::new(f, body)?.check()
}

fn impossible(f: &Function, what: impl Into<String>) -> RegisterError {
    RegisterError::Impossible { function: f.name.to_owned(), entry: f.entry, what: what.into() }
}

/// What can be said without the code.
fn possible(f: &Function) -> Result<(), RegisterError> {
    if f.flags & !FLAGS != 0 {
        return Err(impossible(f, format!("flags {:#x} are not for registered functions", f.flags & !FLAGS)));
    }
    if !f.frame.is_multiple_of(8) || f.need() > MAX_STACK {
        return Err(impossible(
            f,
            format!("a frame of {} bytes: it must be a multiple of 8 that fits a stack", f.frame),
        ));
    }
    if f.has(flags::NOFRAME) && (f.frame != 0 || !f.calls.is_empty()) {
        return Err(impossible(f, "with NOFRAME it has a frame or calls something: its caller would not be found"));
    }
    let has_check = !f.has(flags::NOSPLIT);
    if has_check && (f.body <= f.entry || f.body >= f.end || f.restart <= f.body || f.restart >= f.end) {
        let (body, restart) = (f.body, f.restart);
        return Err(impossible(
            f,
            format!("body {body:#x} and restart point {restart:#x} must lie in it, in this order"),
        ));
    }
    if !has_check && (f.body != f.entry || f.restart != 0) {
        return Err(impossible(f, "with NOSPLIT it must begin with its body and have no restart point"));
    }
    let map = |kind: &str, map: Option<Map>, bytes: u32, can_move: bool| match map {
        Some(map) if map.expected_len() != Some(map.bytes.len()) => {
            let (count, bits, len) = (map.count, map.bits, map.bytes.len());
            Err(impossible(f, format!("{count} bitmaps of {bits} bits for its {kind} are not {len} bytes")))
        }
        // The map of index 0 is the one at the entry.
        Some(map) if map.count == 0 => Err(impossible(f, format!("a map of its {kind} without a bitmap"))),
        None if bytes > 0 && can_move => Err(impossible(f, format!("no map of its {kind}: it could not be moved"))),
        _ => Ok(()),
    };
    map("arguments", f.args_map, f.args, has_check || !f.calls.is_empty())?;
    map("locals", f.locals_map, f.frame, !f.calls.is_empty())
}

/// A function whose first part has been looked at.
struct Checked<'c> {
    f: &'c Function<'c>,
    abi: &'c Abi,
    rest: &'c [Instruction],
}

/// Whether it moves a register to another.
fn copies(i: &Instruction, to: Register, from: Register) -> bool {
    matches!(i.code(), Code::Mov_r64_rm64 | Code::Mov_rm64_r64) && (i.op0_register(), i.op1_register()) == (to, from)
}

/// Whether it is `sub` or `add` with a number.
fn steps(i: &Instruction, codes: [Code; 3], register: Register, by: usize) -> bool {
    codes.contains(&i.code()) && i.op0_register() == register && i.immediate(1) == by as u64
}

const SUB: [Code; 3] = [Code::Sub_rm64_imm8, Code::Sub_rm64_imm32, Code::Sub_RAX_imm32];
const ADD: [Code; 3] = [Code::Add_rm64_imm8, Code::Add_rm64_imm32, Code::Add_RAX_imm32];

/// Whether it has the memory operand `displacement(base)`.
fn refers(i: &Instruction, segment: Register, base: Register, displacement: i64) -> bool {
    (i.segment_prefix(), i.memory_base(), i.memory_index()) == (segment, base, Register::None)
        && i.memory_displacement64() as i64 == displacement
}

impl<'c> Checked<'c> {
    fn contradiction(&self, i: &Instruction, expected: impl Into<String>) -> RegisterError {
        contradiction(self.f, i, expected)
    }

    /// Takes the next instruction, which must satisfy `is`.
    fn take(&mut self, is: impl Fn(&Instruction) -> bool, expected: &str) -> Result<&'c Instruction, RegisterError> {
        match self.rest.split_first() {
            Some((i, rest)) if is(i) => {
                self.rest = rest;
                Ok(i)
            }
            Some((i, _)) => Err(self.contradiction(i, expected)),
            None => Err(impossible(self.f, format!("its code ends where {expected}"))),
        }
    }

    /// The check, in the form that the frame wants. Where it goes if it fails.
    fn guard(&mut self) -> Result<Option<u64>, RegisterError> {
        let (f, abi) = (self.f, self.abi);
        if f.has(flags::NOSPLIT) {
            return Ok(None);
        }
        let (need, none) = (f.need(), Register::None);
        let lowered = need.saturating_sub(abi.stack_small);
        let g = i64::from(abi.current_g);
        let loads_g = |i: &Instruction| {
            i.code() == Code::Mov_r64_rm64 && i.op0_register() == Register::RCX && refers(i, Register::FS, none, g)
        };
        self.take(loads_g, "its check was expected, which begins by loading the current g into %rcx")?;
        let mut wraps = None;
        let compared = if need <= abi.stack_small {
            Register::RSP
        } else if need < abi.stack_big {
            let lowers = |i: &Instruction| {
                i.code() == Code::Lea_r64_m
                    && i.op0_register() == Register::RAX
                    && refers(i, none, Register::RSP, -(lowered as i64))
            };
            self.take(
                lowers,
                &format!("the check of a frame that takes {need} bytes lowers %rsp by {lowered} into %rax"),
            )?;
            Register::RAX
        } else {
            let expected =
                format!("the check of a frame that takes {need} bytes subtracts {lowered} from %rsp in %rax");
            self.take(|i| copies(i, Register::RAX, Register::RSP), &expected)?;
            self.take(|i| steps(i, SUB, Register::RAX, lowered), &expected)?;
            let below = |i: &Instruction| matches!(i.code(), Code::Jb_rel8_64 | Code::Jb_rel32_64);
            wraps = Some(self.take(below, "the check of a large frame goes to morestack if %rsp wraps around")?);
            Register::RAX
        };
        let compares = |i: &Instruction| {
            i.code() == Code::Cmp_r64_rm64
                && i.op0_register() == compared
                && refers(i, none, Register::RCX, abi.stackguard0 as i64)
        };
        let expected =
            format!("the check of a frame that takes {need} bytes compares {} with 16(%rcx)", name(compared));
        self.take(compares, &expected)?;
        let fails = |i: &Instruction| matches!(i.code(), Code::Jbe_rel8_64 | Code::Jbe_rel32_64);
        let slow = self.take(fails, "the check goes to morestack if the guard is not below")?;
        if let Some(wraps) = wraps
            && wraps.near_branch64() != slow.near_branch64()
        {
            return Err(self.contradiction(wraps, "both jumps of the check lead to the same place"));
        }
        match self.rest.first() {
            Some(body) if body.ip() as usize == f.body => Ok(Some(slow.near_branch64())),
            _ => Err(self.contradiction(slow, format!("the body is said to begin at {:#x}, not behind this", f.body))),
        }
    }

    /// The prologue, which takes the frame.
    fn prologue(&mut self) -> Result<(), RegisterError> {
        let frame = self.f.frame as usize;
        if self.f.has(flags::NOFRAME) {
            return Ok(());
        }
        let pushes = |i: &Instruction| (i.code(), i.op0_register()) == (Code::Push_r64, Register::RBP);
        self.take(pushes, "its body begins by pushing %rbp")?;
        self.take(|i| copies(i, Register::RBP, Register::RSP), "its body then copies %rsp to %rbp")?;
        if frame > 0 {
            let expected = format!("its prologue takes the frame of {frame} bytes that is said to be there");
            self.take(|i| steps(i, SUB, Register::RSP, frame), &expected)?;
        }
        Ok(())
    }

    /// Where a failed check goes, at the end of the function. What is before it.
    fn slow_path(&mut self, slow: Option<u64>) -> Result<&'c [Instruction], RegisterError> {
        let Some(slow) = slow else { return Ok(self.rest) };
        let (f, body) = (self.f, self.rest);
        let Some(at) = body.iter().position(|i| i.ip() == slow) else {
            return Err(impossible(f, format!("its check leads to {slow:#x}, where no instruction of its body ends")));
        };
        self.rest = &body[at..];
        self.take(|i| i.code() == Code::Nopd, "the way to morestack begins with a nop")?;
        let needs_context = f.has(flags::NEEDCTXT);
        let morestack = if needs_context { self.abi.morestack } else { self.abi.morestack_noctxt } as u64;
        let expected = format!("{} is called", if needs_context { "morestack" } else { "morestack_noctxt" });
        let loads = |i: &Instruction| {
            (i.code(), i.op0_register(), i.immediate64()) == (Code::Mov_r64_imm64, Register::RAX, morestack)
        };
        if self.rest.first().is_some_and(loads) {
            self.rest = &self.rest[1..];
            let calls = |i: &Instruction| (i.code(), i.op0_register()) == (Code::Call_rm64, Register::RAX);
            self.take(calls, &expected)?;
        } else {
            let calls = |i: &Instruction| i.code() == Code::Call_rel32_64 && i.near_branch64() == morestack;
            self.take(calls, &expected)?;
        }
        let restarts = |i: &Instruction| {
            matches!(i.code(), Code::Jmp_rel8_64 | Code::Jmp_rel32_64) && i.near_branch64() as usize == f.entry
        };
        let restart = self.take(restarts, "behind the call of morestack it jumps to its entry")?;
        if restart.ip() as usize != f.restart {
            let expected = format!("its restart point is said to be {:#x}, not this jump", f.restart);
            return Err(self.contradiction(restart, expected));
        }
        match self.rest.first() {
            None => Ok(&body[..at]),
            Some(more) => Err(self.contradiction(more, "the jump to its entry is its last instruction")),
        }
    }
}

fn name(register: Register) -> &'static str {
    if register == Register::RSP { "%rsp" } else { "%rax" }
}

fn contradiction(f: &Function, i: &Instruction, expected: impl Into<String>) -> RegisterError {
    let (function, at) = (f.name.to_owned(), i.ip() as usize);
    RegisterError::Contradiction { function, at, instruction: text(i), expected: expected.into() }
}

/// What an instruction of the body is to the frame.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The frame stands, before and behind it.
    Plain,
    /// It begins to take the frame down.
    First,
    /// The frame is half taken down: nothing jumps here.
    Later,
}

/// The code between the prologue and the way to morestack.
struct Body<'c> {
    f: &'c Function<'c>,
    code: &'c [Instruction],
    parts: Vec<Part>,
    /// Calls that are said to be there, by return address.
    calls: HashMap<usize, &'c CallSite>,
}

impl<'c> Body<'c> {
    /// Finds where the frame is taken down.
    fn new(f: &'c Function<'c>, code: &'c [Instruction]) -> Result<Body<'c>, RegisterError> {
        let mut parts = vec![Part::Plain; code.len()];
        for (at, ret) in code.iter().enumerate().filter(|(_, i)| i.flow_control() == FlowControl::Return) {
            if ret.code() != Code::Retnq {
                return Err(contradiction(f, ret, "a plain ret was expected: its caller keeps the arguments"));
            }
            if f.has(flags::NOFRAME) {
                continue;
            }
            let frame = f.frame as usize;
            let pops = |i: &Instruction| (i.code(), i.op0_register()) == (Code::Pop_r64, Register::RBP);
            let steps = |i: &Instruction| frame == 0 || steps(i, ADD, Register::RSP, frame);
            let length = if frame == 0 { 2 } else { 3 };
            match at.checked_sub(length - 1) {
                Some(first) if steps(&code[first]) && pops(&code[at - 1]) => {
                    parts[first] = Part::First;
                    parts[first + 1..=at].fill(Part::Later);
                }
                _ => {
                    let expected =
                        format!("before it the frame of {frame} bytes was to be taken down, and %rbp popped");
                    return Err(contradiction(f, ret, expected));
                }
            }
        }
        let calls = f.calls.iter().map(|call| (call.pc, call)).collect();
        Ok(Body { f, code, parts, calls })
    }

    fn check(mut self) -> Result<(), RegisterError> {
        let mut factory = InstructionInfoFactory::new();
        let code = self.code;
        for (at, i) in code.iter().enumerate() {
            let part = self.parts[at];
            let is_call = matches!(i.flow_control(), FlowControl::Call | FlowControl::IndirectCall);
            let is_ret = i.flow_control() == FlowControl::Return;
            if part == Part::Plain && !is_call && !is_ret {
                let info = factory.info(i);
                let writes = |used: &&iced_x86::UsedRegister| {
                    !matches!(used.access(), OpAccess::None | OpAccess::Read | OpAccess::CondRead)
                        && matches!(used.register().full_register(), Register::RSP | Register::RBP)
                };
                if info.used_registers().iter().find(writes).is_some() {
                    return Err(contradiction(
                        self.f,
                        i,
                        "only its prologue, its returns and calls change %rsp and %rbp",
                    ));
                }
            }
            self.flow(i, is_call)?;
        }
        match code.last() {
            None => Err(impossible(self.f, "it has no code behind its prologue")),
            Some(i) if goes_on(i) => Err(contradiction(self.f, i, "it must not run on behind its last instruction")),
            Some(_) => match self.calls.values().next() {
                Some(call) => Err(impossible(
                    self.f,
                    format!("a call (line {}) is said to return to {:#x}, and none does", call.line, call.pc),
                )),
                None => Ok(()),
            },
        }
    }

    /// Where the instruction leads.
    fn flow(&mut self, i: &Instruction, is_call: bool) -> Result<(), RegisterError> {
        let f = self.f;
        match i.flow_control() {
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                let target = i.near_branch64();
                let found = self.code.binary_search_by_key(&target, |i| i.ip());
                if !found.is_ok_and(|at| self.parts[at] != Part::Later) {
                    let expected =
                        "jumps were expected to lead to instructions of its body, and not between those that return";
                    return Err(contradiction(f, i, expected));
                }
            }
            FlowControl::IndirectBranch => {
                return Err(contradiction(f, i, "where it jumps to must be in the instruction"));
            }
            FlowControl::XbeginXabortXend => return Err(contradiction(f, i, "no transactions were expected")),
            _ if is_call => self.call(i)?,
            _ => {}
        }
        Ok(())
    }

    fn call(&mut self, i: &Instruction) -> Result<(), RegisterError> {
        let f = self.f;
        let callee = match i.code() {
            Code::Call_rel32_64 => Some(i.near_branch64() as usize),
            Code::Call_rm64 => None,
            _ => return Err(contradiction(f, i, "only near calls of functions were expected")),
        };
        if f.has(flags::NOFRAME) {
            return Err(contradiction(f, i, "a function with NOFRAME calls nothing"));
        }
        let returns = i.next_ip() as usize;
        // An unwinder looks for the address before a return address, a walk for the address itself.
        if returns >= f.end {
            return Err(contradiction(f, i, "a call must not be the last instruction: put one that traps behind it"));
        }
        let Some(site) = self.calls.remove(&returns) else {
            return Err(contradiction(f, i, format!("no call is said to return to {returns:#x}")));
        };
        if site.callee != callee {
            let said = site.callee.map_or("through a pointer".to_owned(), |callee| format!("to {callee:#x}"));
            return Err(contradiction(f, i, format!("the call is said to go {said}")));
        }
        if site.pushed != 0 {
            return Err(contradiction(f, i, format!("{} bytes are said to be pushed below the frame", site.pushed)));
        }
        Ok(())
    }
}

/// Whether what comes behind the instruction runs next, or may.
fn goes_on(i: &Instruction) -> bool {
    !matches!(i.flow_control(), FlowControl::UnconditionalBranch | FlowControl::Return | FlowControl::Exception)
}
