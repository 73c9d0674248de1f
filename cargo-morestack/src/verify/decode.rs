//! The instructions of one function, found by following its control flow.

use std::collections::HashMap;
use std::ops::Range;

use iced_x86::{
    Code as Op, Decoder, DecoderError, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory,
    InstructionInfoOptions, Mnemonic, OpAccess, OpKind, Register,
};

use super::error::Problem;
use super::landing::Landing;

/// An instruction with what the passes over it ask again and again.
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

/// Its part in a loop that touches each page of a large frame:
///
/// ```text
///     mov %rsp,%r11 ; sub $N,%r11            Setup (or lea -N(%rsp),%r11)
///  1: sub $4096,%rsp ; movq $0,(%rsp)
///     cmp %r11,%rsp                          Compare
///     jne 1b                                 Jump
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Any,
    Setup,
    Compare,
    Jump,
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

/// The code of one function.
#[derive(Debug)]
pub(super) struct Code<'d> {
    pub(super) range: Range<u64>,
    bytes: &'d [u8],
    /// In runs: an instruction is followed by its successor in the text unless another run reached that first.
    pub(super) insts: Vec<Inst>,
    /// By offset of an instruction's first byte: its index + 1. `INSIDE` for its other bytes.
    index: Vec<u32>,
    /// Offsets where control arrives from elsewhere.
    leader: Vec<bool>,
    /// Targets of each jump through a table.
    pub(super) tables: HashMap<u64, Vec<u64>>,
    pub(super) landing: Landing,
    /// `%rsp` is used as a value, beyond what prologues and epilogues do with it.
    pub(super) rsp_taken: bool,
}

const INSIDE: u32 = u32::MAX;

/// What is wrong, and where.
pub(super) type Fault = (u64, Problem);

