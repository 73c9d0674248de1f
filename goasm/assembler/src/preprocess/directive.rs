//! Directives: lines that begin with `#`.

use super::{Condition, Fault, Input, Preprocessor};
use crate::lex::{Kind, Token};
use crate::literal;

impl Preprocessor<'_> {
    /// Obeys a directive, whose `#` was read.
    pub(super) fn directive(&mut self, hash: &Token) {
        const EXPECTED: &str = "expected `define`, `undef`, `ifdef`, `ifndef`, `else`, `endif`, `include` or `line`";
        let Some(name) = self.next_unexpanded() else { return };
        if name.kind != Kind::Name {
            if self.is_used() {
                self.report(Fault::new(hash, format!("{EXPECTED} after `#`, found {}", name.describe())));
            }
            return self.skip_line(&name);
        }
        let used = self.is_used();
        match &*name.text {
            "ifdef" | "ifndef" => self.open(&name),
            "else" => self.turn(&name),
            "endif" => self.close(&name),
            _ if !used => self.skip_line(&name),
            "define" => self.define(&name),
            "undef" => self.undefine(&name),
            "include" => self.include(&name),
            "line" => self.line(&name),
            _ => {
                self.report(Fault::new(&name, format!("there is no directive `#{}`: {EXPECTED}", name.text)));
                self.skip_line(&name);
            }
        }
    }

    /// Reads up to the end of the line whose last token read is `last`.
    pub(super) fn skip_line(&mut self, last: &Token) {
        let mut kind = last.kind;
        while kind != Kind::Newline {
            match self.next_unexpanded() {
                Some(token) => kind = token.kind,
                None => return,
            }
        }
    }

    /// The tokens up to the end of the line.
    pub(super) fn rest_of_line(&mut self) -> Vec<Token> {
        let tokens = std::iter::from_fn(|| self.next_unexpanded());
        tokens.take_while(|token| token.kind != Kind::Newline).collect()
    }

    /// The one name that follows a directive. `None` if anything else does, which is reported.
    pub(super) fn only_name(&mut self, directive: &Token) -> Option<Token> {
        let mut line = self.rest_of_line();
        let wrong = line.iter().enumerate().find(|(at, token)| *at > 0 || token.kind != Kind::Name);
        if wrong.is_none() && !line.is_empty() {
            return line.pop();
        }
        let (at, token) = wrong.unwrap_or((0, directive));
        let expected = if at == 0 { "a name" } else { "the end of the line after the name" };
        self.report(Fault::new(token, format!("expected {expected} after `#{}`", directive.text)));
        None
    }

    /// Sees to it that nothing follows a directive.
    fn nothing_else(&mut self, directive: &Token) {
        if let Some(token) = self.rest_of_line().first() {
            let found = token.describe();
            self.report(Fault::new(
                token,
                format!("expected the end of the line after `#{}`, found {found}", directive.text),
            ));
        }
    }

    /// `#ifdef` and `#ifndef`.
    fn open(&mut self, directive: &Token) {
        let outer = self.is_used();
        let wanted = &*directive.text == "ifdef";
        let name = self.only_name(directive);
        let used = outer && name.is_some_and(|name| self.is_defined(&name) == wanted);
        self.conditions.push(Condition { opened: directive.clone(), outer, used, is_else: false });
    }

    /// `#else`.
    fn turn(&mut self, directive: &Token) {
        self.nothing_else(directive);
        match self.conditions.last_mut() {
            Some(condition) if !condition.is_else => {
                condition.is_else = true;
                condition.used = condition.outer && !condition.used;
            }
            Some(condition) => {
                let opened = self.files.position(condition.opened.place);
                let fault = Fault::new(directive, "expected `#endif`, found a second `#else`");
                self.report(fault.note(format!("the condition begins at {opened}")));
            }
            None => {
                self.report(Fault::new(directive, "there is no `#ifdef` or `#ifndef` that this `#else` belongs to"))
            }
        }
    }

    /// `#endif`.
    fn close(&mut self, directive: &Token) {
        self.nothing_else(directive);
        if self.conditions.pop().is_none() {
            self.report(Fault::new(directive, "there is no `#ifdef` or `#ifndef` that this `#endif` belongs to"));
        }
    }

    /// `#line 7 "file"`: the next line is the seventh of that file.
    fn line(&mut self, directive: &Token) {
        let line = self.rest_of_line();
        let [number, name] = line.as_slice() else {
            return self.report(Fault::new(directive, "expected `#line NUMBER \"FILE\"`"));
        };
        let value =
            literal::integer(&number.text).ok().and_then(|value| u32::try_from(value).ok()).filter(|&value| value > 0);
        let Some(value) = value.filter(|_| number.kind == Kind::Integer) else {
            let found = number.describe();
            return self.report(Fault::new(
                number,
                format!("expected the number of a line, 1 or more, after `#line`, found {found}"),
            ));
        };
        let text = if name.kind == Kind::String { literal::string(&name.text) } else { Err("no string".into()) };
        let Some(text) = text.ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            let found = name.describe();
            return self.report(Fault::new(name, format!("expected the name of a file in quotes, found {found}")));
        };
        let file = self.files.add(&text);
        if let Some(Input::File { lexer, .. }) =
            self.inputs.iter_mut().rev().find(|input| matches!(input, Input::File { .. }))
        {
            lexer.next_line_is(file, value);
        }
    }
}
