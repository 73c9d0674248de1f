//! Follows the stack pointer, the frame pointer and known addresses through a function, on all paths.

use std::collections::HashMap;

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register};

use super::check::{Check, Form};
use super::decode::{Code, Fault, Flow, Inst, Memory, R11, RBP, RSP, Role, flow, is_immediate, number};
use super::error::Problem;
use super::image::{Image, Slot};
use super::limits;
use super::movable::{self, Pin};
use super::state::{Depth, Frame, State, Value};
use super::tables;

/// A call, or a jump out of the function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) at: u64,
    /// Bytes of the instruction; the last four are the distance if `target` is known.
    pub(super) len: usize,
    /// None: indirect.
    pub(super) target: Option<u64>,
    /// What `%r11` holds, where the thunk looks for the target.
    pub(super) r11: Value,
    /// The callee cannot have arguments on the stack.
    pub(super) registers_only: bool,
    /// `%rbp` bounds the frame (the caller's, at a tail jump), as the thunk needs it.
    pub(super) framed: bool,
    /// Bytes between `%rsp` and `%rbp`: what the thunk copies for a foreign function.
    pub(super) distance: i64,
}

/// What following a function showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Bytes below the entry that it takes, at most.
    pub(super) depth: i64,
    /// The instruction that takes it so far.
    pub(super) deepest: u64,
    /// And with the red zone.
    pub(super) reach: i64,
    pub(super) calls: Vec<Call>,
    pub(super) realigned: bool,
    /// The first instruction that keeps its frame from being moved.
    pub(super) pin: Option<Pin>,
}

pub(super) struct Tracker<'t, 'd> {
    pub(super) image: &'t Image<'d>,
    /// Sorted addresses that something points to: a jump table does not go beyond the next.
    pub(super) referenced: &'t [u64],
    pub(super) factory: InstructionInfoFactory,
}

impl Tracker<'_, '_> {
    /// Follows all paths from a function's body: its entry, or what comes after its check.
    pub(super) fn follow(&mut self, code: &mut Code<'_>, check: Option<&Check>) -> Result<Facts, Fault> {
        let body = check.map_or(code.range.start, |check| check.body);
        let pads: Vec<u64> = code.landing.pads.iter().map(|pad| pad.2).collect();
        code.discover(std::iter::once(body).chain(pads), &mut self.factory)?;
        // Each round may find jump tables, and each of those more code.
        loop {
            let mut walk = Walk::new(self.image, code, check);
            walk.solve(body)?;
            let mut found = Vec::new();
            for (at, base) in walk.report()? {
                match base {
                    Some(base) => found.push((at, tables::targets(self.image, self.referenced, &code.range, base))),
                    None => return Err((at, Problem::UnknownJump)),
                }
            }
            if found.is_empty() {
                return Ok(walk.facts);
            }
            for (at, targets) in found {
                if targets.is_empty() {
                    return Err((at, Problem::UnknownJump));
                }
                code.discover(targets.iter().copied(), &mut self.factory)?;
                code.tables.insert(at, targets);
            }
        }
    }
}

struct Walk<'w, 'd> {
    image: &'w Image<'d>,
    code: &'w Code<'d>,
    check: Option<&'w Check>,
    /// What is known at leaders.
    states: HashMap<u64, State>,
    open: Vec<u64>,
    facts: Facts,
    /// The second time, when all is known.
    reporting: bool,
    /// Indirect jumps without targets so far, and their tables.
    jumps: Vec<(u64, Option<u64>)>,
}

impl<'w, 'd> Walk<'w, 'd> {
    fn new(image: &'w Image<'d>, code: &'w Code<'d>, check: Option<&'w Check>) -> Self {
        Walk {
            image,
            code,
            check,
            states: HashMap::new(),
            open: Vec::new(),
            facts: Facts::default(),
            reporting: false,
            jumps: Vec::new(),
        }
    }

    /// Finds what holds at each leader.
    fn solve(&mut self, body: u64) -> Result<(), Fault> {
        let mut state = State::entry();
        if let Some(Check { form: Form::Long(less), .. }) = self.check {
            state.set(R11, Value::Stack(Depth::at(-i64::from(*less))), true);
        }
        self.reach(body, &state)?;
        while let Some(leader) = self.open.pop() {
            self.run(leader)?;
        }
        Ok(())
    }

