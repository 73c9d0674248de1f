//! What can go wrong, and what the reader can do about it.

use std::fmt;
use std::path::PathBuf;

/// Why a binary was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The binary.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The patched file cannot be put in the place of the old one.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The binary.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no ELF file, or a damaged one.
    #[error("{} is not an ELF file that can be verified: {what}", path.display())]
    Format {
        /// The binary.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is not what the split build makes.
    #[error("{} cannot be verified: {what}", path.display())]
    Unsupported {
        /// The binary.
        path: PathBuf,
        /// What was found and what to do.
        what: String,
    },
    /// A symbol of the runtime is missing.
    #[error(
        "{} has no `{symbol}`: the morestack runtime was not linked into it, or not its split variant; add a dependency on \
         `morestack` and build with `cargo morestack`",
        path.display()
    )]
    NoRuntime {
        /// The binary.
        path: PathBuf,
        /// The symbol that is missing.
        symbol: &'static str,
    },
    /// It has code that would overrun a small stack, or that cannot be shown not to.
    #[error("{}: {}", path.display(), list(violations, *total))]
    Violations {
        /// The binary.
        path: PathBuf,
        /// The first ones, in order of address.
        violations: Vec<Violation>,
        /// How many there are.
        total: usize,
    },
    /// `explain` was asked about a function that is not there.
    #[error("{} has no function `{function}`; give its path, a part of it, or its symbol", path.display())]
    NoFunction {
        /// The binary.
        path: PathBuf,
        /// What was asked for.
        function: String,
    },
}

fn list(violations: &[Violation], total: usize) -> String {
    let mut text = format!("{total} violation{} of what a small stack demands", if total == 1 { "" } else { "s" });
    for violation in violations {
        text += &format!("\n{violation}");
    }
    if total > violations.len() {
        text += &format!("\n... and {} more", total - violations.len());
    }
    text
}

/// One place that is not as it must be.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The function it is in, demangled.
    pub function: String,
    /// The function's symbol.
    pub symbol: String,
    /// Where, as a virtual address of the file.
    pub address: u64,
    /// The instruction there, as `objdump` prints it; empty if it is no matter of one instruction.
    pub instruction: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} (at {:#x}", self.function, self.address)?;
        if !self.instruction.is_empty() {
            write!(f, ": `{}`", self.instruction)?;
        }
        write!(f, "): {}\n      {}", self.problem, self.problem.help())
    }
}

/// The kinds of violation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A checked function calls one that takes stack without a check.
    #[error("calls `{target}`, which takes stack without a check ({reason})")]
    CallsForeign {
        /// The callee, demangled.
        target: String,
        /// Why it is not a leaf.
        reason: String,
    },
    /// A call to an address that is no function.
    #[error("goes into the middle of `{target}`")]
    Middle {
        /// The function that the address is in.
        target: String,
    },
    /// A call to an address that no symbol covers.
    #[error("goes to {target:#x}, where no function is known")]
    Nowhere {
        /// The address.
        target: u64,
    },
    /// An indirect call that does not pass the thunk.
    #[error("calls through a pointer without the thunk that tells checked functions from others")]
    RawIndirect,
    /// A jump to an address that is not known.
    #[error("jumps to an address that is not known")]
    UnknownJump,
    /// The frame is larger than what was checked.
    #[error("takes {depth} bytes of stack where {limit} were checked")]
    TooDeep {
        /// Bytes below the function's entry.
        depth: i64,
        /// What its check allows.
        limit: i64,
    },
    /// Accesses memory further below the stack pointer than any ABI allows.
    #[error("uses memory {below} bytes below the stack pointer")]
    BelowRedZone {
        /// Bytes below `%rsp`.
        below: i64,
    },
    /// The stack pointer is changed in a way that cannot be followed.
    #[error("changes the stack pointer in a way that cannot be followed")]
    UnknownStackPointer,
    /// The paths that meet here disagree.
    #[error("is reached with the stack pointer at different depths ({one} and {other})")]
    DepthsDiffer {
        /// On one path.
        one: String,
        /// On another.
        other: String,
    },
    /// A return or tail jump with a frame still there.
    #[error("leaves the function with the stack pointer {found} instead of where it was at entry")]
    NotUnwound {
        /// Where it is.
        found: String,
    },
    /// A return or tail jump with another frame pointer.
    #[error("leaves the function without restoring the caller's frame pointer")]
    FramePointerLost,
    /// The caller's frame pointer, saved in the frame, is overwritten.
    #[error("overwrites the saved frame pointer or the return address")]
    OverwritesSaved,
    /// A call through the thunk without a frame pointer.
    #[error("calls through the thunk without a frame pointer of its own, which bounds what the thunk copies")]
    NoFramePointer,
    /// A foreign call from a frame so large that its arguments cannot be told from the rest.
    #[error(
        "may call foreign code from a frame of {distance} bytes, of which the thunk copies {limit} at most as arguments"
    )]
    TooFarToCopy {
        /// Bytes between the stack pointer and the frame pointer.
        distance: i64,
        /// What the thunk copies at most.
        limit: i64,
    },
    /// The check is there but not what follows from it.
    #[error("begins with a check whose slow path is malformed: {0}")]
    SlowPath(String),
    /// The check is GCC's.
    #[error("begins with the check of GCC's `-fsplit-stack`")]
    GccCheck,
    /// A check that fails where nobody has looked at the function around it.
    #[error("goes to `__morestack` from something else than the check at a checked function's entry")]
    MorestackFromElsewhere,
    /// It begins like a checked function but is neither a compiler's nor in the list of the hand-written.
    #[error("begins with check bytes but has no bound in `morestack_trusted`")]
    NoBound,
    /// The bound of a hand-written function is larger than the slack allows.
    #[error("states that it takes {bound} bytes, of at most {limit}")]
    BoundTooLarge {
        /// What it states.
        bound: i64,
        /// What is left below the guard.
        limit: i64,
    },
    /// An entry of `morestack_trusted` leads to no function that begins with check bytes.
    #[error("`morestack_trusted` lists a function here, but it does not begin with check bytes")]
    TrustedWithoutCheck,
    /// Check bytes where no function begins.
    #[error("check bytes where no function begins")]
    StrayCheck,
    /// Bytes that no path reaches and that are no padding.
    #[error("bytes that no path reaches and that are no padding: data between code, or an unknown jump table")]
    Unreached,
    /// Bytes that are no instruction.
    #[error("bytes that are no instruction")]
    Undecodable,
    /// Paths that decode the same bytes differently.
    #[error("is reached at an address inside of another instruction")]
    Overlap,
    /// Control runs past the end of the function.
    #[error("runs past its end")]
    RunsOff,
    /// There is no room for another stub.
    #[error("there is no room for a stub for `{target}`: the runtime has {room}")]
    TooManyStubs {
        /// The function that would need it.
        target: String,
        /// How many stubs fit.
        room: usize,
    },
    /// A short jump to a function that needs a stub.
    #[error(
        "jumps to `{target}`, which takes stack without a check, in an instruction too short to lead anywhere else"
    )]
    TooShort {
        /// The function that would need a stub.
        target: String,
    },
    /// The unwind table cannot be read.
    #[error("its unwind table cannot be read: {0}")]
    UnwindTable(String),
}

