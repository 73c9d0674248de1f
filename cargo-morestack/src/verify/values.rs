//! What one instruction does to known addresses: in registers, and where the compiler puts them aside in the frame.

use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::image::{Image, Slot};
use super::inst::{Inst, Memory, is_immediate, number};
use super::probe::Role;
use super::state::{State, Value};
use super::step::stack_range;

/// What an operand of eight bytes holds: a register, or a place in the frame.
pub(super) fn operand(ins: &Instruction, op: u32, state: &State) -> Value {
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
pub(super) fn values(image: &Image<'_>, inst: &Inst, state: &mut State) {
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
            Mnemonic::Add => match (state.values[register], operand(ins, 1, state)) {
                (Value::Entry(table), Value::Address(base)) | (Value::Address(base), Value::Entry(table))
                    if table == base =>
                {
                    Value::Target(base)
                }
                _ => Value::Unknown,
            },
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
