//! Definitions and expansions of macros.

use std::rc::Rc;

use super::{Fault, Input, MAX_EXPANDED, MAX_NESTING, Preprocessor};
use crate::lex::{Kind, Lexer, Token};
use crate::source::Place;

/// A defined macro.
#[derive(Debug)]
pub(super) struct Macro {
    /// `None` if it takes none; such a one is expanded wherever its name is.
    parameters: Option<Vec<Rc<str>>>,
    /// What it stands for, lines and all.
    body: Vec<Token>,
    /// Where its name is.
    defined: Place,
}

/// A use of a macro.
#[derive(Debug)]
pub(super) struct Expansion {
    /// The macro.
    pub name: Rc<str>,
    /// Where it is defined.
    pub defined: Place,
    /// The expansion that its name was in, 0 if none.
    pub outer: u32,
}

impl Macro {
    /// Whether defining both is no contradiction.
    fn is_same(&self, other: &Macro) -> bool {
        self.parameters == other.parameters
            && self.body.len() == other.body.len()
            && self.body.iter().zip(&other.body).all(|(a, b)| a.kind == b.kind && a.text == b.text)
    }
}

impl Preprocessor<'_> {
    /// Defines what Go's tool defines for this machine, and what the options say.
    pub(super) fn predefine(&mut self) {
        // A program is made for one level of the architecture; the lowest, if nothing else is said.
        let level = self.options.defines.iter().any(|(name, _)| name.starts_with("GOAMD64_"));
        let own = ["GOARCH_amd64", "GOOS_linux", "GOAMD64_v1"].into_iter().take(if level { 2 } else { 3 });
        let own = own.map(|name| (name, "1"));
        let given = self.options.defines.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(given) {
            let file = self.files.add(&format!("-D {name}"));
            let defined = Place { file, line: 0, column: 0 };
            let tokens = |text: &str| {
                let mut lexer = Lexer::new(text, file);
                let mut tokens: Vec<_> = std::iter::from_fn(|| lexer.next()).collect();
                tokens.pop();
                tokens
            };
            let here = |message: String| Fault { place: defined, expansion: 0, message, notes: Vec::new() };
            let body = tokens(value);
            match tokens(name).as_slice() {
                [one] if one.kind == Kind::Name => {
                    let known = Macro { parameters: None, body, defined };
                    if let Some(bad) = known.body.iter().find(|token| token.kind == Kind::Bad) {
                        self.report(here(format!("in the value of `{name}`: {}", bad.text)));
                    }
                    self.macros.insert(one.text.clone(), Rc::new(known));
                }
                _ => self.report(here(format!("`{name}` cannot be defined: expected a name"))),
            }
        }
    }

    /// `#define`.
    pub(super) fn define(&mut self, directive: &Token) {
        let Some(line) = self.definition_line() else { return };
        let Some((name, rest)) = line.split_first().filter(|(name, _)| name.kind == Kind::Name) else {
            let found = line.first().unwrap_or(directive);
            return self.report(Fault::new(found, "expected the name of a macro after `#define`"));
        };
        let mut body = rest;
        let mut parameters = None;
        if body.first().is_some_and(|token| token.is('(') && token.joined) {
            let Some(end) = body.iter().position(|token| token.is(')')) else {
                return self.report(Fault::new(
                    &body[0],
                    format!("the parameters of `{}` are not closed: expected `)`", name.text),
                ));
            };
            match names(&body[1..end], &body[end]) {
                Ok(names) => parameters = Some(names),
                Err(fault) => return self.report(fault),
            }
            body = &body[end + 1..];
        }
        let known = Macro { parameters, body: body.to_vec(), defined: name.place };
        match self.macros.get(&name.text) {
            Some(before) if !before.is_same(&known) => {
                let message = format!("`{}` is already defined, and differently: `#undef` it first", name.text);
                let before = self.files.position(before.defined);
                self.report(Fault::new(name, message).note(format!("the other definition is at {before}")));
            }
            Some(_) => {}
            None => {
                self.macros.insert(name.text.clone(), Rc::new(known));
            }
        }
    }

    /// `#undef`.
    pub(super) fn undefine(&mut self, directive: &Token) {
        if let Some(name) = self.only_name(directive)
            && self.macros.remove(&name.text).is_none()
        {
            self.report(Fault::new(&name, format!("`{}` is not defined, so it cannot be undefined", name.text)));
        }
    }

    /// Whether a macro of that name is defined.
    pub(super) fn is_defined(&self, name: &Token) -> bool {
        self.macros.contains_key(&name.text)
    }

    /// Puts what a macro stands for before all that is still to be read. Returns false, with nothing done, if the name does not use the
    /// macro: one with parameters is used only where arguments follow.
    pub(super) fn expand(&mut self, name: &Token, known: &Macro) -> bool {
        let mut arguments = Vec::new();
        if let Some(parameters) = &known.parameters {
            let next = self.next_unexpanded();
            if !next.as_ref().is_some_and(|token| token.is('(')) {
                self.returned = next;
                return false;
            }
            match self.arguments(name) {
                // `f()` has one empty argument or none, as the macro wants.
                Some(found) if parameters.is_empty() && found.len() == 1 && found[0].is_empty() => {}
                Some(found) if found.len() == parameters.len() => arguments = found,
                Some(found) => {
                    let (wanted, given) = (parameters.len(), found.len());
                    let message = format!("the macro `{}` takes {wanted} arguments, here are {given}", name.text);
                    let place = self.files.position(known.defined);
                    self.report(Fault::new(name, message).note(format!("it is defined at {place}")));
                    return true;
                }
                None => return true,
            }
        }
        if self.inputs.len() >= MAX_NESTING {
            self.report_nesting(name);
            return true;
        }
        self.expansions.push(Expansion { name: name.text.clone(), defined: known.defined, outer: name.expansion });
        let expansion = self.expansions.len() as u32;
        let parameters = known.parameters.as_deref().unwrap_or_default();
        let mut tokens = Vec::with_capacity(known.body.len());
        for token in &known.body {
            match parameters.iter().position(|parameter| token.kind == Kind::Name && *parameter == token.text) {
                Some(number) => tokens.extend_from_slice(&arguments[number]),
                None => tokens.push(token.clone()),
            }
            // Before the memory is gone, not after.
            if tokens.len() > MAX_EXPANDED {
                break;
            }
        }
        // Even an empty one takes time.
        self.expanded += tokens.len() + 1;
        if self.has_room(name) {
            tokens.iter_mut().for_each(|token| (token.place, token.expansion) = (name.place, expansion));
            self.inputs.push(Input::Expansion { name: name.text.clone(), tokens: tokens.into_iter() });
        }
        true
    }

    /// The arguments of a macro, after the parenthesis. `None` if they are not closed, which is reported.
    fn arguments(&mut self, name: &Token) -> Option<Vec<Vec<Token>>> {
        let mut arguments = vec![Vec::new()];
        let mut depth = 0_usize;
        loop {
            let token = self.next_unexpanded().filter(|token| token.kind != Kind::Newline);
            let Some(token) = token else {
                let message =
                    format!("the arguments of the macro `{}` are not closed on this line: expected `)`", name.text);
                self.report(Fault::new(name, message));
                self.returned = Some(Token { kind: Kind::Newline, ..name.clone() });
                return None;
            };
            match token.kind {
                Kind::Mark('(') => depth += 1,
                Kind::Mark(')') if depth == 0 => return Some(arguments),
                Kind::Mark(')') => depth -= 1,
                Kind::Mark(',') if depth == 0 => {
                    arguments.push(Vec::new());
                    continue;
                }
                Kind::Bad => self.report(Fault::new(&token, &*token.text)),
                _ => {}
            }
            arguments.last_mut()?.push(token);
        }
    }

    /// Too many expansions within each other, most likely because a macro leads to itself.
    fn report_nesting(&mut self, name: &Token) {
        let inner = self.inputs.iter().rev().map_while(|input| match input {
            Input::Expansion { name, .. } => Some(&**name),
            Input::File { .. } => None,
        });
        let names: Vec<_> = inner.collect();
        let message = match names.iter().position(|outer| **outer == *name.text) {
            Some(outer) => {
                let way = names[..=outer].iter().rev().fold(String::new(), |way, name| way + &format!("`{name}` -> "));
                format!("the macro `{0}` is expanded within itself more and more: {way}`{0}`", name.text)
            }
            None => format!("more than {MAX_NESTING} macros are expanded within each other"),
        };
        self.give_up_at(Fault::new(name, message));
    }

    /// The rest of a line, and of the next one if it ends with a backslash. The end of each line but the last is a token of it.
    fn definition_line(&mut self) -> Option<Vec<Token>> {
        let mut line = Vec::new();
        loop {
            let Some(mut token) = self.next_unexpanded() else { return Some(line) };
            match token.kind {
                Kind::Newline => return Some(line),
                Kind::Mark('\\') => {
                    token = self.next_unexpanded()?;
                    if token.kind != Kind::Newline && !token.is('\\') {
                        let found = token.describe();
                        self.report(Fault::new(
                            &token,
                            format!("expected the end of the line after `\\`, found {found}"),
                        ));
                        self.skip_line(&token);
                        return None;
                    }
                }
                Kind::Bad => {
                    self.report(Fault::new(&token, &*token.text));
                    self.skip_line(&token);
                    return None;
                }
                _ => {}
            }
            line.push(token);
        }
    }
}

/// The names of parameters, of which `end` is the closing parenthesis.
fn names(tokens: &[Token], end: &Token) -> Result<Vec<Rc<str>>, Fault> {
    let mut names: Vec<Rc<str>> = Vec::new();
    if tokens.is_empty() {
        return Ok(names);
    }
    let mut tokens = tokens.iter().chain([end]);
    while let Some(name) = tokens.next() {
        if name.kind != Kind::Name {
            return Err(Fault::new(name, format!("expected the name of a parameter, found {}", name.describe())));
        }
        if names.contains(&name.text) {
            return Err(Fault::new(name, format!("there is already a parameter `{}`", name.text)));
        }
        names.push(name.text.clone());
        match tokens.next() {
            Some(token) if token.is(',') || token.is(')') => {}
            Some(token) => return Err(Fault::new(token, format!("expected `,` or `)`, found {}", token.describe()))),
            None => {}
        }
    }
    Ok(names)
}
