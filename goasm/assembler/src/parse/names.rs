//! Names that may be defined once only, and labels that must be.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::Position;
use crate::lex::Token;
use crate::preprocess::Fault;
use crate::syntax::Symbol;

/// What was defined so far.
#[derive(Default)]
pub(super) struct Names {
    /// Functions and variables.
    symbols: HashMap<Symbol, Position>,
    /// The labels of this function.
    labels: HashMap<String, Position>,
    /// The first jump to each label of this function.
    jumps: Vec<(Token, String)>,
    jumped: HashSet<String>,
    /// A statement of this function was wrong, so that a label may be missing because of that.
    is_incomplete: bool,
    /// Where the last `DATA` for a variable ended.
    data: HashMap<Symbol, i64>,
}

impl Names {
    /// A function or variable begins here.
    ///
    /// # Errors
    ///
    /// There is already one of that name.
    pub fn define(&mut self, symbol: &Symbol, name: &Token, position: Position) -> Result<(), Fault> {
        match self.symbols.get(symbol) {
            Some(other) => Err(defined_twice(&format!("`{}`", symbol.name), name, other)),
            None => {
                self.symbols.insert(symbol.clone(), position);
                Ok(())
            }
        }
    }

    /// A label is here.
    ///
    /// # Errors
    ///
    /// The function has one of that name.
    pub fn label(&mut self, name: &Token, position: &Position) -> Result<(), Fault> {
        match self.labels.get(&*name.text) {
            Some(other) => Err(defined_twice(&format!("the label `{}`", name.text), name, other)),
            None => {
                self.labels.insert(name.text.to_string(), position.clone());
                Ok(())
            }
        }
    }

    /// A jump to a label.
    pub fn jump(&mut self, target: &Token, label: &str) {
        if self.jumped.insert(label.to_owned()) {
            self.jumps.push((target.clone(), label.to_owned()));
        }
    }

    /// Something of this function is lost.
    pub fn lose_labels(&mut self) {
        self.is_incomplete = true;
    }

    /// The function is at its end. What comes back are jumps to labels that it lacks.
    pub fn end_function(&mut self) -> Vec<Fault> {
        let labels = std::mem::take(&mut self.labels);
        let jumps = std::mem::take(&mut self.jumps);
        self.jumped.clear();
        if std::mem::take(&mut self.is_incomplete) {
            return Vec::new();
        }
        let missing = jumps.into_iter().filter(|(_, label)| !labels.contains_key(label));
        let fault = |(target, label): (Token, String)| {
            Fault::new(&target, format!("this function has no label `{label}`"))
                .note(format!("a jump to another function is written `{label}(SB)`"))
        };
        missing.map(fault).collect()
    }

    /// `DATA` for these bytes of a variable.
    ///
    /// # Errors
    ///
    /// They are not behind those of the last one.
    pub fn data(&mut self, symbol: &Symbol, offset: i64, width: u32, name: &Token) -> Result<(), Fault> {
        let end = self.data.entry(symbol.clone()).or_insert(0);
        if offset < *end {
            let message =
                format!("the bytes of `{}` before {end} already have a value: expected a larger offset", symbol.name);
            return Err(Fault::new(name, message));
        }
        *end = offset.saturating_add(i64::from(width));
        Ok(())
    }
}

fn defined_twice(what: &str, name: &Token, other: &Position) -> Fault {
    Fault::new(name, format!("{what} is defined twice")).note(format!("the other definition is at {other}"))
}