    /// Goes through all once more and records what was found.
    fn report(&mut self) -> Result<Vec<(u64, Option<u64>)>, Fault> {
        self.reporting = true;
        let mut leaders: Vec<u64> = self.states.keys().copied().collect();
        leaders.sort_unstable();
        for leader in leaders {
            self.run(leader)?;
        }
        self.facts.calls.sort_by_key(|call| call.at);
        Ok(std::mem::take(&mut self.jumps))
    }

    fn reach(&mut self, address: u64, state: &State) -> Result<(), Fault> {
        if self.reporting {
            return Ok(());
        }
        let changed = match self.states.get_mut(&address) {
            Some(known) => known.join(state).map_err(|problem| (address, problem))?,
            None => {
                self.states.insert(address, state.clone());
                true
            }
        };
        if changed && !self.open.contains(&address) {
            self.open.push(address);
        }
        Ok(())
    }

    /// From a leader to where control leaves or meets the next.
    fn run(&mut self, leader: u64) -> Result<(), Fault> {
        let mut state = self.states[&leader].clone();
        let mut address = leader;
        loop {
            let Some(index) = (address < self.code.range.end).then(|| self.code.at(address)).flatten() else {
                return Ok(());
            };
            // Only a failed check leads there, so the call before it was of a function that never returns.
            if self.check.is_some_and(|check| check.slow == address && check.body != address) {
                return Ok(());
            }
            let inst = &self.code.insts[index];
            if self.reporting && self.check.is_some() && self.facts.pin.is_none() {
                self.facts.pin = movable::pin(inst, &state);
            }
            let wrong = |problem| (address, problem);
            self.memory(inst, &state).map_err(wrong)?;
            match flow(&inst.ins) {
                Flow::Stop => return Ok(()),
                Flow::Return => {
                    if inst.ins.op_count() != 0 || inst.ins.mnemonic() != Mnemonic::Ret {
                        return Err(wrong(Problem::UnknownStackPointer));
                    }
                    return self.leaves(&state).map_err(wrong);
                }
                Flow::Jump(target) => return self.branch(inst, &state, target),
                Flow::Branch(_) if inst.role == Role::Jump => probed(inst, self.code, &mut state).map_err(wrong)?,
                Flow::Branch(target) => {
                    // `loop` counts.
                    values(self.image, inst, &mut state);
                    self.branch(inst, &state, target)?;
                }
                Flow::Indirect => return self.indirect(inst, &state),
                Flow::Call(target) => {
                    self.call(inst, &state, Some(target), false);
                    self.after_call(address, &mut state)?;
                }
                Flow::IndirectCall => {
                    self.call(inst, &state, None, false);
                    self.after_call(address, &mut state)?;
                }
                Flow::Next => step(self.image, inst, &mut state).map_err(wrong)?,
            }
            if -state.rsp.low > self.facts.depth {
                self.facts.depth = -state.rsp.low;
                self.facts.deepest = address;
            }
            self.facts.reach = self.facts.reach.max(self.facts.depth);
            self.facts.realigned |= state.realigned;
            address = inst.ins.next_ip();
            if address < self.code.range.end && self.code.leads(address) {
                return self.reach(address, &state);
            }
        }
    }

    /// A jump to a known address, here or elsewhere.
    fn branch(&mut self, inst: &Inst, state: &State, target: u64) -> Result<(), Fault> {
        // A jump to the function's own entry is a call of itself that takes its place.
        if self.code.range.contains(&target) && (self.check.is_none() || target != self.code.range.start) {
            return self.reach(target, state);
        }
        self.leaves(state).map_err(|problem| (inst.address(), problem))?;
        self.call(inst, state, Some(target), true);
        Ok(())
    }

    fn indirect(&mut self, inst: &Inst, state: &State) -> Result<(), Fault> {
        if let Some(targets) = self.code.tables.get(&inst.address()) {
            for &target in targets {
                self.reach(target, state)?;
            }
            return Ok(());
        }
        if self.reporting {
            if let Value::Target(base) = operand(&inst.ins, 0, state) {
                self.jumps.push((inst.address(), Some(base)));
            } else if state.rsp == Depth::ENTRY && state.rbp == Frame::Callers {
                self.call(inst, state, None, true);
            } else {
                self.jumps.push((inst.address(), None));
            }
        }
        Ok(())
    }

