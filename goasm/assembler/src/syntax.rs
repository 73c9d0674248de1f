//! A source as the parser leaves it: statements, with every macro expanded and every constant expression evaluated.

use crate::diagnostic::Position;
pub use iced_x86::Register;

/// A statement with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where its first word is; in a macro's expansion, where the macro is used.
    pub position: Position,
    /// What it says.
    pub kind: StatementKind,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `TEXT symbol(SB), flags, $frame-args`: a function begins.
    Text {
        /// Its name.
        symbol: Symbol,
        /// Value of its flags (`textflag.h`); 0 if none are given.
        flags: u32,
        /// Bytes of locals and outgoing arguments.
        frame: i64,
        /// Bytes of arguments and results; `None` if the source gives none.
        args: Option<i64>,
    },
    /// `GLOBL symbol(SB), flags, $size`: a variable.
    Globl {
        /// Its name.
        symbol: Symbol,
        /// Value of its flags.
        flags: u32,
        /// Bytes.
        size: i64,
    },
    /// `DATA symbol+offset(SB)/width, $value`: a part of a variable's first value.
    Data {
        /// The variable.
        symbol: Symbol,
        /// Where in it.
        offset: i64,
        /// Bytes.
        width: u32,
        /// What stands there.
        value: Operand,
    },
    /// `FUNCDATA $index, symbol(SB)`.
    FuncData {
        /// Which kind of data (`funcdata.h`).
        index: i64,
        /// Where it is.
        symbol: Symbol,
    },
    /// `PCDATA $index, $value`.
    PcData {
        /// Which kind of data.
        index: i64,
        /// Its value from here on.
        value: i64,
    },
    /// `PCALIGN $alignment`.
    PcAlign(i64),
    /// `name:`. Labels are local to their function.
    Label(String),
    /// Everything else, pseudo-instructions such as `BYTE`, `ADJSP`, `UNDEF` and `NOP` among them.
    Instruction(Instruction),
}

/// An instruction as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// The mnemonic in capitals, without suffixes: `VADDPD`.
    pub mnemonic: String,
    /// What follows it behind dots: `BCST`, `Z`, `RN_SAE`.
    pub suffixes: Vec<String>,
    /// Its operands in Go's order.
    pub operands: Vec<Spanned>,
}

/// An operand with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub operand: Operand,
}

/// An operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A register. General registers have no width in this language: `AX` is [`Register::RAX`] whatever the instruction;
    /// `AL` and `R8B` are the same register again, `AH` is [`Register::AH`].
    Register(Register),
    /// A register that only special instructions have.
    Special(Special),
    /// `first:second`, the pair of a double shift.
    Pair(Register, Register),
    /// `[first-last]`, a range of vector registers.
    Range(Register, Register),
    /// `$n`. Values from 2^63 on wrap around: `$0xffffffffffffffff` is -1.
    Immediate(i64),
    /// `$1.5`.
    Float(f64),
    /// `$"text"`, its escapes replaced.
    String(Vec<u8>),
    /// `$symbol+8(SB)`, `$name-8(SP)`, `$8(BX)(CX*2)`: an address.
    Address(Memory),
    /// What is at an address.
    Memory(Memory),
    /// `*operand`: the target of an indirect jump or call is in memory or in a register.
    Indirect(Box<Operand>),
    /// A label of this function, as the target of a jump.
    Label(String),
    /// `n(PC)`: so many instructions on.
    PcRelative(i64),
}

/// Registers that only special instructions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Special {
    Gdtr,
    Idtr,
    Ldtr,
    Msw,
    Task,
    /// The pseudo-register through which `g` is found.
    Tls,
}

/// An address: `symbol+offset(base)(index*scale)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// The symbol, or the name of an argument or local before a pseudo-register.
    pub symbol: Option<Symbol>,
    /// Added to it.
    pub offset: i64,
    /// What it counts from.
    pub base: Option<Base>,
    /// A register, times 1, 2, 4 or 8.
    pub index: Option<(Index, u8)>,
}

/// What an address counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// `(SB)`: the symbol is global.
    Sb,
    /// `name+off(FP)`: the function's arguments and results.
    Fp,
    /// `name-off(SP)`: below the top of the function's locals. Without a name, `off(SP)` is the hardware register.
    VirtualSp,
    /// A register, the hardware's SP among them.
    Register(Register),
    /// `(TLS)`.
    Tls,
}

/// What is multiplied in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// A general register, or a vector of them.
    Register(Register),
    /// `(TLS*1)`.
    Tls,
}

/// Calling conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abi {
    /// Arguments on the stack.
    Abi0,
    /// Arguments in registers: `symbol<ABIInternal>(SB)`.
    Internal,
}

/// A name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Symbol {
    /// With `·` as `.` and `∕` as `/`. A leading dot stands for the package: `·add` is `.add`, and so is `""·add`.
    pub name: String,
    /// `name<>(SB)`: known in this file only.
    pub is_static: bool,
    /// Given in angle brackets; `None` stands for ABI0.
    pub abi: Option<Abi>,
}
