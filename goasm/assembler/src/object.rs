//! What a source has become: functions with their bytes and everything that is known about them, and variables.

use crate::diagnostic::Position;
use crate::signature::Signature;
use crate::signature::registers::{Assignment, Spill};
use crate::syntax::Abi;
use std::collections::HashMap;

/// Flags of functions and variables, with the values of Go's `textflag.h`.
#[allow(missing_docs)]
pub mod flags {
    pub const NOPROF: u32 = 1;
    pub const DUPOK: u32 = 2;
    pub const NOSPLIT: u32 = 4;
    pub const RODATA: u32 = 8;
    pub const NOPTR: u32 = 16;
    pub const WRAPPER: u32 = 32;
    pub const NEEDCTXT: u32 = 64;
    pub const TLSBSS: u32 = 256;
    pub const NOFRAME: u32 = 512;
    pub const REFLECTMETHOD: u32 = 1024;
    pub const TOPFRAME: u32 = 2048;
    pub const ABIWRAPPER: u32 = 4096;
}

/// What the assembler has to know besides the source.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What stands before the dot in names that begin with `·`: the crate's name.
    pub package: String,
    /// Makes names that are static in this file different from those in other files: the file's name.
    pub unit: String,
    /// Of ABI0 functions that Rust declares, by linkage name: which of their words may point into the stack.
    pub pointers: HashMap<String, Pointers>,
    /// Of functions of ABIInternal that Rust declares, by linkage name: where their arguments and results are.
    pub internal: HashMap<String, Assignment>,
}

impl Options {
    /// Says what is known of a function whose signature this is, in either convention: its symbol is `.add`, or with a package.
    pub fn declare(&mut self, symbol: &str, signature: &Signature) {
        let name = match symbol.strip_prefix('.') {
            Some(rest) => format!("{}.{rest}", self.package),
            None => symbol.to_owned(),
        };
        self.internal.insert(format!("{name}<ABIInternal>"), Assignment::of(signature));
        let pointers = Pointers { args: signature.pointer_words(false), with_results: signature.pointer_words(true) };
        self.pointers.insert(name, pointers);
    }
}

/// Which words of a function's arguments and results are pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers {
    /// Of the arguments and the results that follow them, one for each word: arguments that are pointers.
    pub args: Vec<bool>,
    /// The same with those results that are pointers, which hold only once the function has set them (`GO_RESULTS_INITIALIZED`).
    pub with_results: Vec<bool>,
}

/// A source, assembled.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Its functions, in its order.
    pub functions: Vec<Function>,
    /// Its variables, in the order in which they are declared; behind them constants that instructions need.
    pub variables: Vec<Variable>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name as linkers see it.
    pub name: String,
    /// How it is called.
    pub abi: Abi,
    /// Not known in other files.
    pub is_static: bool,
    /// Where its `TEXT` is.
    pub position: Position,
    /// Its flags; NOSPLIT and NOFRAME also where the assembler has set them.
    pub flags: u32,
    /// Bytes of locals and outgoing arguments, without the saved BP.
    pub frame: u32,
    /// Bytes of arguments and results, and with ABIInternal of the spill space; `None` if the source does not say.
    pub args: Option<u32>,
    /// Bytes that it pushes below its frame at most.
    pub pushes: u32,
    /// What it is to be aligned to.
    pub align: u32,
    /// Its code.
    pub code: Vec<u8>,
    /// Where a function goes on whose check is not to be asked again: behind it; if it has spills, where it loads them first.
    pub body: u32,
    /// Where morestack returns to; `None` without a check.
    pub restart: Option<u32>,
    /// Its instructions in the order of their addresses; pseudo-instructions without bytes among them.
    pub instructions: Vec<Placed>,
    /// Fields of the code that linking fills in.
    pub fixups: Vec<Fixup>,
    /// Its calls and jumps out of it.
    pub calls: Vec<Call>,
    /// How its caller is found, by the offset from which each row holds.
    pub unwind: Vec<Unwind>,
    /// What a failed check saves and loads again: arguments in registers. `None` if it is ABIInternal and they are not known.
    pub spills: Option<Vec<Spill>>,
    /// Which arguments and results may point into the stack.
    pub args_map: Option<Map>,
    /// Which locals may.
    pub locals_map: Option<Map>,
}

