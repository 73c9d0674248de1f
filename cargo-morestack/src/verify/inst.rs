//! One instruction, with what the passes over it ask again and again.

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, GasFormatter, Instruction, InstructionInfoFactory,
    InstructionInfoOptions, Mnemonic, OpAccess, OpKind, Register,
};

use super::image::Image;
use super::probe::Role;

/// A decoded instruction.
#[derive(Clone, Debug)]
pub(super) struct Inst {
    pub(super) ins: Instruction,
    /// General registers it may change, whole or in part; a bit per number.
    pub(super) writes: u16,
    /// General registers it may read as values or to form an address, implicitly too.
    pub(super) reads: u16,
    pub(super) memory: Memory,
    pub(super) role: Role,
}

/// What an instruction does with its explicit memory operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// It has none.
    None,
    /// Computes the address only (`lea`, prefetches, long no-ops).
    Address,
    Reads,
    Writes,
}

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    /// Nowhere: it traps.
    Stop,
    Return,
    Jump(u64),
    /// To the target or on.
    Branch(u64),
    /// An indirect jump.
    Indirect,
    Call(u64),
    IndirectCall,
}

pub(super) fn flow(ins: &Instruction) -> Flow {
    match ins.flow_control() {
        FlowControl::Next => Flow::Next,
        FlowControl::UnconditionalBranch if ins.is_jmp_short_or_near() => Flow::Jump(ins.near_branch_target()),
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => Flow::Indirect,
        FlowControl::ConditionalBranch => Flow::Branch(ins.near_branch_target()),
        FlowControl::Return => Flow::Return,
        FlowControl::Call if ins.is_call_near() => Flow::Call(ins.near_branch_target()),
        // What iced calls a call into the kernel comes back behind it.
        FlowControl::Call if !ins.is_call_far() => Flow::Next,
        FlowControl::Call | FlowControl::IndirectCall => Flow::IndirectCall,
        // A breakpoint's handler may go on behind it.
        FlowControl::Interrupt => Flow::Next,
        FlowControl::Exception => Flow::Stop,
        FlowControl::XbeginXabortXend if ins.mnemonic() == Mnemonic::Xbegin => Flow::Branch(ins.near_branch_target()),
        FlowControl::XbeginXabortXend => Flow::Next,
    }
}

/// A general register's number, for any part of it.
pub(super) fn number(register: Register) -> Option<usize> {
    let full = register.full_register();
    full.is_gpr64().then(|| full.number())
}

pub(super) const RSP: usize = 4;
pub(super) const RBP: usize = 5;
pub(super) const R11: usize = 11;

pub(super) fn is_immediate(kind: OpKind) -> bool {
    matches!(kind, OpKind::Immediate8to64 | OpKind::Immediate32to64)
}

impl Inst {
    pub(super) fn new(ins: Instruction, factory: &mut InstructionInfoFactory) -> Inst {
        let info = factory.info_options(&ins, InstructionInfoOptions::NONE);
        let (mut writes, mut reads) = (0, 0);
        for used in info.used_registers() {
            let Some(number) = number(used.register()) else { continue };
            let access = used.access();
            if matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite) {
                writes |= 1 << number;
            }
            if matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite) {
                reads |= 1 << number;
            }
        }
        let memory = (0..ins.op_count()).find(|&op| ins.op_kind(op) == OpKind::Memory).map_or(Memory::None, |op| {
            match info.op_access(op) {
                OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite => Memory::Writes,
                OpAccess::Read | OpAccess::CondRead => Memory::Reads,
                OpAccess::None | OpAccess::NoMemAccess => Memory::Address,
            }
        });
        Inst { ins, writes, reads, memory, role: Role::Any }
    }

    pub(super) fn address(&self) -> u64 {
        self.ins.ip()
    }

    pub(super) fn has_register(&self, full: Register) -> bool {
        (0..self.ins.op_count())
            .any(|op| self.ins.op_kind(op) == OpKind::Register && self.ins.op_register(op).full_register() == full)
    }

    /// Whether it makes `%rsp` a value that other registers or memory may then hold.
    pub(super) fn takes_rsp(&self) -> bool {
        let ins = &self.ins;
        if self.memory == Memory::Address && ins.memory_base() == Register::RSP {
            return ins.op0_register() != Register::RSP && ins.mnemonic() != Mnemonic::Nop;
        }
        let frame = ins.mnemonic() == Mnemonic::Mov && ins.op0_register() == Register::RBP;
        let changed = ins.op_count() > 0 && ins.op0_register() == Register::RSP && ins.mnemonic() != Mnemonic::Xchg;
        self.has_register(Register::RSP) && !frame && !changed
    }
}

/// The instruction at an address, as text.
pub(super) fn text(image: &Image<'_>, address: u64) -> String {
    // The longest instruction has 15 bytes.
    let bytes = image.bytes(address, 15);
    let ins = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode();
    if ins.is_invalid() {
        return String::new();
    }
    let mut text = String::new();
    let mut formatter = GasFormatter::new();
    let options = formatter.options_mut();
    options.set_uppercase_hex(false);
    options.set_branch_leading_zeros(false);
    options.set_displacement_leading_zeros(false);
    formatter.format(&ins, &mut text);
    text
}
