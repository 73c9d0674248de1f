//! Prologues of over-aligned frames.
//!
//! A function with a local that wants more than 16 bytes of alignment lowers RSP to a multiple of it:
//!
//! ```text
//!     push %rbp ; mov %rsp, %rbp ; push ... ; and $-alignment, %rsp ; sub $locals, %rsp
//! ```
//!
//! LLVM does not count what the `and` may take, so the check asks for too little. Where the numbers have room, they are mended
//! here. From 4096 on LLVM drops the whole set-up of the frame and keeps its end: such a function cannot be mended and stays
//! unchecked, so that it runs on a big stack.

use super::check::{self, Check, Form};
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// What a frame may take when only RSP is compared: what the verification allows below the guard, less what it needs itself.
const COMPARE_ALLOWANCE: u32 = 368;
/// `push %rbp; mov %rsp, %rbp`, with which every body begins, because frame pointers are forced.
const FRAME_SETUP: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
/// Bytes of a word that `push` takes.
const WORD: u32 = 8;

/// What is to be done about one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    Sound,
    /// New numbers: (place in bytes from the function's start, the operand).
    Mend(Vec<(usize, u32)>),
    /// It must stay unchecked, for this reason.
    Unsound(Reason),
}

/// Why a function stays unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its check or its slow path has an unknown form.
    UnknownCheck,
    /// Behind the check it does not set up a frame.
    NoFrameSetup,
    /// It realigns its frame, which takes more than the compared slack has.
    AlignmentOverSlack,
    /// It realigns its frame in a way that is not understood.
    UnknownRealignment,
}

impl Reason {
    /// For a record of what stays unchecked.
    pub fn describe(self) -> &'static str {
        match self {
            Self::UnknownCheck => "its check has an unknown form",
            Self::NoFrameSetup => "the compiler drops the set-up of its frame (a local of alignment 4096 or more)",
            Self::AlignmentOverSlack => "its over-aligned frame may take more than its check allows",
            Self::UnknownRealignment => "it realigns its frame in an unknown way",
        }
    }
}

/// Judges a function that has a check.
pub fn judge(code: &[u8]) -> Finding {
    let Some(check) = check::parse(code) else { return Finding::Unsound(Reason::UnknownCheck) };
    let body = &code[check.body..];
    if !body.starts_with(&FRAME_SETUP) {
        return Finding::Unsound(Reason::NoFrameSetup);
    }
    match prologue_depth(body) {
        Depth::AsCounted => Finding::Sound,
        Depth::Realigned(depth) => mend(check, depth),
        Depth::Unknown => Finding::Unsound(Reason::UnknownRealignment),
    }
}

fn mend(check: Check, depth: u32) -> Finding {
    // A multiple of 16 like every frame.
    let depth = depth.next_multiple_of(16).max(check.frame);
    match check.form {
        Form::Compare if depth > COMPARE_ALLOWANCE => Finding::Unsound(Reason::AlignmentOverSlack),
        Form::Compare => Finding::Mend(vec![(check.frame_at, depth)]),
        Form::Subtract { at, .. } => Finding::Mend(vec![(at, depth.wrapping_neg()), (check.frame_at, depth)]),
    }
}

enum Depth {
    /// RSP is not realigned, so LLVM has counted right.
    AsCounted,
    /// RSP is realigned; this is the most that it may be lowered by.
    Realigned(u32),
    Unknown,
}

/// How far the prologue lowers RSP below its value at the function's entry.
fn prologue_depth(body: &[u8]) -> Depth {
    let mut depth = 0_u32;
    let mut alignment = 0_u32;
    let mut instructions = Decoder::new(64, body, DecoderOptions::NONE).into_iter().peekable();
    while let Some(instruction) = instructions.next() {
        match instruction.mnemonic() {
            Mnemonic::Push if alignment == 0 => depth += WORD,
            Mnemonic::Mov if instruction.op0_register() == Register::RBP => {}
            Mnemonic::And if instruction.op0_register() == Register::RSP => {
                let mask = instruction.immediate(1) as i64;
                let Ok(wanted) = u32::try_from(mask.wrapping_neg()) else { return Depth::Unknown };
                if !wanted.is_power_of_two() || alignment != 0 {
                    return Depth::Unknown;
                }
                alignment = wanted;
                // RSP is a multiple of a word before, so this is the most.
                depth += wanted.saturating_sub(WORD);
            }
            Mnemonic::Sub if instruction.op0_register() == Register::RSP && alignment != 0 => {
                match fixed_subtraction(&instruction) {
                    // The compiler probes frames of over a page page by page: the subtractions add up.
                    Some(bytes) => depth = depth.saturating_add(bytes),
                    None => return Depth::Unknown,
                }
            }
            // A probing loop for a large frame: `lea -N(%rsp), %r11; again: sub $4096, %rsp; ...; cmp %r11, %rsp; jne again`.
            Mnemonic::Lea
                if instruction.op0_register() == Register::R11 && instruction.memory_base() == Register::RSP =>
            {
                let Ok(bytes) = u32::try_from((instruction.memory_displacement64() as i64).wrapping_neg()) else {
                    return Depth::Unknown;
                };
                return probed(alignment, depth, bytes, instructions);
            }
            // The same, as `mov %rsp, %r11; sub $N, %r11`.
            Mnemonic::Mov
                if instruction.op0_register() == Register::R11 && instruction.op1_register() == Register::RSP => {}
            Mnemonic::Sub if instruction.op0_register() == Register::R11 => {
                let Some(bytes) = fixed_subtraction(&instruction) else { return Depth::Unknown };
                return probed(alignment, depth, bytes, instructions);
            }
            // A probe between two of the subtractions.
            Mnemonic::Mov if instruction.memory_base() == Register::RSP && is_probe(&instruction) => {}
            _ if alignment != 0 => return Depth::Realigned(depth),
            // Everything that follows the prologue. A `sub` before an `and` is no form of LLVM's.
            _ => {
                return if realigns_later(std::iter::once(instruction).chain(instructions)) {
                    Depth::Unknown
                } else {
                    Depth::AsCounted
                };
            }
        }
    }
    if alignment != 0 { Depth::Realigned(depth) } else { Depth::AsCounted }
}

