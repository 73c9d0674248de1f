//! Sources into statements.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Position};
use crate::expression::Cursor;
use crate::headers;
use crate::lex::{Kind, Token};
use crate::operand::operand;
use crate::preprocess::{Fault, Preprocessor};
use crate::source;
use crate::syntax::{Base, Instruction, Operand, Spanned, Statement, StatementKind};

mod directive;
mod names;

use names::Names;

/// What a source may need besides itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Names and what they stand for, as if the source began with `#define NAME VALUE`. `GOARCH_amd64`, `GOOS_linux` and, unless
    /// another level is here, `GOAMD64_v1` are defined by themselves.
    pub defines: Vec<(String, String)>,
    /// Directories in which `#include` looks after it has looked beside the file that includes. What is in none of them may still be
    /// known by itself: `textflag.h`, `funcdata.h`, `go_tls.h`, `asm_amd64.h`.
    pub include_dirs: Vec<PathBuf>,
}

/// A source without its macros.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What it says, in order.
    pub statements: Vec<Statement>,
    /// Every file that was read; if one of them changes, the source has to be read again.
    pub files: Vec<PathBuf>,
}

/// Reads and parses a file.
///
/// # Errors
///
/// It cannot be read, or something in it is wrong: at most 20 of all the things that are, in order. There is at least one.
pub fn parse_file(path: &Path, options: &Options) -> Result<Parsed, Vec<Diagnostic>> {
    let text = source::read(path).map_err(|error| vec![error])?;
    parse(Preprocessor::new(&path.display().to_string(), &text, Some(path.to_owned()), options))
}

/// Parses text that is in no file, or in another kind of file. Messages call it `name`; what it includes is looked for in the
/// directories of the options only.
///
/// # Errors
///
/// Something in it is wrong: at most 20 of all the things that are, in order. There is at least one.
pub fn parse_text(name: &str, text: &str, options: &Options) -> Result<Parsed, Vec<Diagnostic>> {
    parse(Preprocessor::new(name, text, None, options))
}

fn parse(preprocessor: Preprocessor<'_>) -> Result<Parsed, Vec<Diagnostic>> {
    let mut parser =
        Parser { source: preprocessor, statements: Vec::new(), names: Names::default(), place: Place::Outside };
    let mut tokens = Vec::new();
    // What a statement is wrong about in its tokens is already said; its rest would only be wrong about the same.
    let mut faults = 0;
    while parser.source.statement(&mut tokens, &mut faults) {
        if faults == parser.source.faults() {
            if let Err(fault) = parser.line(&tokens) {
                parser.wrong(&tokens, fault);
            }
        } else {
            parser.names.lose_labels();
            parser.enter_if_text(&tokens);
        }
    }
    parser.end_function();
    let (_, files, diagnostics) = parser.source.finish();
    if diagnostics.is_empty() { Ok(Parsed { statements: parser.statements, files }) } else { Err(diagnostics) }
}

/// Where the parser is.
#[derive(PartialEq, Eq)]
enum Place {
    /// Before the first function.
    Outside,
    /// There, and it was said that what is here is in no function.
    OutsideAndSaid,
    /// In a function.
    Function,
}

struct Parser<'a> {
    source: Preprocessor<'a>,
    statements: Vec<Statement>,
    names: Names,
    place: Place,
}

