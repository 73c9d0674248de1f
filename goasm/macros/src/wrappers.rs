//! Which functions get a namesake of the other calling convention, and which names of the other convention there are.
//!
//! | declared | has | wrapper | for |
//! |---|---|---|---|
//! | `extern "ABI0"` | `f` | `f<ABIInternal>` | assembly of ABIInternal |
//! | `extern "ABIInternal"` | `f<ABIInternal>` | `f` | assembly of ABI0, and Rust |
//! | `extern "Rust"` | `f`, by `mapped_export!` | `f<ABIInternal>` | assembly of ABIInternal |
//!
//! Without the feature `wrappers` there is only that of the second row, under a name that assembly cannot write.

use goasm_assembler::diagnostic::{Diagnostic, Position};
use goasm_assembler::signature::Signature;
use goasm_assembler::syntax::{Abi, Base, Operand, Statement, StatementKind, Symbol};
use goasm_assembler::wrapper;

/// What Rust says about functions.
#[derive(Default)]
pub(crate) struct Declared {
    /// Those in the assembly.
    pub(crate) assembly: Vec<Signature>,
    /// Those in Rust.
    pub(crate) rust: Vec<Signature>,
    /// Whether functions get wrappers under their own names.
    pub(crate) has_wrappers: bool,
}

impl Declared {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Signature> {
        self.assembly.iter().chain(&self.rust)
    }
}

/// A wrapper that is to be made.
pub(crate) struct Wrapper<'s> {
    /// Of the function that it calls.
    pub(crate) signature: &'s Signature,
    /// Its own symbol.
    pub(crate) name: String,
    flags: u32,
    position: Position,
}

impl Wrapper<'_> {
    pub(crate) fn statements(&self) -> Vec<Statement> {
        let Wrapper { signature, name, flags, position } = self;
        wrapper::Wrapper { signature, name, flags: *flags, position }.statements()
    }
}

/// The wrappers of what is declared.
pub(crate) fn of<'s>(statements: &[Statement], declared: &'s Declared) -> Vec<Wrapper<'s>> {
    let one = |signature: &'s Signature| {
        let is_own = declared.has_wrappers && text(statements, &signature.name, other(signature.abi)).is_none();
        let name = match signature.abi {
            _ if is_own => signature.name.clone(),
            // Rust calls it in any case.
            Abi::Internal => format!("{}$bridge", signature.name),
            Abi::Abi0 => return None,
        };
        let (position, flags) = text(statements, &signature.name, signature.abi).unwrap_or((&signature.position, 0));
        Some(Wrapper { signature, name, flags, position: position.clone() })
    };
    declared.all().filter_map(one).collect()
}

/// Without the feature: what is wrong with names of functions that are of the other convention.
pub(crate) fn check_references(statements: &[Statement], declared: &Declared) -> Vec<Diagnostic> {
    if declared.has_wrappers {
        return Vec::new();
    }
    let wrong = |(position, symbol): (&Position, &Symbol)| {
        let abi = symbol.abi.unwrap_or(Abi::Abi0);
        let is_meant = |signature: &&Signature| !symbol.is_static && signature.name == symbol.name;
        let signature = declared.all().find(is_meant)?;
        if signature.abi == abi || text(statements, &symbol.name, abi).is_some() {
            return None;
        }
        let (is, named) = match signature.abi {
            Abi::Abi0 => ("ABI0", "`<ABIInternal>` names its wrapper"),
            Abi::Internal => ("ABIInternal", "without `<ABIInternal>` this is its wrapper"),
        };
        let message = format!("`{signature}` is {is}, and {named}, which is not made");
        Some(Diagnostic::new(position, message).note("The feature `wrappers` of goasm makes them; it is off."))
    };
    statements.iter().flat_map(references).filter_map(wrong).collect()
}

/// The symbols that a statement refers to.
fn references(statement: &Statement) -> Vec<(&Position, &Symbol)> {
    fn symbol(operand: &Operand) -> Option<&Symbol> {
        match operand {
            Operand::Memory(memory) | Operand::Address(memory) if memory.base == Some(Base::Sb) => {
                memory.symbol.as_ref()
            }
            Operand::Indirect(inner) => symbol(inner),
            _ => None,
        }
    }
    match &statement.kind {
        StatementKind::Instruction(instruction) => {
            let operands = instruction.operands.iter();
            operands.filter_map(|it| Some((&it.position, symbol(&it.operand)?))).collect()
        }
        StatementKind::Data { value, .. } => symbol(value).map(|it| (&statement.position, it)).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn other(abi: Abi) -> Abi {
    match abi {
        Abi::Abi0 => Abi::Internal,
        Abi::Internal => Abi::Abi0,
    }
}

/// Where a function of this convention is defined, and its flags.
fn text<'t>(statements: &'t [Statement], name: &str, abi: Abi) -> Option<(&'t Position, u32)> {
    statements.iter().find_map(|statement| match &statement.kind {
        StatementKind::Text { symbol, flags, .. }
            if !symbol.is_static && symbol.name == name && symbol.abi.unwrap_or(Abi::Abi0) == abi =>
        {
            Some((&statement.position, *flags))
        }
        _ => None,
    })
}