impl Function {
    /// Whether it has a flag of [`flags`].
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Bytes that its prologue takes: the frame and the saved BP.
    pub fn need(&self) -> u32 {
        self.frame + if self.has(flags::NOFRAME) { 0 } else { 8 }
    }
}

/// An instruction at its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it begins.
    pub at: u32,
    /// Its bytes; 0 for a pseudo-instruction.
    pub len: u32,
    /// The line it is from; for what the assembler inserts, that of the statement for which it does.
    pub position: Position,
    /// As Go's listings write it.
    pub text: String,
    /// The assembler has put it in.
    pub is_inserted: bool,
    /// Bytes between the stack pointer and the return address before it runs.
    pub depth: i64,
    /// What the machine executes; `None` for data among the code and for pseudo-instructions.
    pub machine: Option<iced_x86::Instruction>,
    /// Where it jumps to in this function.
    pub target: Option<u32>,
}

/// A field that linking fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixup {
    /// Where it begins.
    pub at: u32,
    /// What goes there.
    pub kind: FixupKind,
    /// Linkage name of the symbol.
    pub symbol: String,
    /// Added to the symbol's value.
    pub addend: i64,
}

/// What a field is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixupKind {
    /// The distance from the field itself, four bytes. The addend takes into account where the instruction ends.
    PcRelative,
    /// The distance from the thread pointer, four bytes.
    ThreadPointer,
    /// The address, eight bytes.
    Address,
}

/// A call, or a jump out of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where it returns to.
    pub at: u32,
    /// Linkage name of what is called; `None` through a register or memory.
    pub callee: Option<String>,
    /// Index of the stack maps in force.
    pub map: u32,
    /// Where it is in the source.
    pub position: Position,
    /// Bytes that have been pushed below the frame.
    pub pushed: i64,
    /// It is a jump: nothing returns.
    pub is_tail: bool,
}

/// How the caller's frame is found from some instruction on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwind {
    /// From here on.
    pub at: u32,
    /// The stack pointer before the call is this many bytes above the register.
    pub cfa: Cfa,
    /// The caller's BP is saved 16 bytes below that.
    pub is_bp_saved: bool,
}

/// What the caller's frame is found from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cfa {
    /// So many bytes above SP.
    Sp(i64),
    /// So many above BP.
    Bp(i64),
}

/// Stack maps in Go's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// How many bitmaps there are.
    pub count: u32,
    /// Words that each describes.
    pub bits: u32,
    /// The bitmaps, each from a fresh byte, lowest bit first.
    pub bytes: Vec<u8>,
}

impl Map {
    /// Maps of as many states, in none of which there is a pointer.
    pub fn none(count: u32) -> Map {
        Map { count, bits: 0, bytes: Vec::new() }
    }

    /// Maps with these bits, which are equally many.
    pub fn of(states: &[&[bool]]) -> Map {
        let bits = states.first().map_or(0, |state| state.len());
        let bitmap = |state: &&[bool]| -> Vec<u8> {
            state.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect()
        };
        Map { count: states.len() as u32, bits: bits as u32, bytes: states.iter().flat_map(bitmap).collect() }
    }
}

/// A variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name as linkers see it.
    pub name: String,
    /// Not known in other files.
    pub is_static: bool,
    /// Where its `GLOBL` is.
    pub position: Position,
    /// Its flags.
    pub flags: u32,
    /// What it is to be aligned to.
    pub align: u32,
    /// Its first value.
    pub bytes: Vec<u8>,
    /// Addresses in it that linking fills in.
    pub fixups: Vec<Fixup>,
}
