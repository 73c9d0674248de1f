//! The check a function begins with, and its slow path.
//!
//! ```text
//!     short                          long
//!     cmp %fs:0x70,%rsp              lea -N(%rsp),%r11
//!                                    cmp %fs:0x70,%r11
//!     jbe slow, or ja body           jbe slow, or ja body
//!     ...
//!     slow: mov $frame,%r10d         bit 31 of the immediate: the function is movable
//!           mov $args,%r11d
//!           call __morestack
//!           ret
//!           jmp body                 unless the body follows
//! ```

use super::image::Image;

/// `cmp %fs:0x70,%rsp`: what checked code begins with, and what the thunk looks for.
pub(super) const SHORT: [u8; 9] = [0x64, 0x48, 0x3b, 0x24, 0x25, 0x70, 0, 0, 0];
/// `lea disp32(%rsp),%r11`, without the displacement.
const LEA: [u8; 4] = [0x4c, 0x8d, 0x9c, 0x24];
/// `cmp %fs:0x70,%r11`, behind it.
pub(super) const LONG: [u8; 9] = [0x64, 0x4c, 0x3b, 0x1c, 0x25, 0x70, 0, 0, 0];
/// `stc; nopl 0(%rax,%rax,1)`: what linkers put in the place of `SHORT` where code with GCC's check calls code without.
const REWRITTEN: [u8; 9] = [0xf9, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];
/// Bytes from a function's entry to `LONG`.
pub(super) const LONG_AT: u64 = 8;

/// Set in the frame size that the slow path hands to morestack if the function's frame may be moved.
pub(super) const MOVABLE: u32 = 1 << 31;
/// The size of the arguments has so many bits. What is above them says of a movable function while which calls it is: those that return
/// to before so many units from its entry, or all of them.
const ARGS_BITS: u32 = 20;
/// Bytes of a unit.
pub(super) const UNIT: u64 = 16;
/// All calls.
pub(super) const EVERYWHERE: u32 = u32::MAX >> ARGS_BITS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `%rsp` is compared with the guard.
    Short,
    /// `%rsp` less this many bytes.
    Long(u32),
}

/// A check with all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) form: Form,
    /// Where the function goes on when the check passes.
    pub(super) body: u64,
    /// The slow path: `slow..slow_end`, the jump back included.
    pub(super) slow: u64,
    pub(super) slow_end: u64,
    /// Bytes of the frame, the saved `%rbp` included, the return address not.
    pub(super) frame: u32,
    /// Bytes of arguments on the stack.
    pub(super) args: u32,
    /// Where its first immediate is, the frame's.
    frame_at: u64,
    /// Up to where it is marked as movable already, in units; 0: it is not.
    pub(super) marked: u32,
}

impl Check {
    /// What marks it as movable up to there, in units: an address, and the bytes that belong there.
    pub(super) fn mark(&self, units: u32) -> [(u64, [u8; 4]); 2] {
        let frame = if units > 0 { self.frame | MOVABLE } else { self.frame };
        let args = self.args | units << ARGS_BITS;
        [(self.frame_at, frame.to_le_bytes()), (self.frame_at + 6, args.to_le_bytes())]
    }

    /// Where its slow path calls `__morestack`.
    pub(super) fn morestack_at(&self) -> u64 {
        self.slow + 12
    }
}

/// How a function begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Without a check.
    Plain,
    /// With the nine bytes of the short check, but not with a jump behind them: hand-written.
    Bytes,
    Checked(Check),
    /// With a check and a jump, but the rest is not as it should be.
    Malformed(String),
    /// With the check that GCC's `-fsplit-stack` makes, as it is or rewritten by the linker.
    Gcc,
}

