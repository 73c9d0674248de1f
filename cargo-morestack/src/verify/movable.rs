//! Which frames may be moved: those to which no pointer can exist but the chain of saved frame pointers. From an instruction that
//! could make one on, on all paths that go on from there, the frame is pinned; before, it is not.
//!
//! A whitelist. `%rsp` and `%rbp` may be the base of a memory operand that is really accessed, and may occur in the forms
//! that prologues and epilogues have, in the places where those are. Any other use, explicit or implicit, could make a
//! pointer into the frame, and so pins it. What is not known to be harmless is not.

use iced_x86::{Mnemonic, OpKind, Register};

use super::check;
use super::inst::{Inst, Memory, RBP, RSP, is_immediate, number};
use super::probe::Role;
use super::state::{Frame, STANDARD, State};
use super::step::stack_range;

/// Why a function's frame is not moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) at: u64,
    pub(super) why: &'static str,
}

impl Pin {
    pub(super) fn new(inst: &Inst, why: &'static str) -> Pin {
        Pin { at: inst.address(), why }
    }
}

/// The reason why this instruction pins the function it is in.
pub(super) fn pin(inst: &Inst, state: &State) -> Option<Pin> {
    reason(inst, state).map(|why| Pin::new(inst, why))
}

fn reason(inst: &Inst, state: &State) -> Option<&'static str> {
    let ins = &inst.ins;
    if inst.role == Role::Any && inst.reads & state.stale != 0 {
        return Some("reads a stack address that the check or a probe left behind");
    }
    if let Some(why) = leaks_by_itself(ins.mnemonic()) {
        return Some(why);
    }
    if ins.memory_segment() == Register::FS
        && ins.memory_base() == Register::None
        && ins.memory_index() == Register::None
        && inst.memory != Memory::None
        && ins.memory_displacement64() == u64::from(check::SHORT[5])
    {
        return Some("accesses the guard, which is an address on the stack");
    }
    if (inst.reads | inst.writes) & (1 << RSP | 1 << RBP) == 0 || inst.role != Role::Any {
        return None;
    }
    if ins.mnemonic() == Mnemonic::And && ins.op0_register() == Register::RSP {
        return Some("aligns the stack pointer");
    }
    let by_base = |register: usize| number(ins.memory_base()) == Some(register);
    if number(ins.memory_index()).is_some_and(|index| index == RSP || index == RBP) {
        return Some("uses the frame pointer as an index");
    }
    if (by_base(RSP) || by_base(RBP)) && !frame_operand(inst, state) {
        return Some(if inst.memory == Memory::Address {
            "makes an address in the frame"
        } else {
            "accesses the saved frame pointer"
        });
    }
    if frame_form(inst, state) {
        return None;
    }
    if inst.has_register(Register::RSP) || inst.has_register(Register::RBP) {
        return Some("uses the stack or frame pointer as a value");
    }
    // What remains is implicit.
    let implicit = match ins.mnemonic() {
        Mnemonic::Push | Mnemonic::Pop | Mnemonic::Call | Mnemonic::Ret => return None,
        _ => |register: usize| {
            (inst.reads | inst.writes) >> register & 1 != 0 && (!by_base(register) || inst.writes >> register & 1 != 0)
        },
    };
    (implicit(RSP) || implicit(RBP)).then_some("uses the stack or frame pointer implicitly")
}

/// Whether a memory operand on the frame is accessed, and is not the saved frame pointer.
fn frame_operand(inst: &Inst, state: &State) -> bool {
    match inst.memory {
        Memory::None => true,
        // An epilogue's, which makes no pointer but `%rsp`.
        Memory::Address => inst.ins.mnemonic() == Mnemonic::Nop || frame_form(inst, state),
        // The caller's frame.
        _ if number(inst.ins.memory_base()) == Some(RBP) && !matches!(state.rbp, Frame::Own(_)) => false,
        Memory::Reads | Memory::Writes => {
            let saved = state.saved.unwrap_or(STANDARD);
            // With an index it is an array's element, and arrays do not reach so far.
            inst.ins.memory_index() != Register::None
                || stack_range(&inst.ins, state).is_none_or(|(range, _)| range.end <= saved || saved + 8 <= range.start)
        }
    }
}

/// The forms of prologues and epilogues, each where it belongs.
fn frame_form(inst: &Inst, state: &State) -> bool {
    let ins = &inst.ins;
    let entered = state.rbp == Frame::Callers;
    let own = matches!(state.rbp, Frame::Own(_));
    let saved = state.saved.is_some();
    match (ins.mnemonic(), ins.op0_register()) {
        (Mnemonic::Push, Register::RBP) => entered && state.rsp.exact() == Some(0),
        (Mnemonic::Mov, Register::RBP) => {
            ins.op1_register() == Register::RSP && entered && saved && state.rsp.exact() == state.saved
        }
        (Mnemonic::Sub | Mnemonic::Add, Register::RSP) => is_immediate(ins.op1_kind()),
        (Mnemonic::Mov, Register::RSP) => ins.op1_register() == Register::RBP && own,
        (Mnemonic::Lea, Register::RSP) => {
            ins.memory_base() == Register::RBP
                && ins.memory_index() == Register::None
                && own
                && ins.op1_kind() == OpKind::Memory
        }
        (Mnemonic::Pop, Register::RBP) => own && saved && state.rsp.exact() == state.saved,
        (Mnemonic::Leave, _) => own && saved,
        _ => false,
    }
}

/// Instructions that write down an address which was accessed before, or which are no code at all.
fn leaks_by_itself(mnemonic: Mnemonic) -> Option<&'static str> {
    match mnemonic {
        Mnemonic::Fnstenv
        | Mnemonic::Fstenv
        | Mnemonic::Fnsave
        | Mnemonic::Fsave
        | Mnemonic::Fxsave
        | Mnemonic::Fxsave64
        | Mnemonic::Xsave
        | Mnemonic::Xsave64
        | Mnemonic::Xsavec
        | Mnemonic::Xsavec64
        | Mnemonic::Xsaveopt
        | Mnemonic::Xsaveopt64
        | Mnemonic::Xsaves
        | Mnemonic::Xsaves64 => Some("stores the address of the last floating-point operand"),
        _ => None,
    }
}