    fn call(&mut self, inst: &Inst, state: &State, target: Option<u64>, tail: bool) {
        if !self.reporting {
            return;
        }
        // Arguments on the stack are pushed, or stored through `%rsp` below all that the frame is counted for; a tail call
        // leaves them where its caller got its own.
        let registers_only = match self.check {
            Some(check) if tail => check.args == 0,
            Some(check) => {
                state.rsp == Depth::at(-i64::from(check.frame))
                    && !state.stored
                    && !state.realigned
                    && !self.code.rsp_taken
            }
            None => false,
        };
        let framed = match state.rbp {
            Frame::Callers => tail,
            Frame::Own(at) => !tail && state.saved == Some(at),
            Frame::Other => false,
        };
        if self.facts.pin.is_none() && !tail && (state.rbp != Frame::Own(-8) || state.saved != Some(-8)) {
            self.facts.pin = Some(Pin::new(inst, "is a call without the standard frame"));
        }
        self.facts.calls.push(Call {
            at: inst.address(),
            len: inst.ins.len(),
            target,
            r11: state.values[R11],
            registers_only,
            framed,
            distance: match state.rbp {
                Frame::Own(at) => at - state.rsp.low,
                _ => 0,
            },
        });
    }

    /// Behind a call, and where the unwinder goes if it does not return.
    fn after_call(&mut self, at: u64, state: &mut State) -> Result<(), Fault> {
        state.called();
        let code = self.code;
        for (pad, pushed) in code.landing.of_call(at) {
            let rsp = state.rsp.moved(pushed as i64).ok_or((pad, Problem::UnknownStackPointer))?;
            self.reach(pad, &state.with_rsp(rsp))?;
        }
        Ok(())
    }

    /// A return or a jump to another function: everything must be as it was at entry.
    fn leaves(&self, state: &State) -> Result<(), Problem> {
        if state.rsp != Depth::ENTRY {
            return Err(Problem::NotUnwound { found: state.rsp.to_string() });
        }
        if state.rbp != Frame::Callers {
            return Err(Problem::FramePointerLost);
        }
        Ok(())
    }

    /// What an instruction's memory operand says if it is on the stack.
    fn memory(&mut self, inst: &Inst, state: &State) -> Result<(), Problem> {
        if matches!(inst.memory, Memory::None | Memory::Address) || inst.ins.memory_index() != Register::None {
            return Ok(());
        }
        let Some((range, exact)) = stack_range(&inst.ins, state) else { return Ok(()) };
        let below = state.rsp.low - range.start;
        if below > limits::RED_ZONE {
            return Err(Problem::BelowRedZone { below });
        }
        self.facts.reach = self.facts.reach.max(-range.start);
        if inst.memory == Memory::Writes && exact {
            let overlaps = |start: i64| range.start < start + 8 && start < range.end;
            if overlaps(0) || state.saved.is_some_and(overlaps) {
                return Err(Problem::OverwritesSaved);
            }
        }
        Ok(())
    }
}

/// The bytes of the stack that an operand without an index means, relative to the entry, and whether just those; else they
/// are the lowest that it may mean.
pub(super) fn stack_range(ins: &Instruction, state: &State) -> Option<(std::ops::Range<i64>, bool)> {
    let (base, exact) = match ins.memory_base() {
        Register::RSP => (state.rsp.low, state.rsp.exact().is_some()),
        Register::RBP => match state.rbp {
            Frame::Own(at) => (at, true),
            _ => return None,
        },
        _ => return None,
    };
    let start = base.checked_add(ins.memory_displacement64() as i64)?;
    Some((start..start.checked_add(ins.memory_size().size().max(1) as i64)?, exact))
}

/// The end of a loop that touches the pages of a frame: there `%rsp` is what `%r11` was set to before.
fn probed(inst: &Inst, code: &Code<'_>, state: &mut State) -> Result<(), Problem> {
    let step = code.at(inst.ins.near_branch_target()).map_or(0, |first| code.insts[first].ins.immediate(1) as i64);
    let Value::Stack(goal) = state.values[R11] else { return Err(Problem::UnknownStackPointer) };
    let left = state.rsp.low - goal.low;
    if step != limits::PAGE || left < 0 || left % step != 0 || state.rsp.high - goal.high != left {
        return Err(Problem::UnknownStackPointer);
    }
    state.rsp = goal;
    Ok(())
}