impl Problem {
    /// What the reader can do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Problem::CallsForeign { .. } | Problem::Nowhere { .. } => {
                "its object was compiled without the check: build it with `cargo morestack`, without LTO, or call it through a \
                 function pointer"
            }
            Problem::Middle { .. }
            | Problem::Overlap
            | Problem::Undecodable
            | Problem::RunsOff
            | Problem::Unreached => {
                "only compiler output and assembly that keeps to functions can be verified: move hand-written code into a \
                 function of its own that is called through a function pointer"
            }
            Problem::RawIndirect => {
                "if it is inline assembly, call a Rust function from outside of it instead; if it is compiler output, the object \
                 was compiled without retpoline thunks: build it with `cargo morestack`"
            }
            Problem::UnknownJump => {
                "if it is inline assembly, do not jump through pointers; if it is compiler output, report it"
            }
            Problem::TooDeep { .. }
            | Problem::DepthsDiffer { .. }
            | Problem::NotUnwound { .. }
            | Problem::FramePointerLost
            | Problem::OverwritesSaved => {
                "if a local is aligned to more than 16 bytes, align it to less or put it into a `Box`; otherwise report the \
                 compiler's version with this message"
            }
            Problem::BelowRedZone { .. } | Problem::UnknownStackPointer => {
                "inline assembly must not move the stack pointer by amounts that are not constants: put it into a naked function \
                 or an assembly file, which runs as foreign code"
            }
            Problem::TooFarToCopy { .. } => "put its large locals into a `Box` or a `Vec`",
            Problem::NoFramePointer => "compile it with `-C force-frame-pointers=yes`",
            Problem::SlowPath(_) => "this compiler's check is not known: use one that the probe accepts",
            Problem::GccCheck | Problem::MorestackFromElsewhere => {
                "compile C without `-fsplit-stack`: it runs on a big stack, and needs no check (docs/c-split-stack.md)"
            }
            Problem::NoBound | Problem::TrustedWithoutCheck | Problem::BoundTooLarge { .. } => {
                "hand-written functions begin with the check bytes, are listed in `morestack_trusted` and stay within the slack; \
                 or leave the check bytes out, then it is run as foreign code"
            }
            Problem::StrayCheck => {
                "give the code a symbol of type function, or remove the bytes: a call through a pointer trusts them"
            }
            Problem::TooShort { .. } => "hand-written code must call such functions through `__x86_indirect_thunk_r11`",
            Problem::TooManyStubs { .. } => {
                "too many over-aligned functions: align their locals to 2048 at most or put them into a `Box`"
            }
            Problem::UnwindTable(_) => {
                "link with rustc's own linker settings; a tool that rewrites unwind tables cannot be supported"
            }
        }
    }
}
