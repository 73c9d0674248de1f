//! Constant expressions, and the cursor over the tokens of an operand that everything else reads with.
//!
//! Numbers have 64 bits and no sign, as in Go's assembler, and operators bind as in Go. Two things are Go's own: right of `>>` stands a
//! whole product, so that `a>>b*c` is `a>>(b*c)`, and nothing but a sum goes on after `<<`.

use crate::headers;
use crate::lex::{Kind, Token};
use crate::literal;
use crate::preprocess::Fault;

/// Parentheses and signs may be nested that deep: each takes a piece of this program's stack.
const MAX_DEPTH: usize = 100;

/// Reads tokens one by one.
pub(crate) struct Cursor<'a> {
    tokens: &'a [Token],
    /// The token that ends them, for messages.
    end: &'a Token,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// Of tokens that `end` follows.
    pub fn new(tokens: &'a [Token], end: &'a Token) -> Cursor<'a> {
        Cursor { tokens, end, depth: 0 }
    }

    /// The next token, which may be the one at the end.
    pub fn peek(&self) -> &'a Token {
        self.tokens.first().unwrap_or(self.end)
    }

    /// The one after the next.
    pub fn peek_second(&self) -> &'a Token {
        self.tokens.get(1).unwrap_or(self.end)
    }

    /// All tokens that are left.
    pub fn rest(&self) -> &'a [Token] {
        self.tokens
    }

    /// Whether there are none left.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The next token, after which the one behind it is the next.
    pub fn next(&mut self) -> &'a Token {
        let token = self.peek();
        self.tokens = self.tokens.get(1..).unwrap_or_default();
        token
    }

    /// Goes on if the next token is this character.
    pub fn take(&mut self, mark: char) -> bool {
        let here = !self.is_empty() && self.peek().is(mark);
        if here {
            self.next();
        }
        here
    }

    /// Goes on behind this character, which must be next.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn expect(&mut self, mark: char, after: &str) -> Result<(), Fault> {
        if self.take(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}` {after}"))) }
    }

    /// Says that something else was expected instead of the next token.
    pub fn unexpected(&self, expected: &str) -> Fault {
        let found = if self.is_empty() && self.end.is(',') { "`,`".into() } else { self.peek().describe() };
        Fault::new(self.peek(), format!("expected {expected}, found {found}"))
    }

    /// # Errors
    ///
    /// There are tokens left.
    pub fn finish(&self, what: &str) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(self.unexpected(&format!("the end of {what}"))) }
    }

    /// An expression.
    ///
    /// # Errors
    ///
    /// It is none, or has no value.
    pub fn expression(&mut self) -> Result<u64, Fault> {
        let mut value = self.product()?;
        loop {
            let Kind::Mark(operator @ ('+' | '-' | '|' | '^')) = self.peek().kind else { return Ok(value) };
            self.next();
            let right = self.product()?;
            value = match operator {
                '+' => value.wrapping_add(right),
                '-' => value.wrapping_sub(right),
                '|' => value | right,
                _ => value ^ right,
            };
        }
    }

    fn product(&mut self) -> Result<u64, Fault> {
        let mut value = self.factor()?;
        loop {
            let operator = self.peek();
            if !matches!(operator.kind, Kind::Mark('*' | '/' | '%' | '&') | Kind::ShiftLeft | Kind::ShiftRight) {
                return Ok(value);
            }
            self.next();
            let wrong = |what: &str| Err(Fault::new(operator, what));
            let is_negative = (value as i64) < 0;
            match operator.kind {
                Kind::Mark('*') => value = value.wrapping_mul(self.factor()?),
                Kind::Mark('&') => value &= self.factor()?,
                Kind::Mark(mark) => match (self.factor()?, is_negative) {
                    (0, _) => return wrong("this divides by zero"),
                    (_, true) => return wrong("what is divided is negative, or has its highest bit set"),
                    (right, false) => value = if mark == '/' { value / right } else { value % right },
                },
                _ => {
                    let is_left = operator.kind == Kind::ShiftLeft;
                    let right = if is_left { self.factor()? } else { self.nested(Cursor::product, operator)? };
                    if (right as i64) < 0 {
                        return wrong("this shifts by a negative number of bits");
                    }
                    let right = u32::try_from(right).unwrap_or(u32::MAX);
                    if is_left {
                        return Ok(value.checked_shl(right).unwrap_or(0));
                    }
                    if is_negative {
                        return wrong("what is shifted to the right is negative, or has its highest bit set");
                    }
                    value = value.checked_shr(right).unwrap_or(0);
                }
            }
        }
    }

    fn factor(&mut self) -> Result<u64, Fault> {
        let token = self.peek();
        match token.kind {
            Kind::Integer => literal::integer(&self.next().text).map_err(|error| Fault::new(token, error)),
            Kind::Character => literal::character(&self.next().text).map_err(|error| Fault::new(token, error)),
            Kind::Mark('+' | '-' | '~') if !self.is_empty() => {
                self.next();
                let value = self.nested(Cursor::factor, token)?;
                Ok(match token.kind {
                    Kind::Mark('-') => value.wrapping_neg(),
                    Kind::Mark('~') => !value,
                    _ => value,
                })
            }
            Kind::Mark('(') if !self.is_empty() => {
                self.next();
                let value = self.nested(Cursor::expression, token)?;
                self.expect(')', "after the expression")?;
                Ok(value)
            }
            Kind::Name => Err(undefined(token, "a number")),
            _ => Err(self.unexpected("a number")),
        }
    }

    /// A number with a fraction or an exponent, with signs and parentheses around it.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn float(&mut self) -> Result<f64, Fault> {
        let token = self.peek();
        match token.kind {
            Kind::Float => literal::float(&self.next().text).map_err(|error| Fault::new(token, error)),
            Kind::Mark(mark @ ('+' | '-')) if !self.is_empty() => {
                self.next();
                let value = self.nested(Cursor::float, token)?;
                Ok(if mark == '-' { -value } else { value })
            }
            Kind::Mark('(') if !self.is_empty() => {
                self.next();
                let value = self.nested(Cursor::float, token)?;
                self.expect(')', "after the number")?;
                Ok(value)
            }
            _ => Err(self.unexpected("a number with a decimal point (there is no arithmetic with those)")),
        }
    }

    /// Reads something within something else, which began with `outer`.
    fn nested<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, Fault>, outer: &Token) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(
                outer,
                format!("more than {MAX_DEPTH} signs and parentheses are within each other"),
            ));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}

/// Says that nothing defines a name that stands where `expected` does, and what might.
pub(crate) fn undefined(name: &Token, expected: &str) -> Fault {
    let text = &name.text;
    let fault = Fault::new(name, format!("expected {expected}, found `{text}`, which no `#define` defines"));
    if let Some(header) = headers::defining(text) {
        return fault.note(format!("`#include {header:?}` defines it"));
    }
    if text.starts_with("const_") || text.ends_with("__size") || text.contains('_') {
        return fault.note(format!("if it is from Go source, `go_asm.h` or -D {text}=VALUE would define it"));
    }
    fault
}
