//! The instructions of one function, found by following its control flow.

use std::collections::HashMap;
use std::ops::Range;

use iced_x86::{Decoder, DecoderError, DecoderOptions, InstructionInfoFactory, Mnemonic};

use super::error::Problem;
use super::inst::{Flow, Inst, flow};
use super::landing::Landing;
use super::probe::Role;

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
    /// What belongs to the check: nothing leads there but the check itself.
    apart: Vec<Range<u64>>,
    /// `%rsp` is used as a value, beyond what prologues and epilogues do with it.
    pub(super) rsp_taken: bool,
}

const INSIDE: u32 = u32::MAX;

/// What is wrong, and where.
pub(super) type Fault = (u64, Problem);

impl<'d> Code<'d> {
    pub(super) fn new(range: Range<u64>, bytes: &'d [u8], landing: Landing, apart: Vec<Range<u64>>) -> Code<'d> {
        let len = bytes.len();
        let range = range.start..range.start + len as u64;
        let mut code = Code {
            range,
            bytes,
            insts: Vec::with_capacity(len / 4 + 1),
            index: vec![0; len],
            leader: vec![false; len],
            tables: HashMap::new(),
            landing,
            apart,
            rsp_taken: false,
        };
        for part in &code.apart {
            let part = code.offset(part.start)..code.offset(part.end);
            code.index[part].fill(INSIDE);
        }
        code
    }

    /// Whether a jump to an address leads to another part of this function. One to the function's check is a call of it.
    pub(super) fn inside(&self, target: u64) -> bool {
        self.range.contains(&target) && (self.apart.is_empty() || target != self.range.start)
    }

    /// Whether the check's slow path begins at an address.
    pub(super) fn is_slow_path(&self, address: u64) -> bool {
        self.apart.iter().any(|part| part.start == address && address != self.range.start)
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
        self.rsp_taken = self.insts.iter().any(|inst| inst.role == Role::Any && inst.takes_rsp());
        Ok(())
    }

    /// Decodes on until control cannot.
    fn run(
        &mut self,
        decoder: &mut Decoder<'_>,
        open: &mut Vec<u64>,
        factory: &mut InstructionInfoFactory,
    ) -> Result<(), Fault> {
        let mut called = false;
        loop {
            let address = decoder.ip();
            let offset = self.offset(address);
            match self.index.get(offset) {
                // A call of a function that never returns may be the last instruction, or stand before the slow path.
                None => return Ok(()),
                Some(_) if called && self.is_slow_path(address) => return Ok(()),
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
            self.insts.push(inst);
            self.index[offset] = self.insts.len() as u32;
            self.index[offset + 1..after].fill(INSIDE);
            let flow = flow(&ins);
            if let Flow::Jump(target) | Flow::Branch(target) = flow
                && self.inside(target)
            {
                open.push(target);
            }
            called = matches!(flow, Flow::Call(_) | Flow::IndirectCall);
            match flow {
                Flow::Stop | Flow::Return | Flow::Jump(_) | Flow::Indirect => return Ok(()),
                Flow::Next if ins.mnemonic() == Mnemonic::Int3 => {}
                Flow::Next | Flow::Branch(_) if after == self.bytes.len() => return Err((address, Problem::RunsOff)),
                _ => {}
            }
        }
    }

    /// The first bytes that no path reaches and that are no padding.
    pub(super) fn unreached(&self) -> Option<u64> {
        let mut at = 0;
        while at < self.index.len() {
            if self.index[at] != 0 {
                at += 1;
                continue;
            }
            let address = self.range.start + at as u64;
            let ins = Decoder::with_ip(64, &self.bytes[at..], address, DecoderOptions::NONE).decode();
            if !matches!(ins.mnemonic(), Mnemonic::Int3 | Mnemonic::Nop | Mnemonic::Ud2) {
                return Some(address);
            }
            at += ins.len();
        }
        None
    }
}
