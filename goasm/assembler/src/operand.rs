//! Operands of instructions.

use crate::expression::{Cursor, undefined};
use crate::headers;
use crate::lex::{Kind, Token};
use crate::literal;
use crate::preprocess::Fault;
use crate::registers::register;
use crate::syntax::{Abi, Base, Index, Memory, Operand, Register, Special, Symbol};

/// What stands before an operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefix {
    None,
    /// `$`: the value, or the address.
    Dollar,
    /// `*`: what is there.
    Star,
}

/// Reads the operand that all of the cursor's tokens are. `is_jump` if it may be a label.
///
/// # Errors
///
/// It is no operand.
pub(crate) fn operand(cursor: &mut Cursor, is_jump: bool) -> Result<Operand, Fault> {
    let mark = cursor.peek();
    let prefix = if cursor.take('$') {
        Prefix::Dollar
    } else if cursor.take('*') {
        Prefix::Star
    } else {
        Prefix::None
    };
    let operand = match cursor.peek().kind {
        Kind::Name => named(cursor, prefix, is_jump)?,
        Kind::Mark('[') if prefix == Prefix::None => range(cursor)?,
        Kind::Mark('(') if cursor.peek_second().kind == Kind::Name => located(cursor, prefix, 0)?,
        _ => constant(cursor, prefix)?,
    };
    cursor.finish("the operand")?;
    match (prefix, operand) {
        (Prefix::Star, target) if is_jump && is_place(&target) => Ok(Operand::Indirect(Box::new(target))),
        (Prefix::Star, _) => {
            Err(Fault::new(mark, "`*` stands only before the target of a jump or call: a register or memory"))
        }
        (_, operand) => Ok(operand),
    }
}

/// Whether `*` may stand before it: a register, or memory that is more than a number.
fn is_place(operand: &Operand) -> bool {
    match operand {
        Operand::Register(_) => true,
        Operand::Memory(memory) => memory.base.is_some() || memory.index.is_some(),
        _ => false,
    }
}

/// What begins with a name: a register, a symbol, a label.
fn named(cursor: &mut Cursor, prefix: Prefix, is_jump: bool) -> Result<Operand, Fault> {
    let name = cursor.peek();
    if let Some(found) = register(&name.text) {
        cursor.next();
        if prefix == Prefix::Dollar {
            return Err(Fault::new(
                name,
                format!("`{}` is a register, which has no address: expected it without `$`", name.text),
            ));
        }
        return match found {
            Operand::Register(first) if cursor.take(':') => pair(first, cursor),
            found => Ok(found),
        };
    }
    if matches!(&*name.text, "PC" | "SB" | "FP") {
        return Err(Fault::new(
            name,
            format!("`{}` is no register of the machine: expected `name({0})` or `n(PC)`", name.text),
        ));
    }
    let (symbol, offset) = symbol_and_offset(cursor)?;
    if cursor.is_empty()
        && is_jump
        && prefix == Prefix::None
        && offset.is_none()
        && !symbol.is_static
        && symbol.abi.is_none()
    {
        return Ok(Operand::Label(symbol.name));
    }
    if !cursor.take('(') {
        return Err(without_base(cursor, name));
    }
    let base = cursor.next();
    let base = match &*base.text {
        "SB" => Base::Sb,
        "FP" => Base::Fp,
        "SP" => Base::VirtualSp,
        _ => {
            let message =
                format!("expected `(SB)`, `(FP)` or `(SP)` after the name `{}`, found {}", name.text, base.describe());
            return Err(Fault::new(base, message));
        }
    };
    cursor.expect(')', "after the register")?;
    let index = if cursor.take('(') { Some(index(cursor)?) } else { None };
    Ok(address(prefix, Memory { symbol: Some(symbol), offset: offset.unwrap_or(0), base: Some(base), index }))
}

