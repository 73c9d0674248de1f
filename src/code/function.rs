//! What a compiler says about the functions that it has made.

use crate::stack::table::{self, CallSite, flags};
use crate::stack::{Lines, StackMap};
use std::ptr::NonNull;

/// A function that is to be registered: what `asm/macros.s` writes down for a function in assembly. Addresses are true ones.
///
/// Its code has this form, which [`register`](super::register()) checks, instruction by instruction (`frame` includes no saved BP, `need`
/// does):
///
/// ```text
/// entry:    mov  %fs:G, %rcx                    G is Abi::current_g; and then one of three, by what the function needs:
///           cmp  16(%rcx), %rsp                     need <= Abi::stack_small
///           lea  -(need - stack_small)(%rsp), %rax      need <  Abi::stack_big
///           cmp  16(%rcx), %rax
///           mov  %rsp, %rax                         need >= Abi::stack_big
///           sub  $(need - stack_small), %rax
///           jb   slow
///           cmp  16(%rcx), %rax
///           jbe  slow                           behind each of them
/// body:     push %rbp                           none of the three if NOFRAME
///           mov  %rsp, %rbp
///           sub  $frame, %rsp                   not if it is 0
///           ...                                 nothing here changes %rsp or %rbp but calls, and
///           add  $frame, %rsp                   wherever it returns
///           pop  %rbp
///           ret
/// slow:     nop
///           call morestack_noctxt               (morestack if NEEDCTXT), directly or as mov $address, %rax; call *%rax
/// restart:  jmp  entry
/// end:
/// ```
///
/// Jumps stay between the prologue and `slow`; jumps through registers and tables inside the code are not understood and refused. A
/// NOSPLIT function begins with its body and ends before `slow`. Between the entry and the body %rax and %rcx are free.
#[derive(Clone, Debug, Default)]
pub struct Function<'a> {
    /// What reports call it.
    pub name: &'a str,
    /// The source that it comes from.
    pub file: &'a str,
    /// The line there in which it begins, 0 if unknown.
    pub line: u32,
    /// First instruction.
    pub entry: usize,
    /// One past the last instruction.
    pub end: usize,
    /// First instruction behind the check; of a NOSPLIT function the entry.
    pub body: usize,
    /// Where `morestack` returns to; 0 of a NOSPLIT function.
    pub restart: usize,
    /// Bytes of locals and outgoing arguments, without the saved BP. A multiple of 8.
    pub frame: u32,
    /// Bytes of arguments and results in the caller's frame.
    pub args: u32,
    /// NOSPLIT, WRAPPER, NEEDCTXT and NOFRAME of [`flags`].
    pub flags: u32,
    /// Which argument and result words may point into the stack. Needed where there are any and the function may move.
    pub args_map: Option<Map<'a>>,
    /// Which locals may. Needed where there are any and the function calls something.
    pub locals_map: Option<Map<'a>>,
    /// Which line each instruction is from, as `asm/macros.s`'s `LINES` has it: pairs of LEB128 numbers, how many bytes of code the line
    /// before took, and how many lines further this one is (signed).
    pub lines: Option<&'a [u8]>,
    /// Its calls. `pushed` is 0: registered functions push nothing below their frames.
    pub calls: Vec<CallSite>,
}

/// A stack map: see `asm/macros.s`'s `STACKMAP_ARGS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map<'a> {
    /// Bitmaps, which call sites tell apart by number.
    pub count: u32,
    /// Words that each describes.
    pub bits: u32,
    /// The bitmaps, each from a fresh byte, the lowest bit first.
    pub bytes: &'a [u8],
}

impl Map<'static> {
    /// A map by which no word ever points into the stack.
    pub const NO_POINTERS: Map<'static> = Map { count: 1, bits: 0, bytes: &[] };
}

impl Map<'_> {
    /// Bytes that the bitmaps must have.
    pub(super) fn expected_len(&self) -> Option<usize> {
        (self.count as usize).checked_mul(self.bits.div_ceil(8) as usize)
    }
}

impl Function<'_> {
    /// What of its flags is asked for.
    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Bytes that it takes: the frame, and the saved BP.
    pub(super) fn need(&self) -> usize {
        self.frame as usize + if self.has(flags::NOFRAME) { 0 } else { 8 }
    }
}

/// What the tables of a registration refer to. None of it moves or changes.
#[derive(Debug, Default)]
pub(super) struct Owned {
    /// Boxes that have been taken apart: one that is moved must have no references into it.
    bytes: Vec<NonNull<[u8]>>,
}

// SAFETY: the bytes are its own, and nobody writes there.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    /// # Safety
    /// The copy is not used any more when this is dropped.
    unsafe fn bytes(&mut self, bytes: &[u8]) -> &'static [u8] {
        let kept = NonNull::from(Box::leak(Box::<[u8]>::from(bytes)));
        self.bytes.push(kept);
        // SAFETY: it stays where it is until it is dropped, which is later than its last use, as the caller says.
        unsafe { kept.as_ref() }
    }

    /// # Safety
    /// As of `bytes`.
    unsafe fn string(&mut self, string: &str) -> &'static str {
        // SAFETY: the bytes of a string; the rest is the caller's.
        unsafe { str::from_utf8_unchecked(self.bytes(string.as_bytes())) }
    }

    /// The function as a table has it. Its maps have been checked.
    ///
    /// # Safety
    /// What this returns is not used any more when the owner is dropped.
    pub(super) unsafe fn entry(&mut self, f: &Function) -> table::Function {
        // SAFETY: all of it the caller's.
        unsafe {
            table::Function {
                entry: f.entry,
                end: f.end,
                body: f.body,
                restart: f.restart,
                frame: f.frame,
                pushes: 0,
                args: f.args,
                flags: f.flags,
                line: f.line,
                name: self.string(f.name),
                file: self.string(f.file),
                args_map: f.args_map.map(|m| StackMap::new(m.count, m.bits, self.bytes(m.bytes))),
                locals_map: f.locals_map.map(|m| StackMap::new(m.count, m.bits, self.bytes(m.bytes))),
                lines: f.lines.map(|lines| Lines::new(self.bytes(lines))),
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        for bytes in self.bytes.drain(..) {
            // SAFETY: out of a box, and nobody refers to it any more.
            drop(unsafe { Box::from_raw(bytes.as_ptr()) });
        }
    }
}
