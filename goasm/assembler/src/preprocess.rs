//! Tokens as they are when all directives are obeyed and all macros are expanded.
//!
//! Where tokens come from is a stack: files at the bottom, above them the expansions of macros that are being read. An expansion is
//! read like a file, so macros in it are found by themselves, and it stays on the stack until the next token is wanted, so that a
//! macro which expands to itself makes the stack high. Tokens of an expansion are placed where the outermost macro is used; which
//! macros led there is remembered apart, for messages.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use crate::diagnostic::Diagnostic;
use crate::lex::{Kind, Lexer, Token};
use crate::parse::Options;
use crate::source::{Files, Place};

mod directive;
mod include;
mod macros;

use macros::{Expansion, Macro};

/// As many expansions may be within each other; Go's assembler has the same limit. Arguments that are macros again count as well.
const MAX_NESTING: usize = 100;

/// As many files may include each other.
const MAX_INCLUDES: usize = 32;

/// As many tokens may come from macros and from included files. A few lines of macros can ask for 2^100, and of the files of Go's
/// standard library none asks for 2^15.
const MAX_EXPANDED: usize = 1 << 20;

/// As many errors are told of one source. What follows is mostly more of the same.
const MAX_DIAGNOSTICS: usize = 20;

/// As many expansions are told of one error.
const MAX_NOTES: usize = 6;

/// Something wrong at a token, before it is known which expansions led there.
#[derive(Debug)]
pub(crate) struct Fault {
    pub place: Place,
    pub expansion: u32,
    pub message: String,
    pub notes: Vec<String>,
}

impl Fault {
    /// Something wrong at a token.
    pub fn new(token: &Token, message: impl Into<String>) -> Fault {
        Fault { place: token.place, expansion: token.expansion, message: message.into(), notes: Vec::new() }
    }

    /// The same with one more line of advice.
    pub fn note(mut self, note: impl Into<String>) -> Fault {
        self.notes.push(note.into());
        self
    }
}

/// What tokens are read from.
enum Input {
    File {
        lexer: Lexer,
        /// `None` if it is no file, but text that was handed over or a known header.
        path: Option<PathBuf>,
    },
    Expansion {
        name: Rc<str>,
        tokens: std::vec::IntoIter<Token>,
    },
}

/// An `#ifdef` or `#ifndef` that is not closed yet.
struct Condition {
    /// The directive's name, and where it is.
    opened: Token,
    /// Whether what is around it is used.
    outer: bool,
    /// Whether this part is used.
    used: bool,
    /// The `#else` was there.
    is_else: bool,
}