/// What a probing loop that takes `bytes`, and the remainder of a page behind it, make of a prologue's depth so far.
fn probed(alignment: u32, depth: u32, bytes: u32, mut rest: impl Iterator<Item = Instruction>) -> Depth {
    if alignment == 0 {
        return if realigns_later(rest) { Depth::Unknown } else { Depth::AsCounted };
    }
    let behind = rest.by_ref().skip_while(|next| next.mnemonic() != Mnemonic::Jne).nth(1);
    let behind = behind.filter(|next| next.mnemonic() == Mnemonic::Sub && next.op0_register() == Register::RSP);
    let remainder = behind.as_ref().and_then(fixed_subtraction).unwrap_or(0);
    Depth::Realigned(depth.saturating_add(bytes).saturating_add(remainder))
}

fn fixed_subtraction(instruction: &Instruction) -> Option<u32> {
    let is_fixed = matches!(instruction.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64);
    is_fixed.then(|| u32::try_from(instruction.immediate(1)).ok()).flatten()
}

/// `movq $0, (%rsp)`.
fn is_probe(instruction: &Instruction) -> bool {
    instruction.code() == Code::Mov_rm64_imm32
        && instruction.memory_displacement64() == 0
        && instruction.immediate(1) == 0
}

/// Whether RSP is realigned anywhere in the rest of a function. Its bytes are decoded one instruction after the other: a jump
/// table between them would be an error of the verifier's anyway, and LLVM puts them into sections of their own.
fn realigns_later(mut rest: impl Iterator<Item = Instruction>) -> bool {
    rest.any(|instruction| instruction.mnemonic() == Mnemonic::And && instruction.op0_register() == Register::RSP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(form: &[u8], frame: u32, body: &[u8]) -> Vec<u8> {
        let mut code = form.to_vec();
        code.extend([0x0f, 0x86]);
        code.extend((body.len() as u32).to_le_bytes());
        let start = code.len();
        code.extend(body);
        code.extend([0x41, 0xba]);
        code.extend(frame.to_le_bytes());
        code.extend([0x41, 0xbb, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3, 0xe9]);
        let back = start as i32 - (code.len() as i32 + 4);
        code.extend(back.to_le_bytes());
        code
    }

    fn subtracting(bytes: u32) -> Vec<u8> {
        let mut form = vec![0x4c, 0x8d, 0x9c, 0x24];
        form.extend(bytes.wrapping_neg().to_le_bytes());
        form.extend(check::COMPARE_R11);
        form
    }

    /// `push rbp; mov rbp, rsp; and rsp, -alignment; sub rsp, locals; leave; ret`
    fn realigning(alignment: i32, locals: i32) -> Vec<u8> {
        let mut body = FRAME_SETUP.to_vec();
        body.extend([0x48, 0x81, 0xe4]);
        body.extend((-alignment).to_le_bytes());
        body.extend([0x48, 0x81, 0xec]);
        body.extend(locals.to_le_bytes());
        body.extend([0xc9, 0xc3]);
        body
    }

    #[test]
    fn an_ordinary_frame_is_sound() {
        let body = [FRAME_SETUP.as_slice(), &[0x48, 0x83, 0xec, 0x10, 0xc9, 0xc3]].concat();
        assert_eq!(judge(&function(&check::COMPARE_RSP, 0x18, &body)), Finding::Sound);
    }

    #[test]
    fn a_frame_without_set_up_is_unsound() {
        let body = [0x48, 0x83, 0xec, 0x10, 0xc9, 0xc3];
        assert_eq!(judge(&function(&subtracting(4096), 4096, &body)), Finding::Unsound(Reason::NoFrameSetup));
    }

    #[test]
    fn the_subtracting_form_gets_larger_numbers() {
        let code = function(&subtracting(512), 512, &realigning(128, 512));
        let check = check::parse(&code).expect("a check");
        // The pushed RBP, what the `and` takes at most, the locals; in sixteens.
        let depth = (8 + 120 + 512_u32).next_multiple_of(16);
        assert_eq!(judge(&code), Finding::Mend(vec![(4, depth.wrapping_neg()), (check.frame_at, depth)]));
    }

    #[test]
    fn the_comparing_form_has_no_more_than_its_slack() {
        let small = function(&check::COMPARE_RSP, 64, &realigning(64, 64));
        let check = check::parse(&small).expect("a check");
        assert_eq!(judge(&small), Finding::Mend(vec![(check.frame_at, 128)]));
        let large = function(&check::COMPARE_RSP, 200, &realigning(256, 192));
        assert_eq!(judge(&large), Finding::Unsound(Reason::AlignmentOverSlack));
    }

    #[test]
    fn realigning_behind_the_prologue_is_unsound() {
        let body = [FRAME_SETUP.as_slice(), &[0x90, 0x48, 0x83, 0xe4, 0xe0, 0xc9, 0xc3]].concat();
        assert_eq!(judge(&function(&check::COMPARE_RSP, 16, &body)), Finding::Unsound(Reason::UnknownRealignment));
    }
}