/// A name with nothing behind it, where that is not enough.
fn without_base(cursor: &Cursor, name: &Token) -> Fault {
    if cursor.peek().is('.') {
        return Fault::new(cursor.peek(), "names have no `.`: expected the middle dot `·`, U+00B7");
    }
    if headers::defining(&name.text).is_some() || name.text.starts_with("const_") {
        return undefined(name, "a register, a number or memory");
    }
    let fault = cursor.unexpected(&format!("`(SB)`, `(FP)` or `(SP)` after the name `{}`", name.text));
    let lowered = register(&name.text.to_uppercase()).is_some();
    if lowered { fault.note("registers are written in capitals") } else { fault }
}

/// `name`, `name<>`, `name<ABIInternal>`.
///
/// # Errors
///
/// It is no name.
pub(crate) fn symbol(cursor: &mut Cursor) -> Result<Symbol, Fault> {
    let name = cursor.peek();
    if name.kind != Kind::Name {
        return Err(cursor.unexpected("a name"));
    }
    cursor.next();
    let mut symbol = Symbol { name: name.text.to_string(), is_static: false, abi: None };
    if cursor.take('<') {
        let abi = cursor.peek();
        match (abi.kind, &*abi.text) {
            (Kind::Name, "ABI0") => symbol.abi = Some(Abi::Abi0),
            (Kind::Name, "ABIInternal") => symbol.abi = Some(Abi::Internal),
            _ if abi.is('>') => symbol.is_static = true,
            _ => return Err(cursor.unexpected("`<>`, `<ABI0>` or `<ABIInternal>`")),
        }
        if !symbol.is_static {
            cursor.next();
        }
        cursor.expect('>', "after `<`")?;
    }
    Ok(symbol)
}

/// A symbol and what is added to it, if anything is.
fn symbol_and_offset(cursor: &mut Cursor) -> Result<(Symbol, Option<i64>), Fault> {
    let symbol = symbol(cursor)?;
    let has_offset = matches!(cursor.peek().kind, Kind::Mark('+' | '-'));
    let offset = if has_offset { Some(cursor.expression()? as i64) } else { None };
    Ok((symbol, offset))
}

/// The second register of a pair.
fn pair(first: Register, cursor: &mut Cursor) -> Result<Operand, Fault> {
    match register(&cursor.peek().text) {
        Some(Operand::Register(second)) => {
            cursor.next();
            Ok(Operand::Pair(first, second))
        }
        _ => Err(cursor.unexpected("a register after `:`")),
    }
}

/// `[Z0-Z3]`.
fn range(cursor: &mut Cursor) -> Result<Operand, Fault> {
    let bracket = cursor.next();
    let first = vector(cursor, "a vector register after `[`")?;
    cursor.expect('-', "after the first register of a range")?;
    let last = vector(cursor, "a vector register after `-`")?;
    cursor.expect(']', "after the last register of a range")?;
    if first.size() != last.size() || first > last {
        return Err(Fault::new(bracket, "a range goes upwards, from one vector register to another of the same width"));
    }
    Ok(Operand::Range(first, last))
}

fn vector(cursor: &mut Cursor, expected: &str) -> Result<Register, Fault> {
    match register(&cursor.peek().text) {
        Some(Operand::Register(found)) if found.is_vector_register() => {
            cursor.next();
            Ok(found)
        }
        _ => Err(cursor.unexpected(expected)),
    }
}

/// A number or string, or what begins with a number.
fn constant(cursor: &mut Cursor, prefix: Prefix) -> Result<Operand, Fault> {
    let first = cursor.peek();
    let is_dollar = prefix == Prefix::Dollar;
    if cursor.rest().iter().any(|token| token.kind == Kind::Float) {
        if !is_dollar {
            return Err(Fault::new(first, "expected `$` before a number with a decimal point"));
        }
        return cursor.float().map(Operand::Float);
    }
    if first.kind == Kind::String {
        if !is_dollar {
            return Err(Fault::new(first, "expected `$` before a string"));
        }
        cursor.next();
        return literal::string(&first.text).map(Operand::String).map_err(|error| Fault::new(first, error));
    }
    if cursor.is_empty() {
        return Err(cursor.unexpected("an operand"));
    }
    let value = match cursor.expression() {
        Ok(value) => value as i64,
        // The name of something that was to be defined is told; anything else was probably no number.
        Err(fault) if std::ptr::eq(first, cursor.peek()) && first.kind != Kind::Name => {
            return Err(Fault {
                message: cursor.unexpected("a register, a number, a name or memory").message,
                ..fault
            });
        }
        Err(fault) => return Err(fault),
    };
    if !cursor.is_empty() && cursor.peek().is('(') {
        return located(cursor, prefix, value);
    }
    if is_dollar {
        return Ok(Operand::Immediate(value));
    }
    Ok(Operand::Memory(Memory { symbol: None, offset: value, base: None, index: None }))
}

