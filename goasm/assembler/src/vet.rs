//! What the assembler itself does not ask: whether functions fit their signatures, and what `go vet` finds suspicious.
//!
//! The questions are those of Go's `asmdecl` and `framepointer` analyses. They differ from these where vet is known to err:
//!
//! - Vet reads lines; here macros are expanded, so what stands in a macro is checked in each function that uses it.
//! - Vet guesses widths from the last letters of mnemonics. Here conversions, extending moves, CMOV, VMOVD, inserts, extracts, broadcasts
//!   and `CMPXCHG8B` have their true ones, and an array may be moved as a whole by an instruction of its width.
//! - Vet asks whether a result named `ret` is written. Here each result is asked for, whatever its name. The address of the whole frame,
//!   `argframe+0(FP)`, or in a NOFRAME function the hardware's SP, can reach all of them.
//! - Vet forgets about the saved BP when it says which argument `off(SP)` is, and does not see that PUSH moves SP.
//! - Vet takes ABI0's names in functions of ABIInternal, where other things are at those places. Here only what is on the stack has a name.
//!   The size in `TEXT` is ABI0's in both.
//! - A function without a declaration is no mistake: other assembly may call it.

mod names;
mod results;
mod stack;
mod width;

use crate::diagnostic::{Diagnostic, Position};
use crate::object::flags;
use crate::registers;
use crate::signature::registers::{Assignment, Place};
use crate::signature::{Signature, Value};
use crate::syntax::{Abi, Instruction, Memory, Operand, Statement, StatementKind, Symbol};
use std::borrow::Cow;

/// Everything suspicious about the functions in `statements`, function by function; then the signatures that no function has.
///
/// A function has the signature of its name, in either calling convention; but that of the signature has to be there. One without is
/// only asked what can be asked without. Static functions (`name<>`) have none.
pub fn check(statements: &[Statement], signatures: &[Signature]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut is_defined = vec![false; signatures.len()];
    for function in functions(statements) {
        stack::check(&function, &mut found);
        let known = signatures.iter().position(|signature| function.has_name(&signature.name));
        if let Some(index) = known {
            let signature = &signatures[index];
            is_defined[index] |= function.abi() == signature.abi;
            check_args(&function, signature, &mut found);
            let assignment = function.is_internal().then(|| Assignment::of(signature));
            let known = Known::new(signature, assignment.as_ref());
            names::check(&function, &known, &mut found);
            results::check(&function, &known, &mut found);
        }
    }
    for (signature, _) in signatures.iter().zip(is_defined).filter(|(_, is_defined)| !is_defined) {
        let symbol = spell_symbol(&signature.name, signature.abi);
        let is_other = functions(statements).any(|function| function.has_name(&signature.name));
        let advice = match (is_other, signature.abi) {
            (false, _) => "Static functions, `name<>(SB)`, cannot be declared.",
            (true, Abi::Abi0) => "It is ABIInternal: declare it in a block `unsafe extern \"ABIInternal\" { .. }`.",
            (true, Abi::Internal) => "It is ABI0: declare it in a block `unsafe extern \"ABI0\" { .. }`.",
        };
        let message = format!("no TEXT defines `{symbol}(SB)`, which `{signature}` declares");
        found.push(Diagnostic::new(&signature.position, message).note(advice));
    }
    found
}

/// What is known of a function's values.
struct Known<'s> {
    signature: &'s Signature,
    /// What of it has names before `(FP)`, with its places there.
    named: Cow<'s, Signature>,
    /// Of a function of ABIInternal: where everything is.
    assignment: Option<&'s Assignment>,
}