/// What an instruction that goes on to the next makes of the state.
fn step(image: &Image<'_>, inst: &Inst, state: &mut State) -> Result<(), Problem> {
    let ins = &inst.ins;
    let moved = |depth: Depth, by: i64| depth.moved(by).ok_or(Problem::UnknownStackPointer);
    match (ins.mnemonic(), ins.op0_register()) {
        (Mnemonic::Push | Mnemonic::Pushfq, register) => {
            if ins.stack_pointer_increment() != -8 {
                return Err(Problem::UnknownStackPointer);
            }
            state.rsp = moved(state.rsp, -8)?;
            if register == Register::RBP && state.rbp == Frame::Callers {
                state.saved = state.rsp.exact();
            }
        }
        (Mnemonic::Pop | Mnemonic::Popfq, register) => {
            if ins.stack_pointer_increment() != 8 || register == Register::RSP {
                return Err(Problem::UnknownStackPointer);
            }
            if register == Register::RBP {
                let saved = state.saved.is_some() && state.saved == state.rsp.exact();
                state.rbp = if saved { Frame::Callers } else { Frame::Other };
            } else if let Some(register) = number(register) {
                state.forget(register);
            }
            state.stored |= inst.memory == Memory::Writes;
            state.rsp = moved(state.rsp, 8)?;
            risen(state)?;
        }
        (Mnemonic::Leave, _) => {
            let Frame::Own(at) = state.rbp else { return Err(Problem::UnknownStackPointer) };
            state.rbp = if state.saved == Some(at) { Frame::Callers } else { Frame::Other };
            state.rsp = moved(Depth::at(at), 8)?;
            risen(state)?;
        }
        (Mnemonic::Sub, Register::RSP) if is_immediate(ins.op1_kind()) => {
            state.rsp = moved(state.rsp, (ins.immediate(1) as i64).checked_neg().ok_or(Problem::UnknownStackPointer)?)?;
            risen(state)?;
        }
        (Mnemonic::Add, Register::RSP) if is_immediate(ins.op1_kind()) => {
            state.rsp = moved(state.rsp, ins.immediate(1) as i64)?;
            risen(state)?;
        }
        (Mnemonic::And, Register::RSP) if is_immediate(ins.op1_kind()) => {
            let mask = ins.immediate(1) as i64;
            let alignment = mask.checked_neg().filter(|size| *size > 0 && size & (size - 1) == 0);
            let alignment = alignment.ok_or(Problem::UnknownStackPointer)?;
            // Stack pointers are multiples of 8, so the worst case is 8 bytes behind a boundary.
            state.rsp.low = state.rsp.low.checked_sub((alignment - 8).max(0)).ok_or(Problem::UnknownStackPointer)?;
            state.realigned = true;
        }
        (Mnemonic::Lea, Register::RSP) if ins.memory_index() == Register::None => {
            let by = ins.memory_displacement64() as i64;
            state.rsp = match (ins.memory_base(), state.rbp) {
                (Register::RSP, _) => moved(state.rsp, by)?,
                (Register::RBP, Frame::Own(at)) => moved(Depth::at(at), by)?,
                _ => return Err(Problem::UnknownStackPointer),
            };
            risen(state)?;
        }
        (Mnemonic::Mov, Register::RSP) => match state.rbp {
            Frame::Own(at) if ins.op1_register() == Register::RBP => {
                state.rsp = Depth::at(at);
                risen(state)?;
            }
            _ => return Err(Problem::UnknownStackPointer),
        },
        (Mnemonic::Mov, Register::RBP) if ins.op1_register() == Register::RSP => {
            state.rbp = state.rsp.exact().map_or(Frame::Other, Frame::Own);
        }
        _ => {
            if inst.writes & 1 << RSP != 0 {
                return Err(Problem::UnknownStackPointer);
            }
            if inst.writes & 1 << RBP != 0 {
                state.rbp = Frame::Other;
            }
            values(image, inst, state);
            if inst.memory == Memory::Writes && ins.memory_base() == Register::RSP {
                state.stored = true;
            }
        }
    }
    Ok(())
}

