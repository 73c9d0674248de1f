//! Loops that touch each page of a large frame.

use iced_x86::{Code as Op, Instruction, Mnemonic, Register};

use super::decode::Code;
use super::error::Problem;
use super::inst::{Inst, R11, is_immediate};
use super::limits;
use super::state::{State, Value};

/// An instruction's part in such a loop:
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

impl Code<'_> {
    /// Gives the instructions of such loops their roles.
    pub(super) fn find_probes(&mut self) {
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
}

/// The end of a loop that touches the pages of a frame: there `%rsp` is what `%r11` was set to before.
pub(super) fn probed(inst: &Inst, code: &Code<'_>, state: &mut State) -> Result<(), Problem> {
    let step = code.at(inst.ins.near_branch_target()).map_or(0, |first| code.insts[first].ins.immediate(1) as i64);
    let Value::Stack(goal) = state.values[R11] else { return Err(Problem::UnknownStackPointer) };
    let left = state.rsp.low - goal.low;
    if step != limits::PAGE || left < 0 || left % step != 0 || state.rsp.high - goal.high != left {
        return Err(Problem::UnknownStackPointer);
    }
    state.rsp = goal;
    Ok(())
}
