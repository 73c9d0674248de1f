//! Follows the stack pointer, the frame pointer and known addresses through a function, on all paths.

use std::collections::HashMap;

use iced_x86::{Mnemonic, Register};

use super::check::Check;
use super::decode::{Code, Fault};
use super::error::Problem;
use super::image::Image;
use super::inst::{Flow, Inst, Memory, R11, flow};
use super::limits;
use super::movable::{self, Pin};
use super::probe::{Role, probed};
use super::state::{Depth, Frame, STANDARD, State, Value};
use super::step::{stack_range, step};
use super::values::{operand, values};

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
    /// The frame is gone when the callee runs.
    pub(super) tail: bool,
    /// The frame may not be moved while the callee runs.
    pub(super) pinned: bool,
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
    /// What keeps its frame from being moved, wherever it is.
    pub(super) pin: Option<Pin>,
    /// The first instruction that keeps its frame from being moved from there on.
    pub(super) leak: Option<Pin>,
}

/// One round over all paths of a function.
pub(super) struct Walk<'w, 'd> {
    image: &'w Image<'d>,
    code: &'w Code<'d>,
    check: Option<&'w Check>,
    /// What is known at leaders.
    states: HashMap<u64, State>,
    open: Vec<u64>,
    pub(super) facts: Facts,
    /// The second time, when all is known.
    reporting: bool,
    /// Indirect jumps without targets so far, and their tables.
    jumps: Vec<(u64, Option<u64>)>,
}

impl<'w, 'd> Walk<'w, 'd> {
    pub(super) fn new(image: &'w Image<'d>, code: &'w Code<'d>, check: Option<&'w Check>) -> Self {
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
    pub(super) fn solve(&mut self, roots: &[(u64, State)]) -> Result<(), Fault> {
        for (address, state) in roots {
            self.reach(*address, state)?;
        }
        while let Some(leader) = self.open.pop() {
            self.run(leader)?;
        }
        Ok(())
    }

    /// Goes through all once more and records what was found.
    pub(super) fn report(&mut self) -> Result<Vec<(u64, Option<u64>)>, Fault> {
        self.reporting = true;
        let mut leaders: Vec<u64> = self.states.keys().copied().collect();
        leaders.sort_unstable();
        for leader in leaders {
            self.run(leader)?;
        }
        self.facts.calls.sort_by_key(|call| call.at);
        Ok(std::mem::take(&mut self.jumps))
    }

    /// What holds in code of which nothing is known but that the frame is set up. Where `%rsp` was aligned, it is as elsewhere.
    pub(super) fn frame(&self) -> Option<State> {
        let check = self.check?;
        if self.facts.realigned {
            let mut aligned: Vec<_> = self.states.iter().filter(|(_, state)| state.realigned).collect();
            aligned.sort_unstable_by_key(|(address, _)| **address);
            return aligned.first().map(|(_, state)| state.without_values());
        }
        Some(State::framed(i64::from(check.frame)))
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
            let inst = &self.code.insts[index];
            if let Some(leak) = movable::pin(inst, &state) {
                state.leaked = true;
                if self.reporting {
                    self.facts.leak.get_or_insert(leak);
                }
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
        if self.code.inside(target) {
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
        let standard = state.rbp == Frame::Own(STANDARD) && state.saved == Some(STANDARD);
        if !tail && !standard {
            self.facts.leak.get_or_insert(Pin::new(inst, "is a call without the standard frame"));
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
            tail,
            pinned: state.leaked || !standard,
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
