//! Statements that are no instructions.

use std::ops::RangeInclusive;

use super::{Parser, Place, split};
use crate::expression::{Cursor, undefined};
use crate::lex::{Kind, Token};
use crate::literal;
use crate::operand::{operand, symbol};
use crate::preprocess::Fault;
use crate::syntax::{Base, Memory, Operand, StatementKind, Symbol};

/// An operand's tokens, and the token behind them.
type Tokens<'a> = (&'a [Token], &'a Token);

impl Parser<'_> {
    /// `TEXT symbol(SB), flags, $frame-args`.
    pub(super) fn text(&mut self, word: &Token, tokens: &[Token]) -> Result<StatementKind, Fault> {
        const FORM: &str = "TEXT name(SB), flags, $frame-args";
        let operands = operands(word, tokens, 2..=3, FORM)?;
        let (symbol, _) = global(operands[0], FORM, false)?;
        let (frame, args) = frame_and_args(operands[operands.len() - 1], &symbol)?;
        let flags = if operands.len() == 3 { flags(operands[1])? } else { 0 };
        self.end_function();
        let name = first(operands[0]);
        self.names.define(&symbol, name, self.position(name))?;
        self.place = Place::Function;
        Ok(StatementKind::Text { symbol, flags, frame, args })
    }

    /// `GLOBL symbol(SB), flags, $size`.
    pub(super) fn globl(&mut self, word: &Token, tokens: &[Token]) -> Result<StatementKind, Fault> {
        const FORM: &str = "GLOBL name(SB), flags, $size";
        let operands = operands(word, tokens, 2..=3, FORM)?;
        let (symbol, _) = global(operands[0], FORM, false)?;
        let flags = if operands.len() == 3 { flags(operands[1])? } else { 0 };
        let last = operands[operands.len() - 1];
        let size = number(last, "the size of the variable")?;
        if size < 0 {
            return Err(Fault::new(first(last), format!("a variable has a size of 0 bytes or more, not of {size}")));
        }
        let name = first(operands[0]);
        self.names.define(&symbol, name, self.position(name))?;
        Ok(StatementKind::Globl { symbol, flags, size })
    }

    /// `DATA symbol+offset(SB)/width, $value`.
    pub(super) fn data(&mut self, word: &Token, tokens: &[Token]) -> Result<StatementKind, Fault> {
        const FORM: &str = "DATA name+offset(SB)/width, $value";
        let operands = operands(word, tokens, 2..=2, FORM)?;
        let ((place, end), value) = (operands[0], operands[1]);
        let [name @ .., slash, width] = place else { return Err(wrong_form(word, FORM)) };
        if !slash.is('/') || width.kind != Kind::Integer {
            return Err(Fault::new(end, format!("expected `/` and a width in bytes before the comma: `{FORM}`")));
        }
        let name = (name, slash);
        let (symbol, offset) = global(name, FORM, true)?;
        if offset < 0 {
            return Err(Fault::new(first(name), format!("a variable has no bytes at {offset}: expected 0 or more")));
        }
        let bytes = literal::integer(&width.text).ok().and_then(|bytes| u32::try_from(bytes).ok());
        let bytes =
            bytes.ok_or_else(|| Fault::new(width, format!("expected a width in bytes, found `{}`", width.text)))?;
        let found = operand(&mut Cursor::new(value.0, value.1), false)?;
        if !matches!(found, Operand::Immediate(_) | Operand::Float(_) | Operand::String(_) | Operand::Address(_)) {
            let message =
                "expected `$` and a number, a string or the address of a symbol: a variable begins with a constant";
            return Err(Fault::new(first(value), message));
        }
        check_width(&found, bytes).map_err(|message| Fault::new(width, message))?;
        self.names.data(&symbol, offset, bytes, first(name))?;
        Ok(StatementKind::Data { symbol, offset, width: bytes, value: found })
    }
}

/// `FUNCDATA $index, symbol(SB)`.
pub(super) fn funcdata(word: &Token, tokens: &[Token]) -> Result<StatementKind, Fault> {
    const FORM: &str = "FUNCDATA $index, name(SB)";
    let operands = operands(word, tokens, 2..=2, FORM)?;
    let index = number(operands[0], "the kind of data")?;
    let (symbol, _) = global(operands[1], FORM, false)?;
    Ok(StatementKind::FuncData { index, symbol })
}

/// `PCDATA $index, $value`.
pub(super) fn pcdata(word: &Token, tokens: &[Token]) -> Result<StatementKind, Fault> {
    let operands = operands(word, tokens, 2..=2, "PCDATA $index, $value")?;
    let (index, value) = (number(operands[0], "the kind of data")?, number(operands[1], "its value")?);
    Ok(StatementKind::PcData { index, value })
}

