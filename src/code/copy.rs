//! Copies of a function's text.

use super::instructions::{decode, text};
use super::memory::{self, RangeError};
use super::text::Text;
use crate::task::CodeRange;
use iced_x86::{Instruction, OpKind};
use std::io;

/// Why code cannot be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The range is none of code.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// An instruction does something else at another address.
    #[error("the code at {start:#x} depends on where it is: at {at:#x} `{instruction}` {reason}")]
    NotIndependent {
        /// Where the range begins.
        start: usize,
        /// Where the instruction is.
        at: usize,
        /// What it is, disassembled.
        instruction: String,
        /// How it depends on its address.
        reason: Dependence,
    },
    /// Not all of the range consists of instructions.
    #[error(
        "the range that begins at {start:#x} is no whole function: at {at:#x} there is no instruction that ends in it"
    )]
    NoInstruction {
        /// Where the range begins.
        start: usize,
        /// Where no instruction begins, or one that goes on behind the range.
        at: usize,
    },
    /// No memory for the copy.
    #[error("no executable memory for the {len} bytes of code at {start:#x}: {source}")]
    Memory {
        /// Where the range begins.
        start: usize,
        /// Bytes.
        len: usize,
        /// What the kernel said.
        source: io::Error,
    },
}

/// How an instruction depends on the address it is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Dependence {
    /// It goes by distance to somewhere outside the range.
    #[error("goes to {target:#x}, which is outside")]
    Branch {
        /// Where to.
        target: usize,
    },
    /// It refers by distance to memory outside the range.
    #[error("refers to {target:#x}, which is outside")]
    Memory {
        /// What to.
        target: usize,
    },
    /// It names an address in the range itself, so a copy would lead back into the original.
    #[error("names {target:#x}, which is inside, as a number that a copy would keep")]
    Absolute {
        /// Which.
        target: usize,
    },
}

/// Copies the code in `range` to memory of its own, where it can be run as well. The range is a function's true one, of which
/// [`mapped!`](crate::mapped) makes `name::code()`.
///
/// Refused is code that would do something else there: which jumps, calls or refers to something outside the range by distance, or names
/// an address inside it as a number of 64 bits. Such code is not mended, because who copies a function does so to have it apart from
/// everything else.
///
/// **What cannot be seen.** The bytes do not tell data from instructions: a range with a table in it is refused if the table is no code,
/// and misread if it could be. An address that is put together from parts, or is read from memory, is a number like any other. Other
/// addresses outside the range are right for a copy too, as it is in the same process. And what others believe about the original does
/// not hold for the copy: unwind tables, line tables, the table of mapped functions ([`register`](super::register()) tells those of it).
///
/// A function that can be called from Rust is not what is wanted here: it is a bridge. The types keep them apart:
///
/// ```compile_fail,E0308
/// # morestack::mapped_asm!("TEXT copies.nothing, NOSPLIT|NOFRAME, 0, 0\nRET\nEND copies.nothing");
/// # morestack::mapped! { unsafe extern "ABI0" { fn nothing() = "copies.nothing"; } }
/// # fn main() {
/// morestack::code::copy(nothing as fn()).unwrap();
/// # }
/// ```
///
/// Nor is a [`MappedFn`](crate::task::MappedFn):
///
/// ```compile_fail,E0308
/// # morestack::mapped_asm!("TEXT copies.nothing, NOSPLIT|NOFRAME, 0, 0\nRET\nEND copies.nothing");
/// # morestack::mapped! { unsafe extern "ABI0" { fn nothing() = "copies.nothing"; } }
/// # fn main() {
/// morestack::code::copy(nothing::function()).unwrap();
/// # }
/// ```
///
/// This is:
///
/// ```
/// # morestack::mapped_asm!("TEXT copies.nothing, NOSPLIT|NOFRAME, 0, 0\nRET\nEND copies.nothing");
/// # morestack::mapped! { unsafe extern "ABI0" { fn nothing() = "copies.nothing"; } }
/// # fn main() {
/// let copy = morestack::code::copy(nothing::code()).unwrap();
/// assert_ne!(copy.code(), nothing::code());
/// # }
/// ```
///
/// # Errors
/// See [`CopyError`]; refusals name the first instruction that is in the way.
pub fn copy(range: CodeRange) -> Result<Text, CopyError> {
    let bytes = memory::code(range)?;
    let CodeRange { start, end } = range;
    for i in decode(&bytes, start) {
        let at = i.ip() as usize;
        if i.is_invalid() {
            return Err(CopyError::NoInstruction { start, at });
        }
        if let Some(reason) = depends(&i, range) {
            return Err(CopyError::NotIndependent { start, at, instruction: text(&i), reason });
        }
    }
    let fill = |to: &mut [u8], _| to.copy_from_slice(&bytes);
    Text::new(bytes.len(), fill).map_err(|source| CopyError::Memory { start, len: end - start, source })
}

/// How the instruction depends on that the code is in `range`.
fn depends(i: &Instruction, range: CodeRange) -> Option<Dependence> {
    if i.is_ip_rel_memory_operand() {
        let target = i.ip_rel_memory_address() as usize;
        return (!range.contains(target)).then_some(Dependence::Memory { target });
    }
    (0..i.op_count()).find_map(|operand| match i.op_kind(operand) {
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
            let target = i.near_branch_target() as usize;
            (!range.contains(target)).then_some(Dependence::Branch { target })
        }
        OpKind::Immediate64 => {
            let target = i.immediate64() as usize;
            range.contains(target).then_some(Dependence::Absolute { target })
        }
        // A memory operand without a register: an address of 64 bits, or 32 that are extended.
        OpKind::Memory
            if i.memory_base() == iced_x86::Register::None
                && i.memory_index() == iced_x86::Register::None
                && i.segment_prefix() == iced_x86::Register::None =>
        {
            let target = i.memory_displacement64() as usize;
            range.contains(target).then_some(Dependence::Absolute { target })
        }
        _ => None,
    })
}