/// `%rsp` went up, perhaps: what is below it is gone.
fn risen(state: &mut State) -> Result<(), Problem> {
    if state.rsp.high > 0 {
        return Err(Problem::UnknownStackPointer);
    }
    if state.saved.is_some_and(|saved| saved < state.rsp.low) {
        state.saved = None;
    }
    Ok(())
}

/// What an operand of eight bytes holds: a register, or a place in the frame.
fn operand(ins: &Instruction, op: u32, state: &State) -> Value {
    match ins.op_kind(op) {
        OpKind::Register if ins.op_register(op).is_gpr64() => state.values[ins.op_register(op).number()],
        OpKind::Memory if ins.memory_index() == Register::None && ins.memory_size().size() == 8 => {
            stack_range(ins, state).map_or(Value::Unknown, |(range, exact)| state.get((range.start, exact)))
        }
        _ => Value::Unknown,
    }
}

/// What an instruction puts aside in the frame.
fn put_aside(image: &Image<'_>, inst: &Inst, state: &mut State) {
    let ins = &inst.ins;
    if inst.memory != Memory::Writes || ins.memory_index() != Register::None {
        return;
    }
    let Some((range, exact)) = stack_range(ins, state) else { return };
    state.overwrite(&range, exact);
    if ins.mnemonic() == Mnemonic::Mov && ins.memory_size().size() == 8 {
        match operand(ins, 1, state) {
            // The address of a function could be a variable's value.
            Value::Address(address) if image.executable(address) => {}
            value @ (Value::Address(_) | Value::Entry(_) | Value::Target(_)) => state.put((range.start, exact), value),
            _ => {}
        }
    }
}

/// Follows addresses through registers.
fn values(image: &Image<'_>, inst: &Inst, state: &mut State) {
    let ins = &inst.ins;
    put_aside(image, inst, state);
    let result = number(ins.op0_register()).filter(|_| ins.op0_register().is_gpr64()).map(|register| {
        let value = match ins.mnemonic() {
            Mnemonic::Lea if ins.memory_base() == Register::RIP => Value::Address(ins.ip_rel_memory_address()),
            Mnemonic::Lea if ins.memory_base() == Register::RSP && ins.memory_index() == Register::None => {
                state.rsp.moved(ins.memory_displacement64() as i64).map_or(Value::Unknown, Value::Stack)
            }
            Mnemonic::Mov if ins.op1_register() == Register::RSP => Value::Stack(state.rsp),
            Mnemonic::Mov
                if ins.memory_base() == Register::RIP
                    && inst.memory == Memory::Reads
                    && ins.segment_prefix() == Register::None =>
            {
                match image.slot(ins.ip_rel_memory_address()) {
                    Some(Slot::Local(address)) => Value::Address(address),
                    Some(Slot::Foreign(slot)) => Value::Foreign(slot),
                    None => Value::Unknown,
                }
            }
            Mnemonic::Mov => operand(ins, 1, state),
            Mnemonic::Sub if is_immediate(ins.op1_kind()) => match state.values[register] {
                Value::Stack(depth) => {
                    depth.moved((ins.immediate(1) as i64).wrapping_neg()).map_or(Value::Unknown, Value::Stack)
                }
                _ => Value::Unknown,
            },
            Mnemonic::Movsxd => entry(ins, state),
            Mnemonic::Add => {
                match (state.values[register], number(ins.op1_register()).map(|other| state.values[other])) {
                    (Value::Entry(table), Some(Value::Address(base)))
                    | (Value::Address(base), Some(Value::Entry(table)))
                        if table == base =>
                    {
                        Value::Target(base)
                    }
                    _ => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        };
        (register, value)
    });
    let mut written = inst.writes;
    while written != 0 {
        let register = written.trailing_zeros() as usize;
        written &= written - 1;
        match result {
            Some((to, value)) if to == register => state.set(register, value, inst.role == Role::Setup),
            _ => state.forget(register),
        }
    }
}

/// `movslq (table,index,4),%r`
fn entry(ins: &Instruction, state: &State) -> Value {
    if ins.memory_displacement64() != 0 || ins.memory_index_scale() != 4 || ins.memory_index() == Register::None {
        return Value::Unknown;
    }
    match number(ins.memory_base()).map(|base| state.values[base]) {
        Some(Value::Address(table)) => Value::Entry(table),
        _ => Value::Unknown,
    }
}