pub(super) fn parse(image: &Image<'_>, address: u64, size: u64, morestack: u64) -> Start {
    let code = image.bytes(address, size);
    let (form, jump) = if code.starts_with(&SHORT) {
        (Form::Short, SHORT.len())
    } else if code.starts_with(&LEA) && code.get(LONG_AT as usize..).is_some_and(|rest| rest.starts_with(&LONG)) {
        let less = i32::from_le_bytes([code[4], code[5], code[6], code[7]]);
        match less.checked_neg() {
            Some(less) if less > 0 => (Form::Long(less as u32), LONG_AT as usize + LONG.len()),
            _ => return Start::Malformed(format!("the check subtracts {} bytes", -i64::from(less))),
        }
    } else if code.starts_with(&REWRITTEN) && below(&code[REWRITTEN.len()..]) {
        return Start::Gcc;
    } else {
        return Start::Plain;
    };
    let jump_at = address + jump as u64;
    if below(&code[jump..]) {
        return Start::Gcc;
    }
    let Some((above, target, after)) = branch(&code[jump..], jump_at) else {
        return match form {
            Form::Short => Start::Bytes,
            Form::Long(_) => Start::Malformed("no `jbe` or `ja` follows".into()),
        };
    };
    let (body, slow) = if above { (target, after) } else { (after, target) };
    if !(address..address + size).contains(&slow) || !(address..address + size).contains(&body) {
        return Start::Malformed("its jump leaves the function".into());
    }
    slow_path(&code[(slow - address) as usize..], form, slow, body, morestack)
}

/// A `ja` or `jbe`: whether it is `ja`, its target, the address after it.
fn branch(code: &[u8], at: u64) -> Option<(bool, u64, u64)> {
    match *code {
        [opcode @ (0x76 | 0x77), near, ..] => {
            let after = at + 2;
            Some((opcode == 0x77, after.wrapping_add_signed(i64::from(near as i8)), after))
        }
        [0x0f, opcode @ (0x86 | 0x87), a, b, c, d, ..] => {
            let after = at + 6;
            Some((opcode == 0x87, after.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d]))), after))
        }
        _ => None,
    }
}

/// A `jb` or `jae`, which are GCC's.
fn below(code: &[u8]) -> bool {
    matches!(code, [0x72 | 0x73, ..] | [0x0f, 0x82 | 0x83, ..])
}

fn slow_path(code: &[u8], form: Form, slow: u64, body: u64, morestack: u64) -> Start {
    let immediate = |at: usize, opcode: [u8; 2]| {
        let rest = code.get(at..at + 6)?;
        rest.starts_with(&opcode).then(|| u32::from_le_bytes([rest[2], rest[3], rest[4], rest[5]]))
    };
    let wrong = |what: &str| Start::Malformed(what.to_owned());
    let Some(frame) = immediate(0, [0x41, 0xba]) else { return wrong("no `mov $frame,%r10d` at its beginning") };
    let Some(args) = immediate(6, [0x41, 0xbb]) else { return wrong("no `mov $args,%r11d` follows") };
    let Some(&[0xe8, a, b, c, d, 0xc3]) = code.get(12..18) else { return wrong("no `call __morestack; ret` follows") };
    if (slow + 17).wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d]))) != morestack {
        return wrong("it calls something else than `__morestack`");
    }
    let behind = slow + 18;
    let slow_end = if behind == body {
        behind
    } else {
        let (target, end) = match code.get(18..) {
            Some(&[0xeb, near, ..]) => ((behind + 2).wrapping_add_signed(i64::from(near as i8)), behind + 2),
            Some(&[0xe9, a, b, c, d, ..]) => {
                ((behind + 5).wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d]))), behind + 5)
            }
            _ => return wrong("no jump to the body follows its `ret`"),
        };
        if target != body {
            return wrong("it does not go back to where a check that passes goes on");
        }
        end
    };
    let marked = args >> ARGS_BITS;
    if (marked > 0) != (frame & MOVABLE != 0) {
        return wrong("it passes a megabyte of arguments or more on the stack");
    }
    let (frame, args) = (frame & !MOVABLE, args & !(u32::MAX << ARGS_BITS));
    if let Form::Long(less) = form
        && frame < less
    {
        return Start::Malformed(format!("it asks for {frame} bytes where the check subtracts {less}"));
    }
    Start::Checked(Check { form, body, slow, slow_end, frame, args, frame_at: slow + 2, marked })
}
