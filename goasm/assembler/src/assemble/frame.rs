//! A function's frame: what is inserted before and behind the statements.
//!
//! ```text
//!     checked, ABI0                        NOSPLIT                frame 0, calls nothing
//!         MOVQ (TLS), R14                      PUSHQ BP               nothing
//!         CMPQ SP, 16(R14)                     MOVQ  SP, BP
//!         JLS  slow                            SUBQ  $frame, SP
//!         PUSHQ BP                             ...
//!         MOVQ SP, BP                          ADDQ  $frame, SP
//!         SUBQ $frame, SP                      POPQ  BP
//!         ...                                  RET
//!     slow:
//!         CALL morestack_noctxt
//!         JMP  entry
//! ```
//!
//! In ABIInternal R14 is `g` already, and registers have arguments, which a failed check saves in the spill space above the return
//! address:
//!
//! ```text
//!     slow:                                the same again for `skip`, where a debug mode goes on, which poisons the guard for good:
//!         MOVQ AX, 8(SP)                       MOVQ 8(SP), AX
//!         CALL morestack_noctxt                XORPS X15, X15
//!         MOVQ 8(SP), AX                       MOVQ (TLS), R14
//!         XORPS X15, X15                       JMP  body
//!         MOVQ (TLS), R14
//!         JMP  entry
//! ```
//!
//! The sequences, their registers (R14 and R12, which are free at the entry of an ABI0 function) and the conditions for them are
//! those of Go 1.27, so that what both assemblers make can be compared byte by byte.

use super::piece::{Bp, Place, Reference, Work};
use crate::machine::{Memory, Operand};
use crate::object::flags;
use crate::registers::name as registers_name;
use crate::signature::registers::{self, Spill};
use crate::syntax::{Abi, Instruction, Register, Statement, StatementKind};

/// Frames up to this size are compared without being subtracted: as many bytes below the guard belong to the function that
/// checks. The runtime's `STACK_SMALL`: each expansion of the macros asserts that.
pub const STACK_SMALL: u32 = 128;

/// From this size on the subtraction may wrap around. The runtime's `STACK_BIG`.
pub const STACK_BIG: u32 = 4096;

/// Bytes below the guard for functions that do not check. The runtime's `STACK_NOSPLIT`, asserted likewise.
pub const STACK_NOSPLIT: u32 = 800;

/// Where `stackguard0` is in `G`. ABI.
pub const G_STACKGUARD0: i64 = 16;

/// Thread-local word that holds the current `g`.
pub const CURRENT_G: &str = "morestack_g";

/// What is known of a function's frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Locals and outgoing arguments.
    pub(super) size: u32,
    /// Whether BP is saved above them.
    pub(super) saves_bp: bool,
    pub(super) flags: u32,
    pub(super) abi: Abi,
}

impl Frame {
    /// Decides what the assembler decides by itself.
    pub(super) fn new(size: u32, given: u32, abi: Abi, body: &[Statement]) -> Frame {
        let calls = body.iter().any(|statement| {
            matches!(&statement.kind, StatementKind::Instruction(Instruction { mnemonic, .. }) if mnemonic == "CALL")
        });
        let mut flags = given;
        let saves_bp = given & flags::NOFRAME == 0 && (size != 0 || calls);
        if !saves_bp {
            flags |= flags::NOFRAME;
        }
        let mut frame = Frame { size, saves_bp, flags, abi };
        // A small leaf runs in the room that each check leaves.
        if !calls && frame.need() < STACK_SMALL {
            frame.flags |= flags::NOSPLIT;
        }
        frame
    }

    /// Bytes that the prologue takes.
    pub(super) fn need(&self) -> u32 {
        self.size + self.bp_bytes()
    }

    pub(super) fn bp_bytes(&self) -> u32 {
        if self.saves_bp { 8 } else { 0 }
    }

    pub(super) fn is_checked(&self) -> bool {
        self.flags & flags::NOSPLIT == 0
    }

    /// What BP is in the body.
    pub(super) fn bp(&self) -> Bp {
        if self.saves_bp { Bp::Frame } else { Bp::Caller }
    }
}

/// An inserted instruction: how listings show it, what it becomes, by how much it moves the stack pointer down, and what BP is
/// afterwards.
pub(super) struct Inserted {
    pub(super) text: String,
    pub(super) work: Work,
    pub(super) moves: i64,
    pub(super) bp: Option<Bp>,
}

fn insert(text: impl Into<String>, mnemonic: &str, operands: Vec<Operand>, reference: Option<Reference>) -> Inserted {
    let work = Work::Machine { mnemonic: mnemonic.to_owned(), suffixes: Vec::new(), operands, reference };
    Inserted { text: text.into(), work, moves: 0, bp: None }
}

fn register(register: Register) -> Operand {
    Operand::Register(register)
}

fn memory(base: Register, displacement: i64) -> Operand {
    Operand::Memory(Memory { base: Some(base), displacement, ..Memory::default() })
}