/// `(base)`, `(base)(index*scale)`, `(index*scale)`, `(PC)`, after their offset.
fn located(cursor: &mut Cursor, prefix: Prefix, offset: i64) -> Result<Operand, Fault> {
    cursor.expect('(', "before a register")?;
    let name = cursor.peek();
    let mut memory = Memory { symbol: None, offset, base: None, index: None };
    if cursor.peek_second().is('*') {
        memory.index = Some(index(cursor)?);
        if !cursor.is_empty() && cursor.peek().is('(') {
            return Err(cursor.unexpected("the end of the operand (the base stands before what is multiplied)"));
        }
        return Ok(address(prefix, memory));
    }
    cursor.next();
    memory.base = Some(match (&*name.text, register(&name.text)) {
        ("PC", _) => {
            cursor.expect(')', "after the register")?;
            if prefix != Prefix::None {
                return Err(Fault::new(
                    name,
                    "expected `n(PC)` without anything before it: it is the target of a jump",
                ));
            }
            return Ok(Operand::PcRelative(offset));
        }
        ("FP", _) => {
            let message =
                format!("expected a name before `(FP)`: arguments and results are written `name+{offset}(FP)`");
            return Err(Fault::new(name, message));
        }
        ("SB", _) => return Err(Fault::new(name, "expected a name before `(SB)`: `name(SB)`")),
        (_, Some(Operand::Special(Special::Tls))) => Base::Tls,
        (_, Some(Operand::Register(found))) if found.is_gpr64() => Base::Register(found),
        (text, Some(_)) => {
            return Err(Fault::new(
                name,
                format!("`{text}` cannot be the base of an address: expected a general register"),
            ));
        }
        (_, None) if name.kind == Kind::Name => return Err(undefined(name, "a register")),
        (_, None) => return Err(Fault::new(name, format!("expected a register, found {}", name.describe()))),
    });
    cursor.expect(')', "after the register")?;
    if cursor.take('(') {
        memory.index = Some(index(cursor)?);
    }
    Ok(address(prefix, memory))
}

/// `index*scale)`, after the parenthesis.
fn index(cursor: &mut Cursor) -> Result<(Index, u8), Fault> {
    let name = cursor.next();
    let text = &name.text;
    let index = match register(text) {
        Some(Operand::Special(Special::Tls)) => Index::Tls,
        Some(Operand::Register(Register::RSP)) => {
            return Err(Fault::new(
                name,
                format!("`{text}` cannot be multiplied in an address; every other general register can"),
            ));
        }
        Some(Operand::Register(found)) if found.is_gpr64() || found.is_vector_register() => Index::Register(found),
        None if !matches!(&**text, "PC" | "SB" | "FP") && name.kind == Kind::Name => {
            return Err(undefined(name, "a register"));
        }
        _ => {
            let message = format!("expected a general or vector register and its scale, found {}", name.describe());
            return Err(Fault::new(name, message));
        }
    };
    if !cursor.take('*') {
        return Err(cursor.unexpected(&format!("a scale: `({text}*1)`")));
    }
    let scale = match (cursor.peek().kind, &*cursor.peek().text) {
        (Kind::Integer, "1") => 1,
        (Kind::Integer, "2") => 2,
        (Kind::Integer, "4") => 4,
        (Kind::Integer, "8") => 8,
        _ => return Err(cursor.unexpected("a scale of 1, 2, 4 or 8")),
    };
    cursor.next();
    cursor.expect(')', "after the scale")?;
    Ok((index, scale))
}

fn address(prefix: Prefix, memory: Memory) -> Operand {
    if prefix == Prefix::Dollar { Operand::Address(memory) } else { Operand::Memory(memory) }
}
