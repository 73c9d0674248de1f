//! Signatures of functions as Go lays them out on the stack (ABI0); in [`registers`], where ABIInternal has the same values.
//!
//! ```text
//!     arguments, each at its natural alignment | padding to 8 | results, likewise
//!     0(FP)                                                                     args(): not rounded up
//! ```
//!
//! The assembly names each value, `x+8(FP)`, or a part of it, as `go vet` wants it:
//!
//! | type | parts |
//! |---|---|
//! | slice | `x_base`, `x_len`, `x_cap` |
//! | string | `x_base`, `x_len` |
//! | array | `x_0`, `x_1`, ..., and the parts of each element: `x_0_len` |
//!
//! Values without a name are `arg`, `arg1`, `arg2`, and `ret`, `ret1`, `ret2`, by their places in the list.

pub mod registers;

use crate::diagnostic::{Diagnostic, Position};
use crate::syntax::Abi;
use std::fmt;

/// The most that arguments and results may take together, in bytes. They are copied at each call from Rust, and a stack map
/// has a bit for each word of them.
pub const MAX_ARGS: u64 = 1 << 20;

/// Bytes in a word.
const WORD: u64 = 8;

/// The type of an argument or result, as far as its place in memory goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// An integer or `bool` of 1, 2, 4 or 8 bytes.
    Scalar(u8),
    /// A floating-point number of 4 or 8 bytes.
    Float(u8),
    /// An address.
    Pointer,
    /// Go's slice: where it begins, its length, its capacity.
    Slice,
    /// Go's string: where it begins, its length.
    String,
    /// So many of a type, one behind the other.
    Array(Box<Type>, u64),
}

impl Type {
    /// Bytes; `u64::MAX` if that overflows.
    pub fn size(&self) -> u64 {
        match self {
            Type::Scalar(bytes) | Type::Float(bytes) => u64::from(*bytes),
            Type::Pointer => WORD,
            Type::Slice => 3 * WORD,
            Type::String => 2 * WORD,
            Type::Array(element, len) => element.size().saturating_mul(*len),
        }
    }

    /// What its address is a multiple of.
    pub fn align(&self) -> u64 {
        match self {
            Type::Scalar(bytes) | Type::Float(bytes) => u64::from(*bytes).max(1),
            Type::Pointer | Type::Slice | Type::String => WORD,
            Type::Array(element, _) => element.align(),
        }
    }

    /// The words of a slice or string, in order: name, what it is, type.
    fn words(&self) -> &'static [(&'static str, &'static str, Type)] {
        const WORDS: [(&str, &str, Type); 3] = [
            ("base", "the address", Type::Pointer),
            ("len", "the length", Type::Scalar(8)),
            ("cap", "the capacity", Type::Scalar(8)),
        ];
        match self {
            Type::Slice => &WORDS,
            Type::String => &WORDS[..2],
            _ => &[],
        }
    }

    /// Sets the bits of the words that hold addresses, if the type stands at `offset`.
    fn mark_pointers(&self, offset: u64, words: &mut [bool]) {
        match self {
            Type::Scalar(_) | Type::Float(_) => {}
            Type::Pointer | Type::Slice | Type::String => {
                if let Some(word) = words.get_mut((offset / WORD) as usize) {
                    *word = true;
                }
            }
            Type::Array(element, len) => {
                // Numbers and empty arrays have nothing to mark, however many there are.
                if element.size() > 0 && !matches!(innermost(element), Type::Scalar(_) | Type::Float(_)) {
                    (0..*len).for_each(|i| element.mark_pointers(offset + i * element.size(), words));
                }
            }
        }
    }
}

fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::Array(element, _) => innermost(element),
        other => other,
    }
}

/// A value or a part of one that assembly can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name before `(FP)`: `p_len`.
    pub name: String,
    /// Bytes from the first argument.
    pub offset: u64,
    /// Its type.
    pub ty: Type,
    /// What it is, in words: `b: i32`, `the length of p: &[u8]`.
    pub what: String,
}

impl Component {
    /// The parts that it has, the first `limit` of them.
    pub fn parts(&self, limit: usize) -> Vec<Component> {
        (0..).map_while(|index| self.part(index)).take(limit).collect()
    }

    /// Element or word `index`.
    fn part(&self, index: u64) -> Option<Component> {
        let (name, offset, ty, what) = match &self.ty {
            Type::Array(element, len) => {
                let element = (index < *len).then(|| element.as_ref().clone())?;
                (index.to_string(), index * element.size(), element, format!("element {index}"))
            }
            ty => {
                let (name, what, word) = ty.words().get(usize::try_from(index).ok()?)?;
                (name.to_string(), index * WORD, word.clone(), what.to_string())
            }
        };
        Some(Component {
            name: format!("{}_{name}", self.name),
            offset: self.offset + offset,
            ty,
            what: format!("{what} of {}", self.what),
        })
    }

    /// The component itself or the part of it that has this name: `p_len` of `p`.
    fn find(self, name: &str) -> Option<Component> {
        if name == self.name {
            return Some(self);
        }
        let part = name.strip_prefix(self.name.as_str())?.strip_prefix('_')?.split('_').next()?;
        let index = match &self.ty {
            // `x_07` is no name.
            Type::Array(..) => part.parse().ok().filter(|index: &u64| index.to_string() == part)?,
            ty => ty.words().iter().position(|(name, ..)| *name == part)? as u64,
        };
        self.part(index)?.find(name)
    }