/// Gives out tokens, and takes down what is wrong.
pub(crate) struct Preprocessor<'a> {
    options: &'a Options,
    files: Files,
    read: Vec<PathBuf>,
    inputs: Vec<Input>,
    /// A token that was looked at too early.
    returned: Option<Token>,
    macros: HashMap<Rc<str>, Rc<Macro>>,
    /// Of 1 and more; tokens name them.
    expansions: Vec<Expansion>,
    conditions: Vec<Condition>,
    /// Whether a `#` here begins a directive.
    at_line_start: bool,
    expanded: usize,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Preprocessor<'a> {
    /// Of a text by that name, or of a file if there is a path.
    pub fn new(name: &str, text: &str, path: Option<PathBuf>, options: &'a Options) -> Preprocessor<'a> {
        let mut this = Preprocessor {
            options,
            files: Files::default(),
            read: path.iter().cloned().collect(),
            inputs: Vec::new(),
            returned: None,
            macros: HashMap::new(),
            expansions: Vec::new(),
            conditions: Vec::new(),
            at_line_start: true,
            expanded: 0,
            diagnostics: Vec::new(),
        };
        this.predefine();
        let file = this.files.add(name);
        this.inputs.push(Input::File { lexer: Lexer::new(text, file), path });
        this
    }

    /// Reads the next statement into `tokens`, the last of which is the `;` or the end of line that ends it; there is at least one
    /// other. `faults` becomes how many things were wrong before it. Returns whether there was one.
    pub fn statement(&mut self, tokens: &mut Vec<Token>, faults: &mut usize) -> bool {
        tokens.clear();
        *faults = self.faults();
        while let Some(token) = self.next() {
            let ends = token.ends_statement();
            if !ends || !tokens.is_empty() {
                tokens.push(token);
            } else {
                *faults = self.faults();
            }
            if ends && !tokens.is_empty() {
                return true;
            }
        }
        false
    }

    /// How many things are wrong so far.
    pub fn faults(&self) -> usize {
        self.diagnostics.len()
    }

    /// Takes down what is wrong. After too many of them, no more tokens come.
    pub fn report(&mut self, fault: Fault) {
        if self.diagnostics.len() >= MAX_DIAGNOSTICS {
            return;
        }
        let mut diagnostic = Diagnostic::new(&self.files.position(fault.place), fault.message);
        diagnostic.notes = fault.notes;
        let outer = |number: u32| self.expansions.get((number as usize).checked_sub(1)?);
        let mut expansions = std::iter::successors(outer(fault.expansion), |inner| outer(inner.outer));
        for known in expansions.by_ref().take(MAX_NOTES) {
            let defined = self.files.position(known.defined);
            diagnostic.notes.push(format!("in the expansion of the macro `{}`, defined at {defined}", known.name));
        }
        match expansions.count() {
            0 => {}
            more => diagnostic.notes.push(format!("in the expansions of {more} more macros")),
        }
        self.diagnostics.push(diagnostic);
        if self.diagnostics.len() == MAX_DIAGNOSTICS {
            self.diagnostics[MAX_DIAGNOSTICS - 1].notes.push("errors after this one are not shown".into());
            self.give_up();
        }
    }

    /// All files, all that was read, and all that is wrong.
    pub fn finish(self) -> (Files, Vec<PathBuf>, Vec<Diagnostic>) {
        (self.files, self.read, self.diagnostics)
    }

    /// A place in words.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// No more tokens come, and nothing more is wrong: what would follow is a consequence.
    fn give_up(&mut self) {
        self.inputs.clear();
        self.conditions.clear();
        self.returned = None;
    }

    /// Takes down what no recovery makes sense after.
    fn give_up_at(&mut self, fault: Fault) {
        self.report(fault);
        self.give_up();
    }

    /// The next token; `None` at the end.
    fn next(&mut self) -> Option<Token> {
        loop {
            let Some(token) = self.next_unexpanded() else {
                if let Some(condition) = self.conditions.pop() {
                    let directive = &condition.opened.text;
                    self.report(Fault::new(
                        &condition.opened,
                        format!("this `#{directive}` is never closed: expected `#endif`"),
                    ));
                    self.conditions.clear();
                }
                return None;
            };
            let used = self.is_used();
            match token.kind {
                Kind::Newline => self.at_line_start = true,
                Kind::Mark('#') if self.at_line_start => {
                    self.directive(&token);
                    continue;
                }
                Kind::Bad if used => self.report(Fault::new(&token, &*token.text)),
                Kind::Mark('#') if used => {
                    self.report(Fault::new(&token, "`#` begins a directive only where a line begins"));
                }
                Kind::Name if used => {
                    if let Some(known) = self.macros.get(&token.text).cloned()
                        && self.expand(&token, &known)
                    {
                        continue;
                    }
                    self.at_line_start = false;
                }
                _ => self.at_line_start = false,
            }
            if used {
                return Some(token);
            }
        }
    }

    /// Whether this part of the source is used, or left out by an `#ifdef`.
    fn is_used(&self) -> bool {
        self.conditions.last().is_none_or(|condition| condition.used)
    }

    /// The next token, with nothing done to it.
    fn next_unexpanded(&mut self) -> Option<Token> {
        if self.returned.is_some() {
            return self.returned.take();
        }
        loop {
            let is_outermost = self.inputs.len() == 1;
            let token = match self.inputs.last_mut()? {
                Input::File { lexer, .. } => {
                    self.expanded += usize::from(!is_outermost);
                    lexer.next()
                }
                Input::Expansion { tokens, .. } => tokens.next(),
            };
            if token.is_some() {
                return token;
            }
            self.inputs.pop();
        }
    }

    /// Whether there is room for more expansions and files. If not, that is an error, and the end.
    fn has_room(&mut self, token: &Token) -> bool {
        if self.expanded > MAX_EXPANDED {
            let message = format!("macros and included files come to more than {MAX_EXPANDED} tokens");
            self.give_up_at(Fault::new(token, message));
            return false;
        }
        true
    }
}