impl Parser<'_> {
    /// A line: labels and a statement, the last of whose tokens ends it.
    fn line(&mut self, mut tokens: &[Token]) -> Result<(), Fault> {
        while let [name, colon, rest @ ..] = tokens
            && name.kind == Kind::Name
            && colon.is(':')
        {
            self.must_be_inside(name)?;
            let position = self.position(name);
            self.names.label(name, &position)?;
            self.add(position, StatementKind::Label(name.text.to_string()));
            tokens = rest;
        }
        let [first, rest @ ..] = tokens else { return Ok(()) };
        if first.ends_statement() {
            return Ok(());
        }
        if first.kind != Kind::Name {
            let found = first.describe();
            return Err(Fault::new(first, format!("expected an instruction, a directive or a label, found {found}")));
        }
        let position = self.position(first);
        let kind = match &*first.text {
            "TEXT" => self.text(first, rest)?,
            "GLOBL" => self.globl(first, rest)?,
            "DATA" => self.data(first, rest)?,
            word => {
                self.must_be_inside(first)?;
                match word {
                    "FUNCDATA" => directive::funcdata(first, rest)?,
                    "PCDATA" => directive::pcdata(first, rest)?,
                    "PCALIGN" => directive::pcalign(first, rest)?,
                    _ => StatementKind::Instruction(self.instruction(first, rest)?),
                }
            }
        };
        self.add(position, kind);
        Ok(())
    }

    fn add(&mut self, position: Position, kind: StatementKind) {
        self.statements.push(Statement { position, kind });
    }

    fn position(&self, token: &Token) -> Position {
        self.source.files().position(token.place)
    }

    /// Takes down what is wrong with a statement, and goes on as if it were not there.
    fn wrong(&mut self, tokens: &[Token], fault: Fault) {
        self.names.lose_labels();
        self.source.report(fault);
        self.enter_if_text(tokens);
    }

    /// After a wrong `TEXT` there is a function all the same.
    fn enter_if_text(&mut self, tokens: &[Token]) {
        if tokens.first().is_some_and(|token| &*token.text == "TEXT") {
            self.end_function();
            self.names.lose_labels();
            self.place = Place::Function;
        }
    }

    /// Looks whether all labels that were used are there, and forgets them.
    fn end_function(&mut self) {
        for fault in self.names.end_function() {
            self.source.report(fault);
        }
    }

    /// Of what belongs into a function. That there is none is said once.
    fn must_be_inside(&mut self, token: &Token) -> Result<(), Fault> {
        if self.place == Place::Outside {
            self.place = Place::OutsideAndSaid;
            let message =
                format!("`{}` is in no function: expected `TEXT name(SB), flags, $frame-args` before it", token.text);
            let fault = Fault::new(token, message);
            return Err(match headers::defining(&token.text) {
                Some(header) => fault.note(format!("`#include {header:?}` defines `{}`", token.text)),
                None => fault,
            });
        }
        Ok(())
    }

    fn instruction(&mut self, name: &Token, tokens: &[Token]) -> Result<Instruction, Fault> {
        if let Some(header) = headers::defining(&name.text) {
            let message = format!("`{}` is no instruction, but a macro of {header}", name.text);
            return Err(Fault::new(name, message).note(format!("`#include {header:?}` defines it")));
        }
        let (mut suffixes, mut rest) = (Vec::new(), tokens);
        while let [dot, after @ ..] = rest
            && dot.is('.')
        {
            let [suffix, after @ ..] = after else { break };
            if suffix.kind != Kind::Name {
                let found = suffix.describe();
                return Err(Fault::new(suffix, format!("expected a suffix after `{}.`, found {found}", name.text)));
            }
            suffixes.push(suffix.text.to_string());
            rest = after;
        }
        let is_jump = is_jump(&name.text);
        let mut operands = Vec::new();
        for (tokens, end) in split(rest)? {
            let first = tokens.first().unwrap_or(end);
            let operand = operand(&mut Cursor::new(tokens, end), is_jump)?;
            if let Operand::Label(label) = &operand {
                self.names.jump(first, label);
            }
            operands.push(Spanned { position: self.position(first), operand });
        }
        if is_jump {
            check_target(name, rest, &operands)?;
        }
        Ok(Instruction { mnemonic: name.text.to_string(), suffixes, operands })
    }
}

/// Whether the operand of this instruction may be a label.
fn is_jump(mnemonic: &str) -> bool {
    mnemonic.starts_with('J') || mnemonic.starts_with("LOOP") || matches!(mnemonic, "CALL" | "XBEGIN")
}

/// Whether a jump or call can go where its last operand is.
fn check_target(name: &Token, tokens: &[Token], operands: &[Spanned]) -> Result<(), Fault> {
    let is_pair = |operand: &Spanned| matches!(operand.operand, Operand::Pair(..));
    let is_target = match operands.last().map(|target| &target.operand) {
        _ if operands.len() > 2 || operands.iter().any(is_pair) => false,
        Some(Operand::Memory(memory)) => !matches!(memory.base, Some(Base::Fp | Base::VirtualSp)),
        Some(Operand::Label(_) | Operand::PcRelative(_) | Operand::Register(_) | Operand::Indirect(_)) => true,
        // What no jump has, but another instruction of such a name may.
        Some(Operand::Immediate(_) | Operand::Special(_)) => true,
        Some(Operand::Address(_) | Operand::Float(_) | Operand::String(_) | Operand::Pair(..) | Operand::Range(..)) => {
            false
        }
        None => false,
    };
    if is_target {
        return Ok(());
    }
    let message = format!(
        "`{}` goes to a label, `n(PC)`, `name(SB)`, a register, or what memory behind a register holds",
        name.text
    );
    Err(Fault::new(tokens.first().unwrap_or(name), message))
}

/// The operands between the commas that are in no parentheses, each with the token behind it.
fn split(tokens: &[Token]) -> Result<Vec<(&[Token], &Token)>, Fault> {
    let mut operands = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        let last = token.ends_statement() || at + 1 == tokens.len();
        match token.kind {
            Kind::Mark('(' | '[') => depth += 1,
            Kind::Mark(')' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if last && at == 0 {
            break;
        }
        if last || depth == 0 && token.is(',') {
            if at == start {
                return Err(Fault::new(token, format!("expected an operand, found {}", token.describe())));
            }
            operands.push((&tokens[start..at], token));
            start = at + 1;
        }
    }
    Ok(operands)
}