impl<'s> Known<'s> {
    fn new(signature: &'s Signature, assignment: Option<&'s Assignment>) -> Known<'s> {
        let named = match assignment {
            Some(assignment) => Cow::Owned(assignment.on_stack(signature)),
            None => Cow::Borrowed(signature),
        };
        Known { signature, named, assignment }
    }

    /// The registers of a value that has some, or of the value that a name is a part of.
    fn registers(&self, name: &str) -> Option<String> {
        let assignment = self.assignment?;
        let component = self.signature.find(name)?;
        let places = assignment.params.iter().chain(&assignment.results);
        let is_meant = |value: &Value| (value.offset..value.offset + value.ty.size()).contains(&component.offset);
        let (_, place) = self.signature.values().zip(places).find(|(value, _)| is_meant(value))?;
        let Place::Registers { parts, .. } = place else { return None };
        let names: Vec<_> = parts.iter().map(|part| registers::name(part.register)).collect();
        Some(format!("{} is in {}", component.what, names.join(", ")))
    }
}

/// A function: its `TEXT`, and the statements up to the next one.
struct Function<'a> {
    position: &'a Position,
    symbol: &'a Symbol,
    flags: u32,
    frame: i64,
    args: Option<i64>,
    body: &'a [Statement],
}

impl<'a> Function<'a> {
    fn has_name(&self, name: &str) -> bool {
        !self.symbol.is_static && self.symbol.name == name
    }

    fn abi(&self) -> Abi {
        self.symbol.abi.unwrap_or(Abi::Abi0)
    }

    fn is_noframe(&self) -> bool {
        self.flags & flags::NOFRAME != 0
    }

    /// Whether it takes its arguments and gives its results in registers.
    fn is_internal(&self) -> bool {
        self.abi() == Abi::Internal
    }

    /// Its instructions with their places.
    fn instructions(&self) -> impl Iterator<Item = (&'a Position, &'a Instruction)> {
        self.body.iter().filter_map(|statement| match &statement.kind {
            StatementKind::Instruction(instruction) => Some((&statement.position, instruction)),
            _ => None,
        })
    }
}

fn functions(statements: &[Statement]) -> impl Iterator<Item = Function<'_>> {
    let is_text = |statement: &Statement| matches!(statement.kind, StatementKind::Text { .. });
    statements.iter().enumerate().filter_map(move |(index, statement)| {
        let StatementKind::Text { symbol, flags, frame, args } = &statement.kind else {
            return None;
        };
        let rest = &statements[index + 1..];
        let body = &rest[..rest.iter().position(is_text).unwrap_or(rest.len())];
        Some(Function { position: &statement.position, symbol, flags: *flags, frame: *frame, args: *args, body })
    })
}

/// Whether `TEXT` gives the signature's size. As in Go, a NOSPLIT function may give none, or 0.
fn check_args(function: &Function, signature: &Signature, found: &mut Vec<Diagnostic>) {
    let expected = signature.args();
    let given = match function.args {
        None | Some(0) if function.flags & flags::NOSPLIT != 0 => return,
        Some(args) if u64::try_from(args) == Ok(expected) => return,
        None if expected == 0 => return,
        None => "gives no size of arguments and results".to_string(),
        Some(args) => format!("gives {} of arguments and results", bytes(args.unsigned_abs())),
    };
    let (symbol, frame) = (spell(&signature.name), function.frame);
    found.push(
        Diagnostic::new(
            function.position,
            format!("TEXT {symbol} {given}, but `{signature}` has {expected}: `${frame}-{expected}`"),
        )
        .note("Each value stands at its natural alignment, and results begin at a multiple of 8."),
    );
}

/// A symbol's name as sources have it.
fn spell(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((package, name)) => format!("{}·{name}", package.replace('/', "∕")),
        None => name.to_string(),
    }
}

/// The same with the calling convention, where it has to be said.
pub(crate) fn spell_symbol(name: &str, abi: Abi) -> String {
    let convention = if abi == Abi::Internal { "<ABIInternal>" } else { "" };
    spell(name) + convention
}

/// "1 byte", "2 bytes".
fn bytes(n: u64) -> String {
    match n {
        1 => "1 byte".to_string(),
        n => format!("{n} bytes"),
    }
}

/// The memory or address that an operand names.
fn memory(operand: &Operand) -> Option<&Memory> {
    match operand {
        Operand::Memory(memory) | Operand::Address(memory) => Some(memory),
        Operand::Indirect(inner) => memory(inner),
        _ => None,
    }
}
