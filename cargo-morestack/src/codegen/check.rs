//! The check in machine code, as LLVM writes it.
//!
//! ```text
//!             cmp  %fs:0x70, %rsp                 frames below 256 bytes
//!     or      lea  -frame(%rsp), %r11             all others
//!             cmp  %fs:0x70, %r11
//!             jbe  slow                           without optimisation:  ja   body
//!     body:   ...                                                        mov  $frame, %r10d
//!     slow:   mov  $frame, %r10d                                         mov  $arguments, %r11d
//!             mov  $arguments, %r11d                                     call __morestack
//!             call __morestack                                           ret
//!             ret                                                 body:  ...
//!             jmp  body
//! ```

/// `cmp %fs:0x70, %rsp`.
pub const COMPARE_RSP: [u8; 9] = [0x64, 0x48, 0x3b, 0x24, 0x25, 0x70, 0, 0, 0];
/// `cmp %fs:0x70, %r11`.
pub const COMPARE_R11: [u8; 9] = [0x64, 0x4c, 0x3b, 0x1c, 0x25, 0x70, 0, 0, 0];
/// `lea disp32(%rsp), %r11` without its displacement.
const LEA_R11: [u8; 4] = [0x4c, 0x8d, 0x9c, 0x24];
/// `mov $imm32, %r10d` and `mov $imm32, %r11d` without their operands.
const MOV_R10D: [u8; 2] = [0x41, 0xba];
const MOV_R11D: [u8; 2] = [0x41, 0xbb];

/// Which of the two comparisons a function begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `cmp %fs:0x70, %rsp`: the frame is taken from the slack below the guard.
    Compare,
    /// `lea -N(%rsp), %r11; cmp`: N bytes are checked.
    Subtract {
        /// N.
        bytes: u32,
        /// Where the displacement stands, in bytes from the function's start.
        at: usize,
    },
}

/// A check that was recognised, with places in bytes from the function's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub form: Form,
    /// The first instruction behind the check.
    pub body: usize,
    /// What the slow path says about the frame, in bytes.
    pub frame: u32,
    /// Where the slow path's `frame` stands.
    pub frame_at: usize,
    /// Bytes of stack arguments, as the slow path says.
    pub arguments: u32,
}

/// Whether a function begins with one of the two comparisons.
pub fn begins_with_check(code: &[u8]) -> bool {
    code.starts_with(&COMPARE_RSP) || (code.starts_with(&LEA_R11) && code.get(8..17) == Some(&COMPARE_R11))
}

/// Reads the check at the start of a function. `None` if there is none or its slow path has another form.
pub fn parse(code: &[u8]) -> Option<Check> {
    let (form, jump) = if code.starts_with(&COMPARE_RSP) {
        (Form::Compare, COMPARE_RSP.len())
    } else if begins_with_check(code) {
        let at = LEA_R11.len();
        (Form::Subtract { bytes: int32(code, at)?.checked_neg()?.try_into().ok()?, at }, at + 4 + COMPARE_R11.len())
    } else {
        return None;
    };
    // (where control goes on without a jump, how far the jump leads from there, whether it leads to the body)
    let (next, distance, to_body) = match code.get(jump..)? {
        [0x76, short, ..] => (jump + 2, i32::from(*short as i8), false),
        [0x0f, 0x86, ..] => (jump + 6, int32(code, jump + 2)?, false),
        [0x77, short, ..] => (jump + 2, i32::from(*short as i8), true),
        [0x0f, 0x87, ..] => (jump + 6, int32(code, jump + 2)?, true),
        _ => return None,
    };
    let target = next.checked_add_signed(distance as isize)?;
    let (body, slow) = if to_body { (target, next) } else { (next, target) };
    let frame_at = slow + MOV_R10D.len();
    let arguments_at = frame_at + 4 + MOV_R11D.len();
    let call = arguments_at + 4;
    let ret = call + 5;
    let back = if to_body { Some(ret + 1) } else { jump_target(code, ret + 1) };
    let well_formed = code.get(slow..)?.starts_with(&MOV_R10D)
        && code.get(frame_at + 4..)?.starts_with(&MOV_R11D)
        && *code.get(call)? == 0xe8
        && *code.get(ret)? == 0xc3
        && back == Some(body);
    let operand = |at| int32(code, at).map(|value| value as u32);
    well_formed.then_some(Check { form, body, frame: operand(frame_at)?, frame_at, arguments: operand(arguments_at)? })
}

fn int32(code: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(code.get(at..at + 4)?.try_into().ok()?))
}

fn jump_target(code: &[u8], at: usize) -> Option<usize> {
    match code.get(at..)? {
        [0xeb, short, ..] => (at + 2).checked_add_signed(isize::from(*short as i8)),
        [0xe9, ..] => (at + 5).checked_add_signed(int32(code, at + 1)? as isize),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `lea -0x1000(%rsp),%r11; cmp; jbe slow; body: ret; slow: ...`
    fn large_frame() -> Vec<u8> {
        let mut code = vec![0x4c, 0x8d, 0x9c, 0x24, 0x00, 0xf0, 0xff, 0xff];
        code.extend(COMPARE_R11);
        code.extend([0x76, 0x01, 0xc3]);
        code.extend([0x41, 0xba, 0x00, 0x10, 0, 0, 0x41, 0xbb, 0x20, 0, 0, 0]);
        code.extend([0xe8, 0, 0, 0, 0, 0xc3, 0xeb, 0xeb]);
        code
    }

    #[test]
    fn reads_the_form_that_subtracts() {
        let check = parse(&large_frame()).expect("a check");
        assert_eq!(check.form, Form::Subtract { bytes: 0x1000, at: 4 });
        assert_eq!((check.body, check.frame, check.arguments), (19, 0x1000, 0x20));
    }

    #[test]
    fn reads_the_form_that_compares() {
        let mut code = COMPARE_RSP.to_vec();
        code.extend([
            0x76, 0x01, 0xc3, 0x41, 0xba, 0x18, 0, 0, 0, 0x41, 0xbb, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3, 0xeb, 0xeb,
        ]);
        let check = parse(&code).expect("a check");
        assert_eq!((check.form, check.body, check.frame), (Form::Compare, 11, 0x18));
    }

    #[test]
    fn reads_the_layout_without_optimisation() {
        let mut code = COMPARE_RSP.to_vec();
        code.extend([0x77, 0x12, 0x41, 0xba, 0x18, 0, 0, 0, 0x41, 0xbb, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3, 0xc3]);
        let check = parse(&code).expect("a check");
        assert_eq!((check.form, check.body, check.frame_at), (Form::Compare, 29, 13));
    }

    #[test]
    fn refuses_a_slow_path_that_returns_elsewhere() {
        let mut code = large_frame();
        *code.last_mut().expect("code") = 0xe9;
        assert_eq!(parse(&code), None);
        assert!(begins_with_check(&code));
    }
}
