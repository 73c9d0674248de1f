//! What a function must keep to so that its stack can move and be unwound: the assembler lets all of it pass, as Go's does.
//!
//! The runtime finds the frames of a stack by their saved frame pointers, and compares what it finds with the function table. So code
//! that is not what the table says ends the program at some growth, and here it ends the compilation instead.

use crate::assemble::writes;
use crate::diagnostic::{Diagnostic, Position};
use crate::object::{Call, Function, Map, Object, Placed, flags};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register};
use std::collections::HashSet;

/// Adds what is wrong with the functions of a file to what has been found otherwise; of a place where something is known to be wrong
/// nothing more is said.
pub fn check(object: &Object, found: &mut Vec<Diagnostic>) {
    let known: HashSet<Position> = found.iter().map(|it| it.position.clone()).collect();
    found.extend(all(object).into_iter().filter(|it| !known.contains(&it.position)));
}

fn all(object: &Object) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let quiet = quiet(object);
    for function in &object.functions {
        Check { function, quiet: &quiet, factory: InstructionInfoFactory::new(), found: &mut found }.all();
    }
    found
}

/// Functions in which no stack is ever looked at: they do not check, and go on only in functions of this file of which that is true
/// as well. The largest such set.
fn quiet(object: &Object) -> HashSet<&str> {
    let nosplit = object.functions.iter().filter(|function| function.has(flags::NOSPLIT));
    let mut quiet: HashSet<&str> = nosplit.clone().map(|function| function.name.as_str()).collect();
    loop {
        let is_loud = |function: &&Function| {
            let goes_on = |call: &Call| call.callee.as_deref().is_none_or(|callee| !quiet.contains(callee));
            quiet.contains(function.name.as_str()) && function.calls.iter().any(goes_on)
        };
        let loud: Vec<&str> = nosplit.clone().filter(is_loud).map(|function| function.name.as_str()).collect();
        if loud.is_empty() {
            return quiet;
        }
        quiet.retain(|name| !loud.contains(name));
    }
}