/// The comparison with the guard.
pub(super) fn check(frame: &Frame) -> Vec<Inserted> {
    // Free at the entry: arguments are on the stack, or in other registers; R14 is g itself in ABIInternal.
    let (g, scratch) = (Register::R14, Register::R12);
    let mut check = Vec::new();
    if frame.abi == Abi::Abi0 {
        check.push(load_g());
    }
    let slow = || Some(Reference::Inside(Place::Slow));
    let lowered = i64::from(frame.need()) - i64::from(STACK_SMALL);
    let compared = if frame.need() <= STACK_SMALL {
        Register::RSP
    } else if frame.need() <= STACK_BIG {
        let text = format!("LEAQ\t{}(SP), R12", -lowered);
        check.push(insert(text, "LEAQ", vec![memory(Register::RSP, -lowered), register(scratch)], None));
        scratch
    } else {
        check.push(insert("MOVQ\tSP, R12", "MOVQ", vec![register(Register::RSP), register(scratch)], None));
        let text = format!("SUBQ\t${lowered}, R12");
        check.push(insert(text, "SUBQ", vec![Operand::Immediate(lowered), register(scratch)], None));
        // It wrapped around: that fits no stack.
        check.push(insert("JCS\tslow", "JCS", vec![Operand::Target], slow()));
        scratch
    };
    let text = format!("CMPQ\t{}, 16(R14)", if compared == Register::RSP { "SP" } else { "R12" });
    check.push(insert(text, "CMPQ", vec![register(compared), memory(g, G_STACKGUARD0)], None));
    check.push(insert("JLS\tslow", "JLS", vec![Operand::Target], slow()));
    check
}

/// What follows the check.
pub(super) fn prologue(frame: &Frame) -> Vec<Inserted> {
    let mut prologue = Vec::new();
    let (sp, bp) = (Register::RSP, Register::RBP);
    if frame.saves_bp {
        let push = insert("PUSHQ\tBP", "PUSHQ", vec![register(bp)], None);
        prologue.push(Inserted { moves: 8, bp: Some(Bp::Pushed), ..push });
        let copy = insert("MOVQ\tSP, BP", "MOVQ", vec![register(sp), register(bp)], None);
        prologue.push(Inserted { bp: Some(Bp::Frame), ..copy });
    }
    if frame.size != 0 {
        prologue.push(adjust(i64::from(frame.size)));
    }
    prologue
}

/// What stands before a return.
pub(super) fn epilogue(frame: &Frame) -> Vec<Inserted> {
    let mut epilogue = Vec::new();
    if frame.size != 0 {
        epilogue.push(adjust(-i64::from(frame.size)));
    }
    if frame.saves_bp {
        let pop = insert("POPQ\tBP", "POPQ", vec![register(Register::RBP)], None);
        epilogue.push(Inserted { moves: -8, bp: Some(Bp::Caller), ..pop });
    }
    epilogue
}

/// Loads the current `g`.
fn load_g() -> Inserted {
    let word = Operand::Memory(Memory { is_thread_local: true, ..Memory::default() });
    let current = Reference::CurrentG { addend: 0 };
    insert("MOVQ\t(TLS), R14", "MOVQ", vec![word, register(registers::G)], Some(current))
}

/// Where a failed check goes, up to and with the call of morestack.
pub(super) fn slow_path(frame: &Frame, spills: &[Spill]) -> Vec<Inserted> {
    let mut slow = vec![Inserted { text: "NOP".into(), work: Work::Nothing, moves: 0, bp: None }];
    for Spill { part, at } in spills {
        let (mnemonic, name, at) = (part.store(), registers_name(part.register), *at as i64 + 8);
        let operands = vec![register(part.register), memory(Register::RSP, at)];
        slow.push(insert(format!("{mnemonic}\t{name}, {at}(SP)"), mnemonic, operands, None));
    }
    let name = if frame.flags & flags::NEEDCTXT != 0 { "morestack" } else { "morestack_noctxt" };
    let symbol = Reference::Symbol { name: name.into(), addend: 0 };
    slow.push(insert(format!("CALL\t{name}(SB)"), "CALL", vec![Operand::Target], Some(symbol)));
    slow
}

/// What follows that call: the registers as they were, and a jump.
pub(super) fn again(frame: &Frame, spills: &[Spill], to: Place) -> Vec<Inserted> {
    let mut again = Vec::new();
    for Spill { part, at } in spills {
        let (mnemonic, name, at) = (part.load(), registers_name(part.register), *at as i64 + 8);
        let operands = vec![memory(Register::RSP, at), register(part.register)];
        again.push(insert(format!("{mnemonic}\t{at}(SP), {name}"), mnemonic, operands, None));
    }
    if frame.abi == Abi::Internal {
        // Go's morestack leaves both as they are; this one goes by way of Rust.
        again.push(insert("XORPS\tX15, X15", "XORPS", vec![register(registers::ZERO); 2], None));
        again.push(load_g());
    }
    let text = if to == Place::Entry { "JMP\t0" } else { "JMP\tbody" };
    again.push(insert(text, "JMP", vec![Operand::Target], Some(Reference::Inside(to))));
    again
}

/// Moves the stack pointer down by `bytes`.
pub(super) fn adjust(bytes: i64) -> Inserted {
    let sub = if bytes >= 0 { "SUBQ" } else { "ADDQ" };
    let add = if bytes >= 0 { "ADDQ" } else { "SUBQ" };
    // 128 is one byte shorter as -128.
    let (mnemonic, value) = if bytes.abs() == 128 { (add, -128) } else { (sub, bytes.abs()) };
    let operands = vec![Operand::Immediate(value), register(Register::RSP)];
    Inserted { moves: bytes, ..insert(format!("{mnemonic}\t${value}, SP"), mnemonic, operands, None) }
}