/// `PCALIGN $alignment`.
pub(super) fn pcalign(word: &Token, tokens: &[Token]) -> Result<StatementKind, Fault> {
    let operands = operands(word, tokens, 1..=1, "PCALIGN $alignment")?;
    let alignment = number(operands[0], "the alignment in bytes")?;
    if !(8..=2048).contains(&alignment) || alignment & (alignment - 1) != 0 {
        let message = format!("code is aligned to a power of two from 8 to 2048, not to {alignment}");
        return Err(Fault::new(first(operands[0]), message));
    }
    Ok(StatementKind::PcAlign(alignment))
}

/// The operands of `word`, of which there must be so many.
fn operands<'a>(
    word: &Token,
    tokens: &'a [Token],
    count: RangeInclusive<usize>,
    form: &str,
) -> Result<Vec<Tokens<'a>>, Fault> {
    let operands = split(tokens)?;
    if count.contains(&operands.len()) { Ok(operands) } else { Err(wrong_form(word, form)) }
}

fn wrong_form(word: &Token, form: &str) -> Fault {
    Fault::new(word, format!("expected `{form}`"))
}

fn first<'a>((tokens, end): Tokens<'a>) -> &'a Token {
    tokens.first().unwrap_or(end)
}

/// `name(SB)`, or `name+offset(SB)` if that may be.
fn global((tokens, end): Tokens<'_>, form: &str, may_have_offset: bool) -> Result<(Symbol, i64), Fault> {
    let begin = first((tokens, end));
    let mut cursor = Cursor::new(tokens, end);
    // What is no name at all gets the message that says so.
    if begin.kind != Kind::Name {
        symbol(&mut cursor)?;
    }
    match operand(&mut cursor, false)? {
        Operand::Memory(Memory { symbol: Some(symbol), offset, base: Some(Base::Sb), index: None }) => {
            if offset != 0 && !may_have_offset {
                return Err(Fault::new(begin, format!("expected a name without an offset: `{form}`")));
            }
            Ok((symbol, offset))
        }
        _ => Err(Fault::new(begin, format!("expected a name with `(SB)` behind it: `{form}`"))),
    }
}

/// `$n`.
fn number((tokens, end): Tokens<'_>, what: &str) -> Result<i64, Fault> {
    let mut cursor = Cursor::new(tokens, end);
    if !cursor.take('$') {
        return Err(cursor.unexpected(&format!("`$` and {what}")));
    }
    let value = cursor.expression()?;
    cursor.finish("the operand")?;
    Ok(value as i64)
}

/// Flags of a function or variable: a number.
fn flags((tokens, end): Tokens<'_>) -> Result<u32, Fault> {
    let mut cursor = Cursor::new(tokens, end);
    if cursor.peek().is('$') {
        return Err(cursor.unexpected("flags, which are written without `$`"));
    }
    let value = cursor.expression()?;
    cursor.finish("the flags")?;
    u32::try_from(value).map_err(|_| Fault::new(first((tokens, end)), format!("{value:#x} is no combination of flags")))
}

/// `$frame-args`, `$frame`. The `-` is no subtraction, and both are plain numbers.
fn frame_and_args((tokens, end): Tokens<'_>, symbol: &Symbol) -> Result<(i64, Option<i64>), Fault> {
    let mut cursor = Cursor::new(tokens, end);
    if !cursor.take('$') {
        return Err(cursor.unexpected(&format!("the frame size of `{}`, `$frame-args` or `$frame`", symbol.name)));
    }
    let is_negative = cursor.take('-');
    let frame = size(&mut cursor, "the frame size")?;
    let args = if cursor.take('-') { Some(size(&mut cursor, "the size of the arguments")?) } else { None };
    if args.is_none() && !cursor.is_empty() {
        return Err(cursor.unexpected("`-` and the size of the arguments, a plain number"));
    }
    cursor.finish("the sizes")?;
    Ok((if is_negative { -frame } else { frame }, args))
}

fn size(cursor: &mut Cursor, what: &str) -> Result<i64, Fault> {
    let token = cursor.peek();
    if token.kind == Kind::Name {
        return Err(undefined(token, &format!("{what}, a plain number")));
    }
    if token.kind != Kind::Integer {
        return Err(cursor.unexpected(&format!("{what}, a plain number")));
    }
    cursor.next();
    let value = literal::integer(&token.text).map_err(|error| Fault::new(token, error))?;
    // Addresses have 48 bits, so no stack has more, and sums of what is less do not overflow.
    let value = i64::try_from(value).ok().filter(|&size| size < 1 << 48);
    value.ok_or_else(|| Fault::new(token, format!("{what} fits on no stack: {}", token.text)))
}

/// Whether a variable may have a value of that kind in so many bytes.
fn check_width(value: &Operand, width: u32) -> Result<(), String> {
    let expected = match value {
        Operand::Immediate(_) if !matches!(width, 1 | 2 | 4 | 8) => "a number takes 1, 2, 4 or 8 bytes",
        Operand::Float(_) if !matches!(width, 4 | 8) => "a number with a decimal point takes 4 or 8 bytes",
        Operand::Address(_) if width != 8 => "an address takes 8 bytes",
        Operand::String(text) if text.len() > width as usize => "the string is longer",
        _ => return Ok(()),
    };
    Err(format!("the width is {width}, but {expected}"))
}