    /// The smallest part at `offset`.
    fn find_at(self, offset: u64) -> Option<Component> {
        let inside = offset.checked_sub(self.offset).filter(|&inside| inside < self.ty.size())?;
        let index = match &self.ty {
            Type::Array(element, _) => inside / element.size(),
            _ => inside / WORD,
        };
        match self.part(index) {
            Some(part) => part.find_at(offset),
            None => Some(self),
        }
    }
}

/// A value with its type, as a declaration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// `None`: without a name, or `_`.
    pub name: Option<String>,
    /// The type as it is written, for messages.
    pub spelling: String,
    /// The type.
    pub ty: Type,
}

/// An argument or result with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name in the assembly.
    pub name: String,
    /// The type as it is written.
    pub spelling: String,
    /// The type.
    pub ty: Type,
    /// Bytes from the first argument.
    pub offset: u64,
}

impl Value {
    /// The whole value.
    pub fn component(&self) -> Component {
        Component {
            name: self.name.clone(),
            offset: self.offset,
            ty: self.ty.clone(),
            what: format!("{}: {}", self.name, self.spelling),
        }
    }
}

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The function's symbol as [`crate::syntax::Symbol::name`] has it: `.add`, or with a package, `runtime.add`.
    pub name: String,
    /// Where it is declared.
    pub position: Position,
    /// How the function is called; the other convention reaches it through a wrapper. The offsets in here are ABI0's in any case.
    pub abi: Abi,
    /// The arguments in order.
    pub params: Vec<Value>,
    /// The results in order.
    pub results: Vec<Value>,
}

impl Signature {
    /// The layout of a function's arguments and results. The function is ABI0.
    ///
    /// # Errors
    /// Two values have one name, or together they take more than [`MAX_ARGS`] bytes.
    pub fn new(
        name: impl Into<String>,
        position: &Position,
        params: Vec<Declared>,
        results: Vec<Declared>,
    ) -> Result<Signature, Diagnostic> {
        let name = name.into();
        let plain = name.trim_start_matches('.');
        let too_big = || {
            Diagnostic::new(position, format!("arguments and results of {plain} take more than {MAX_ARGS} bytes"))
                .note("Pass a reference to what is big.")
        };
        let (params, end) = lay_out(params, "arg", 0).ok_or_else(too_big)?;
        // Without results nothing is rounded up.
        let begin = if results.is_empty() { end } else { end.next_multiple_of(WORD) };
        let (results, _) = lay_out(results, "ret", begin).ok_or_else(too_big)?;

        let mut names: Vec<&str> = params.iter().chain(&results).map(|value| value.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Diagnostic::new(position, format!("two values of {plain} have the name {}", twice[0])));
        }
        Ok(Signature { name, position: position.clone(), abi: Abi::Abi0, params, results })
    }

    /// Bytes of arguments and results, as they stand behind the `-` in `TEXT .., $0-24`. Not rounded up.
    pub fn args(&self) -> u64 {
        self.values().last().map_or(0, |value| value.offset + value.ty.size())
    }

    /// Arguments, then results.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.params.iter().chain(&self.results)
    }

    /// The value or part with this name.
    pub fn find(&self, name: &str) -> Option<Component> {
        // Of `x: &[u8], x_len: usize` the later one has the name `x_len`.
        self.values().rev().find_map(|value| value.component().find(name))
    }

    /// The smallest part that has the byte at `offset`; `None` between values and behind them.
    pub fn find_at(&self, offset: u64) -> Option<Component> {
        self.values().find_map(|value| value.component().find_at(offset))
    }

    /// For each word of arguments and results: whether it holds an address. Results count only `with_results`, because before the
    /// function has set them they hold anything.
    pub fn pointer_words(&self, with_results: bool) -> Vec<bool> {
        let mut words = vec![false; self.args().div_ceil(WORD) as usize];
        let results = if with_results { self.results.as_slice() } else { &[] };
        self.params.iter().chain(results).for_each(|value| value.ty.mark_pointers(value.offset, &mut words));
        words
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[Value]| {
            let values: Vec<_> = values.iter().map(|value| format!("{}: {}", value.name, value.spelling)).collect();
            values.join(", ")
        };
        write!(f, "fn {}({})", self.name.trim_start_matches('.'), list(&self.params))?;
        match self.results.as_slice() {
            [] => Ok(()),
            results => write!(f, " -> ({})", list(results)),
        }
    }
}

/// Gives each value its place, from `offset` on. Also where the last one ends; `None` if that is more than [`MAX_ARGS`].
fn lay_out(declared: Vec<Declared>, unnamed: &str, mut offset: u64) -> Option<(Vec<Value>, u64)> {
    let mut values = Vec::with_capacity(declared.len());
    for (index, Declared { name, spelling, ty }) in declared.into_iter().enumerate() {
        let name = name.unwrap_or_else(|| match index {
            0 => unnamed.to_string(),
            n => format!("{unnamed}{n}"),
        });
        offset = offset.next_multiple_of(ty.align());
        let end = offset.checked_add(ty.size()).filter(|&end| end <= MAX_ARGS)?;
        values.push(Value { name, spelling, ty, offset });
        offset = end;
    }
    Some((values, offset))
}