struct Check<'a> {
    function: &'a Function,
    quiet: &'a HashSet<&'a str>,
    factory: InstructionInfoFactory,
    found: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn all(mut self) {
        if self.function.spills.is_none() && self.function.restart.is_some() {
            let position = self.function.position.clone();
            let what = "is ABIInternal and checks, and nothing says which registers have its arguments";
            self.report(&position, what, "declare it in Rust: `unsafe extern \"ABIInternal\" { .. }`; or NOSPLIT");
        }
        self.maps();
        self.calls();
        self.jumps();
        self.instructions();
    }

    fn report(&mut self, position: &Position, what: &str, advice: &str) {
        let message = format!("{} {what}", self.function.name);
        self.found.push(Diagnostic::new(position, message).note(advice));
    }

    /// Whether somebody may look at its frame while it is called: at a failed check, or in a call.
    fn is_looked_at(&self) -> bool {
        self.function.restart.is_some() || self.calls_something()
    }

    /// Whether it calls functions in which stacks are looked at.
    fn calls_something(&self) -> bool {
        self.function.calls.iter().any(|call| !call.is_tail && self.is_loud(call))
    }

    fn is_loud(&self, call: &Call) -> bool {
        call.callee.as_deref().is_none_or(|callee| !self.quiet.contains(callee))
    }

    fn maps(&mut self) {
        let position = &self.function.position.clone();
        let advice =
            "NO_LOCAL_POINTERS says that no local ever points into the stack; else give a map with FUNCDATA $1";
        if self.calls_something() && self.function.frame != 0 && self.function.locals_map.is_none() {
            self.report(
                position,
                "calls others, and nothing says which of its locals may point into the stack",
                advice,
            );
        }
        self.map_fits(position, "locals", self.function.locals_map.as_ref(), self.function.frame);
        let Some(args) = self.function.args else {
            if self.is_looked_at() {
                let what = "does not say how many bytes of arguments and results it has";
                self.report(
                    position,
                    what,
                    "behind the frame's size: `$16-24`; only NOSPLIT functions without calls need not",
                );
            }
            return;
        };
        if args != 0 && self.is_looked_at() && self.function.args_map.is_none() {
            let what = "has arguments or results, and nothing says which of them may point into the stack";
            self.report(position, what, "declare the function in Rust, or give a map with FUNCDATA $0");
        }
        self.map_fits(position, "arguments", self.function.args_map.as_ref(), args);
    }

    fn map_fits(&mut self, position: &Position, kind: &str, map: Option<&Map>, bytes: u32) {
        let Some(map) = map else { return };
        if map.bits > bytes.div_ceil(8) {
            let what = format!("has {} words of {kind}, and their map {}", bytes.div_ceil(8), map.bits);
            self.report(position, &what, "make the map as long as the area");
        }
        let asked = self.function.calls.iter().find(|call| call.map >= map.count && !call.is_tail);
        if let Some(call) = asked {
            let what =
                format!("is in state {} here (PCDATA $1), and the map of its {kind} has {}", call.map, map.count);
            self.report(&call.position, &what, "give a bitmap for each state");
        }
    }

    fn calls(&mut self) {
        let function = self.function;
        for call in &function.calls {
            if !call.is_tail && function.has(flags::NOFRAME) && self.is_loud(call) {
                let advice = "leave out NOFRAME: the saved BP is how the frames below are found";
                self.report(&call.position, "calls another function without having saved BP", advice);
            }
            let depth = call.pushed + i64::from(function.need());
            if call.is_tail && depth != 0 {
                let what = format!("jumps out with {depth} bytes of its frame on the stack");
                self.report(&call.position, &what, "`RET name(SB)` takes the frame down first; NOFRAME has none");
            }
        }
    }

    /// The depth of the stack is counted in the order of the lines; so it must be the same along each jump.
    fn jumps(&mut self) {
        for jump in self.function.instructions.iter().filter(|it| !it.is_inserted) {
            let Some(target) = jump.target.and_then(|target| self.placed(target)) else { continue };
            if target.depth != jump.depth {
                let what = format!(
                    "jumps from where {} bytes are on the stack to line {}, where the count is {}",
                    jump.depth, target.position.line, target.depth
                );
                let advice = "PUSH, POP, ADJSP and arithmetic on SP are counted in the order of the lines";
                self.report(&jump.position.clone(), &what, advice);
            }
        }
    }

    /// The instruction at an offset.
    fn placed(&self, at: u32) -> Option<&Placed> {
        let instructions = &self.function.instructions;
        let behind = instructions.partition_point(|it| it.at <= at);
        instructions[..behind].iter().rev().find(|it| it.len != 0 || it.at == at)
    }

    /// Looks at the machine's instructions, those among them that are given as bytes.
    fn instructions(&mut self) {
        let function = self.function;
        let mut decoder = Decoder::with_ip(64, &function.code, 0, DecoderOptions::NONE);
        let (mut sets_direction, mut clears_direction) = (None, false);
        for machine in &mut decoder {
            let Some(placed) = self.placed(machine.ip() as u32) else { continue };
            let (position, is_inserted) = (placed.position.clone(), placed.is_inserted);
            let is_data = placed.machine.is_none() && placed.len != 0;
            match machine.mnemonic() {
                Mnemonic::INVALID => {
                    let advice = "constants belong into DATA, where the processor never comes by";
                    self.report(&position, "has bytes that are no instruction", advice);
                    return;
                }
                Mnemonic::Ret if placed.depth != 0 => {
                    let what = format!("returns with {} bytes on the stack", placed.depth);
                    self.report(&position, &what, "arithmetic on SP, too, is counted in the order of the lines");
                    continue;
                }
                Mnemonic::Std => sets_direction = Some(position.clone()),
                Mnemonic::Cld => clears_direction = true,
                _ => {}
            }
            if is_inserted {
                continue;
            }
            let goes_on =
                matches!(machine.flow_control(), FlowControl::Next | FlowControl::Exception | FlowControl::Interrupt);
            if is_data && !goes_on {
                self.report(
                    &position,
                    "has a jump that is written as bytes",
                    "write the instruction, so that its target is known",
                );
            }
            if self.writes(&machine, Register::RSP) && (is_data || !is_counted(&machine)) {
                let advice = "use PUSH, POP, ADJSP, or ADDQ and SUBQ with constants; frames of other alignments are not possible";
                self.report(&position, "changes SP by what the assembler does not know", advice);
            }
            if self.writes(&machine, Register::RBP) {
                if function.has(flags::NOFRAME) {
                    let advice =
                        "give the function a frame of 8 bytes or more: then BP is saved before and restored at RET";
                    self.report(&position, "changes BP, which is its caller's", advice);
                } else if self.calls_something() {
                    let advice = "use another register, or move the calls to a function of their own";
                    self.report(&position, "changes BP and calls others, whose frames would not be found", advice);
                }
            }
        }
        if let (Some(position), false) = (sets_direction, clears_direction) {
            self.report(&position, "sets the direction flag and never clears it", "CLD before it returns");
        }
    }

    fn writes(&mut self, machine: &Instruction, register: Register) -> bool {
        writes(&mut self.factory, machine, register)
    }
}

/// Whether the assembler counts what the instruction does to SP.
fn is_counted(machine: &Instruction) -> bool {
    use Mnemonic::{Add, Call, Jmp, Lea, Pop, Popf, Popfq, Push, Pushf, Pushfq, Ret, Sub};
    let is_constant = |operand| !matches!(machine.op_kind(operand), OpKind::Register | OpKind::Memory);
    match machine.mnemonic() {
        Push | Pushf | Pushfq | Popf | Popfq | Call | Jmp | Ret => true,
        Pop => machine.op0_register() != Register::RSP,
        Add | Sub => is_constant(1) && machine.op0_register() == Register::RSP,
        Lea => {
            machine.op0_register() == Register::RSP
                && machine.memory_base() == Register::RSP
                && machine.memory_index() == Register::None
        }
        _ => false,
    }
}
