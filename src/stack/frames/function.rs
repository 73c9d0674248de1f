//! A mapped function, a call in one, and what can be wrong with them.

use super::lines::Lines;
use super::stackmap::StackMap;

/// Flags of a mapped function, with the values of Go's `textflag.h`.
pub mod flags {
    /// No check: the function runs in the slack below the guard.
    pub const NOSPLIT: u32 = 4;
    /// A bridge: its body only leads to another function. Reports show it, because Rust frames are not in them and it bears the
    /// name of the Rust function that was called.
    pub const WRAPPER: u32 = 32;
    /// The context register is live at entry.
    pub const NEEDCTXT: u32 = 64;
    /// A bridge between two calling conventions: it leads to a mapped function of the same name, which stands beside it in every
    /// trace. So reports leave it out.
    pub const ABIWRAPPER: u32 = 4096;
    /// No frame and no saved frame pointer; calls nothing.
    pub const NOFRAME: u32 = 512;
    /// Ends a stretch of mapped frames: what called it is not mapped.
    pub const TOPFRAME: u32 = 2048;
}

/// A mapped function. Addresses are the true ones, never a bridge's.
#[derive(Clone, Debug)]
pub struct Function {
    /// First instruction.
    pub entry: usize,
    /// One past the last instruction.
    pub end: usize,
    /// Where the function goes on if its check is not to be asked again: behind it, or where it first loads its arguments' registers
    /// again, which morestack does not keep.
    pub body: usize,
    /// Where morestack returns to: a jump to the entry, perhaps behind loads of registers. 0 for a NOSPLIT function, which never calls it.
    pub restart: usize,
    /// Bytes of locals and outgoing arguments, without the saved BP.
    pub frame: u32,
    /// Bytes that it pushes below its frame at most, for a while.
    pub pushes: u32,
    /// Bytes of arguments and results in the caller's frame.
    pub args: u32,
    /// See [`flags`].
    pub flags: u32,
    /// Line of its `TEXT` in `file`, 0 if unknown.
    pub line: u32,
    /// Symbol name.
    pub name: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Which argument and result words may point into the stack.
    pub args_map: Option<StackMap>,
    /// Which locals may.
    pub locals_map: Option<StackMap>,
    /// Which line each instruction is from; `None` if only those of its calls are known.
    pub lines: Option<Lines>,
}

impl Function {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Whether the function runs without a check.
    pub fn is_nosplit(&self) -> bool {
        self.has(flags::NOSPLIT)
    }

    /// Whether its caller is not mapped code.
    pub fn is_top(&self) -> bool {
        self.has(flags::TOPFRAME)
    }

    /// Whether it only leads from one calling convention to another.
    pub fn is_abi_wrapper(&self) -> bool {
        self.has(flags::ABIWRAPPER)
    }

    /// Bytes that its prologue takes: the frame and, unless NOFRAME, the saved BP.
    pub fn need(&self) -> usize {
        self.frame as usize + if self.has(flags::NOFRAME) { 0 } else { 8 }
    }

    /// The source line of the instruction at `pc`; that of `TEXT` if nothing more is known.
    pub fn line_at(&self, pc: usize) -> u32 {
        let at = pc.wrapping_sub(self.entry);
        self.lines.and_then(|lines| lines.line_at(at, self.line)).unwrap_or(self.line)
    }
}

/// A call in mapped code, known by its return address.
#[derive(Clone, Debug)]
pub struct CallSite {
    /// The return address.
    pub pc: usize,
    /// Entry of the function called; `None` through a register or memory.
    pub callee: Option<usize>,
    /// Index of the stack maps in force (Go's `PCDATA_StackMapIndex`).
    pub map: u32,
    /// Source line, 0 if unknown.
    pub line: u32,
    /// Bytes that lie below the frame at this call; [`CallSite::TAIL`] if it is no call.
    pub pushed: i32,
}

impl CallSite {
    /// As `pushed`: a jump out of the function, whose frame is gone. Nothing returns here, but chains of NOSPLIT functions go on.
    /// It takes no return address, so the room for one is given back.
    pub const TAIL: i32 = -8;

    /// Whether something returns here.
    pub fn is_call(&self) -> bool {
        self.pushed != CallSite::TAIL
    }
}

/// Why a set of functions is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// The end does not lie behind the entry.
    #[error("mapped function {name} ends at {end:#x}, which is not behind its entry {entry:#x}")]
    Backwards {
        /// Its name.
        name: &'static str,
        /// Its entry.
        entry: usize,
        /// Its end.
        end: usize,
    },
    /// Two functions share an address.
    #[error(
        "mapped functions {first} and {second} overlap at {at:#x}: one of them is registered twice or has a wrong end"
    )]
    Overlap {
        /// The one that begins first.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Entry of the second.
        at: usize,
    },
    /// A call site lies in no function.
    #[error(
        "a call with return address {pc:#x} (line {line}) lies in no mapped function: use CALL between TEXT and END only"
    )]
    StrayCall {
        /// Its return address.
        pc: usize,
        /// Its line.
        line: u32,
    },
    /// A return address is registered twice.
    #[error("the call in {name} with return address {pc:#x} is registered twice")]
    DuplicateCall {
        /// The function it is in.
        name: &'static str,
        /// The return address.
        pc: usize,
    },
    /// A call names a stack map that its function does not have.
    #[error("{name} line {line}: call with stack map {map}, but its {kind} have {count}")]
    NoSuchMap {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
        /// The index asked for.
        map: u32,
        /// `arguments` or `locals`.
        kind: &'static str,
        /// Maps there are.
        count: u32,
    },
    /// A map has more words than the area it describes.
    #[error("{name}: the map of its {kind} has {bits} words, the area has {words}")]
    MapTooLong {
        /// The function.
        name: &'static str,
        /// `arguments` or `locals`.
        kind: &'static str,
        /// Words in the map.
        bits: usize,
        /// Words in the area.
        words: usize,
    },
    /// A chain of NOSPLIT functions could run out of the slack.
    #[error(
        "NOSPLIT chain {chain} takes {bytes} bytes below the guard, {limit} are there: let one of its functions check \
         (drop NOSPLIT) or make their frames smaller"
    )]
    NosplitOverflow {
        /// The functions, outermost first, with what each takes.
        chain: String,
        /// Bytes in all, return addresses included.
        bytes: usize,
        /// What is there: `layout::STACK_NOSPLIT`.
        limit: usize,
    },
    /// A NOSPLIT function calls itself, directly or not.
    #[error("NOSPLIT chain {chain} calls itself: nothing bounds its stack")]
    NosplitRecursion {
        /// The functions of the circle.
        chain: String,
    },
    /// A NOSPLIT function calls through a pointer, so its chain has no bound.
    #[error("NOSPLIT function {name} calls through a pointer (line {line}): nothing bounds its stack; let it check")]
    NosplitIndirect {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
    },
    /// A function calls through a pointer while it has pushed something besides its frame, so its chain has no bound.
    #[error(
        "{name} line {line} calls through a pointer with words pushed below its frame: nothing bounds the stack; pop them, or make \
         them part of its frame"
    )]
    PushedIndirect {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
    },
    /// A direct call to something the table does not know.
    #[error("{name} line {line} calls {callee:#x}, which is no mapped function: reach Rust through a bridge")]
    UnknownCallee {
        /// The function.
        name: &'static str,
        /// Line of the call.
        line: u32,
        /// The address called.
        callee: usize,
    },
}