impl<'d> Code<'d> {
    pub(super) fn new(range: Range<u64>, bytes: &'d [u8], landing: Landing) -> Code<'d> {
        let len = bytes.len();
        let range = range.start..range.start + len as u64;
        Code {
            range,
            bytes,
            insts: Vec::with_capacity(len / 4 + 1),
            index: vec![0; len],
            leader: vec![false; len],
            tables: HashMap::new(),
            landing,
            rsp_taken: false,
        }
    }

    fn offset(&self, address: u64) -> usize {
        (address - self.range.start) as usize
    }

    pub(super) fn at(&self, address: u64) -> Option<usize> {
        match self.index.get(self.offset(address)) {
            Some(0 | &INSIDE) | None => None,
            Some(index) => Some(*index as usize - 1),
        }
    }

    pub(super) fn leads(&self, address: u64) -> bool {
        self.leader[self.offset(address)]
    }

    /// Decodes all that is reached from these addresses, which become leaders.
    pub(super) fn discover(
        &mut self,
        from: impl IntoIterator<Item = u64>,
        factory: &mut InstructionInfoFactory,
    ) -> Result<(), Fault> {
        let mut open: Vec<u64> = from.into_iter().collect();
        let mut decoder = Decoder::with_ip(64, self.bytes, self.range.start, DecoderOptions::NONE);
        for &address in &open {
            if !self.range.contains(&address) {
                return Err((address, Problem::UnwindTable("it leads out of the function".into())));
            }
        }
        while let Some(start) = open.pop() {
            let offset = self.offset(start);
            self.leader[offset] = true;
            match self.index[offset] {
                0 => {}
                INSIDE => return Err((start, Problem::Overlap)),
                _ => continue,
            }
            decoder.set_ip(start);
            decoder.set_position(offset).map_err(|_| (start, Problem::RunsOff))?;
            self.run(&mut decoder, &mut open, factory)?;
        }
        self.find_probes();
        Ok(())
    }

    /// Decodes on until control cannot.
    fn run(
        &mut self,
        decoder: &mut Decoder<'_>,
        open: &mut Vec<u64>,
        factory: &mut InstructionInfoFactory,
    ) -> Result<(), Fault> {
        loop {
            let address = decoder.ip();
            let offset = self.offset(address);
            match self.index.get(offset) {
                // A call of a function that never returns may be the last instruction.
                None => return Ok(()),
                Some(0) => {}
                Some(&INSIDE) => return Err((address, Problem::Overlap)),
                Some(_) => return Ok(()),
            }
            let ins = decoder.decode();
            if ins.is_invalid() {
                let problem = if decoder.last_error() == DecoderError::NoMoreBytes {
                    Problem::RunsOff
                } else {
                    Problem::Undecodable
                };
                return Err((address, problem));
            }
            let after = offset + ins.len();
            if self.index[offset..after].iter().any(|byte| *byte != 0) {
                return Err((address, Problem::Overlap));
            }
            let inst = Inst::new(ins, factory);
            self.rsp_taken |= inst.takes_rsp();
            self.insts.push(inst);
            self.index[offset] = self.insts.len() as u32;
            self.index[offset + 1..after].fill(INSIDE);
            let flow = flow(&ins);
            if let Flow::Jump(target) | Flow::Branch(target) = flow
                && self.range.contains(&target)
            {
                open.push(target);
            }
            match flow {
                Flow::Stop | Flow::Return | Flow::Jump(_) | Flow::Indirect => return Ok(()),
                Flow::Next if ins.mnemonic() == Mnemonic::Int3 => {}
                Flow::Next | Flow::Branch(_) if after == self.bytes.len() => return Err((address, Problem::RunsOff)),
                _ => {}
            }
        }
    }

    fn find_probes(&mut self) {
        for jump in 3..self.insts.len() {
            let ins = &self.insts[jump].ins;
            if ins.mnemonic() != Mnemonic::Jne || !self.range.contains(&ins.near_branch_target()) {
                continue;
            }
            let Some(first) = self.at(ins.near_branch_target()) else { continue };
            if first + 3 != jump || first == 0 || !self.is_probe(first) {
                continue;
            }
            self.insts[first + 2].role = Role::Compare;
            self.insts[jump].role = Role::Jump;
            let mut setup = first - 1;
            self.insts[setup].role = Role::Setup;
            if self.insts[setup].ins.mnemonic() == Mnemonic::Sub && setup > 0 {
                setup -= 1;
                self.insts[setup].role = Role::Setup;
            }
        }
    }

    /// Whether the loop's instructions begin here, with the set-up before them.
    fn is_probe(&self, first: usize) -> bool {
        let [sub, touch, compare] = [0, 1, 2].map(|n| &self.insts[first + n].ins);
        let follows = (first..first + 3).all(|n| self.insts[n].ins.next_ip() == self.insts[n + 1].ins.ip());
        let setup = |n: usize| {
            let ins = &self.insts[n].ins;
            ins.next_ip() == self.insts[n + 1].ins.ip() && ins.op0_register() == Register::R11
        };
        let r11_from_rsp = |ins: &Instruction| match ins.mnemonic() {
            Mnemonic::Mov => ins.op1_register() == Register::RSP,
            Mnemonic::Lea => ins.memory_base() == Register::RSP && ins.memory_index() == Register::None,
            _ => false,
        };
        let before = &self.insts[first - 1].ins;
        follows
            && sub.mnemonic() == Mnemonic::Sub
            && sub.op0_register() == Register::RSP
            && is_immediate(sub.op1_kind())
            && touch.code() == Op::Mov_rm64_imm32
            && touch.memory_base() == Register::RSP
            && touch.memory_displacement64() == 0
            && compare.mnemonic() == Mnemonic::Cmp
            && compare.op0_register() == Register::RSP
            && compare.op1_register() == Register::R11
            && setup(first - 1)
            && (r11_from_rsp(before)
                || (before.mnemonic() == Mnemonic::Sub
                    && is_immediate(before.op1_kind())
                    && first >= 2
                    && setup(first - 2)
                    && r11_from_rsp(&self.insts[first - 2].ins)))
    }

    /// The first bytes that no path reaches and that are no padding, apart from these.
    pub(super) fn unreached(&self, apart: &[Range<u64>]) -> Option<u64> {
        let mut at = 0;
        while at < self.index.len() {
            let address = self.range.start + at as u64;
            if let Some(skip) = apart.iter().find(|range| range.contains(&address)) {
                at = self.offset(skip.end);
            } else if self.index[at] != 0 {
                at += 1;
            } else {
                let ins = Decoder::with_ip(64, &self.bytes[at..], address, DecoderOptions::NONE).decode();
                if !matches!(ins.mnemonic(), Mnemonic::Int3 | Mnemonic::Nop | Mnemonic::Ud2) {
                    return Some(address);
                }
                at += ins.len();
            }
        }
        None
    }
}

pub(super) fn is_immediate(kind: OpKind) -> bool {
    matches!(kind, OpKind::Immediate8to64 | OpKind::Immediate32to64)
}

impl Inst {
    fn new(ins: Instruction, factory: &mut InstructionInfoFactory) -> Inst {
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
    fn takes_rsp(&self) -> bool {
        let ins = &self.ins;
        if self.memory == Memory::Address && ins.memory_base() == Register::RSP {
            return ins.op0_register() != Register::RSP && ins.mnemonic() != Mnemonic::Nop;
        }
        let frame = ins.mnemonic() == Mnemonic::Mov && ins.op0_register() == Register::RBP;
        let changed = ins.op_count() > 0 && ins.op0_register() == Register::RSP && ins.mnemonic() != Mnemonic::Xchg;
        self.has_register(Register::RSP) && !frame && !changed
    }
}
