//! What one instruction does to the stack pointer and the frame pointer.

use iced_x86::{Instruction, Mnemonic, Register};

use super::error::Problem;
use super::image::Image;
use super::inst::{Inst, Memory, RBP, RSP, is_immediate, number};
use super::state::{Depth, Frame, State};
use super::values::values;

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

/// What an instruction that goes on to the next makes of the state.
pub(super) fn step(image: &Image<'_>, inst: &Inst, state: &mut State) -> Result<(), Problem> {
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
