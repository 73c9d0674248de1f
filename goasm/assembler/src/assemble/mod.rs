//! From statements to bytes.
//!
//! ```text
//!     statements of a file
//!       | sections    which belong to which function; the variables                 (variables)
//!       | function    the frame, the check, returns; what each statement becomes    (frame, lower, operand)
//!       v
//!     pieces          one for each machine instruction, with how deep the stack is before it
//!       | layout      short and long jumps, padding, offsets
//!       | unwind      how the caller is found from each instruction
//!       v
//!     object::Function
//! ```

mod frame;
mod instruction;
mod layout;
mod lower;
mod names;
mod operand;
mod piece;
mod print;
mod unwind;
mod variables;

pub use frame::{CURRENT_G, G_STACKGUARD0, STACK_BIG, STACK_NOSPLIT, STACK_SMALL};
pub(crate) use unwind::writes;

use crate::diagnostic::Diagnostic;
use crate::object::{Object, Options};
use crate::syntax::{Statement, StatementKind};
use std::collections::HashMap;
use variables::Variables;

/// Assembles the statements of a file.
///
/// # Errors
/// All that is wrong with them, each at its place.
pub fn assemble(statements: &[Statement], options: &Options) -> Result<Object, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut object = Object::default();
    let mut variables = Variables::new(options);
    // Stack maps are variables that functions refer to, and may stand behind them.
    for statement in statements {
        if let Err(error) = variables.take(statement) {
            errors.push(error);
        }
    }
    let mut names: HashMap<String, &Statement> = HashMap::new();
    for section in sections(statements) {
        match lower::function(section, options, &mut variables) {
            Ok(function) => {
                if let Some(first) = names.insert(function.name.clone(), &section[0]) {
                    let twice = format!("{} is defined twice in this file", function.name);
                    errors.push(
                        Diagnostic::new(&section[0].position, twice).note(format!("first at {}", first.position)),
                    );
                }
                object.functions.push(function);
            }
            Err(more) => errors.extend(more),
        }
    }
    match variables.finish() {
        Ok(variables) => object.variables = variables,
        Err(more) => errors.extend(more),
    }
    if errors.is_empty() {
        Ok(object)
    } else {
        errors.sort_by_key(|error| (error.position.line, error.position.column));
        Err(errors)
    }
}

/// Each function's statements: from its `TEXT` up to the next.
fn sections(statements: &[Statement]) -> impl Iterator<Item = &[Statement]> {
    let is_text = |statement: &Statement| matches!(statement.kind, StatementKind::Text { .. });
    let starts: Vec<usize> = (0..statements.len()).filter(|&at| is_text(&statements[at])).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([statements.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &statements[start..end])
}
