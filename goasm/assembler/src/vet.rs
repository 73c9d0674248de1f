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
//! - A function without a declaration is no mistake: other assembly may call it.

mod names;
mod results;
mod stack;
mod width;

use crate::diagnostic::{Diagnostic, Position};
use crate::object::flags;
use crate::signature::Signature;
use crate::syntax::{Abi, Instruction, Memory, Operand, Statement, StatementKind, Symbol};

/// Everything suspicious about the functions in `statements`, function by function; then the signatures that no function has.
///
/// A function has the signature of its name, in either calling convention. One without is only asked what can be asked without. Static
/// functions (`name<>`) have none.
pub fn check(statements: &[Statement], signatures: &[Signature]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut is_defined = vec![false; signatures.len()];
    for function in functions(statements) {
        stack::check(&function, &mut found);
        let known = signatures.iter().position(|signature| function.has_name(&signature.name));
        if let Some(index) = known {
            let signature = &signatures[index];
            is_defined[index] = true;
            check_args(&function, signature, &mut found);
            names::check(&function, signature, &mut found);
            results::check(&function, signature, &mut found);
        }
    }
    for (signature, _) in signatures.iter().zip(is_defined).filter(|(_, is_defined)| !is_defined) {
        let symbol = spell(&signature.name);
        found.push(
            Diagnostic::new(
                &signature.position,
                format!("no TEXT defines `{symbol}(SB)`, which `{signature}` declares"),
            )
            .note("Static functions, `name<>(SB)`, cannot be declared."),
        );
    }
    found
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

    fn is_noframe(&self) -> bool {
        self.flags & flags::NOFRAME != 0
    }

    /// Whether it takes its arguments and gives its results in registers.
    fn is_internal(&self) -> bool {
        self.symbol.abi == Some(Abi::Internal)
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
