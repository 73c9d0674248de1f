//! Where ABIInternal has arguments and results: in registers while they last, the rest on the stack.
//!
//! ```text
//!     arguments without registers | padding to 8 | results without | padding to 8 | spill space | padding to 8
//!     0(FP)
//! ```
//!
//! A value is in registers as a whole or not at all. Each argument in registers has a place in the spill space, which belongs to the
//! callee: there a failed check saves it. Results begin with the first registers again. The rules are those of Go's "internal ABI
//! specification"; of its registers, AX to R11 and X0 to X14, nothing survives a call.

use super::{Signature, Type, Value};
use crate::syntax::Register;

/// Registers of integers and addresses, in the order in which they are assigned.
pub const INTEGERS: [Register; 9] = {
    use Register::*;
    [RAX, RBX, RCX, RDI, RSI, R8, R9, R10, R11]
};

/// Registers of floating-point numbers.
pub const FLOATS: [Register; 15] = {
    use Register::*;
    [XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12, XMM13, XMM14]
};

/// Holds the current `g` at each call and return.
pub const G: Register = Register::R14;

/// Holds zero at each call and return.
pub const ZERO: Register = Register::XMM15;

/// Where the values of a signature are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The arguments in order.
    pub params: Vec<Place>,
    /// The results in order.
    pub results: Vec<Place>,
    /// Bytes of arguments and results on the stack and of the spill space. The caller's frame has them.
    pub bytes: u64,
    /// Which of these words hold addresses: arguments, and their places in the spill space; with results only in the second.
    pub pointers: [Vec<bool>; 2],
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the stack, so many bytes from 0(FP).
    Stack(u64),
    /// In registers.
    Registers {
        /// Its words.
        parts: Vec<Part>,
        /// Its place in the spill space, in bytes from 0(FP). `None` for a result.
        spill: Option<u64>,
    },
}

/// A word in a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The register. Its bits above the word are anything.
    pub register: Register,
    /// Where the word is in the value.
    pub offset: u64,
    /// What it is: a number or an address.
    pub ty: Type,
}

impl Part {
    /// The instruction that stores the word.
    pub fn store(&self) -> &'static str {
        match (&self.ty, self.ty.size()) {
            (Type::Float(4), _) => "MOVSS",
            (Type::Float(_), _) => "MOVSD",
            (_, 1) => "MOVB",
            (_, 2) => "MOVW",
            (_, 4) => "MOVL",
            _ => "MOVQ",
        }
    }

    /// The instruction that loads it.
    pub fn load(&self) -> &'static str {
        match self.store() {
            "MOVB" => "MOVBLZX",
            "MOVW" => "MOVWLZX",
            other => other,
        }
    }
}

/// What a failed check saves and loads again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spill {
    /// What is in which register.
    pub part: Part,
    /// Where it goes: bytes from 0(FP).
    pub at: u64,
}

impl Assignment {
    /// Where a signature's values are if it is called by ABIInternal.
    pub fn of(signature: &Signature) -> Assignment {
        let mut end = 0;
        let mut params = assign(&signature.params, &mut end);
        end = end.next_multiple_of(super::WORD);
        let results = assign(&signature.results, &mut end);
        end = end.next_multiple_of(super::WORD);
        for (value, place) in signature.params.iter().zip(&mut params) {
            if let Place::Registers { spill, .. } = place {
                *spill = Some(put(&value.ty, &mut end));
            }
        }
        let bytes = end.next_multiple_of(super::WORD);
        let pointers = [false, true].map(|with_results| {
            let mut words = vec![false; (bytes / super::WORD) as usize];
            let results = signature.results.iter().zip(&results).filter(|_| with_results);
            for (value, place) in signature.params.iter().zip(&params).chain(results) {
                if let Place::Stack(at) | Place::Registers { spill: Some(at), .. } = place {
                    value.ty.mark_pointers(*at, &mut words);
                }
            }
            words
        });
        Assignment { params, results, bytes, pointers }
    }

    /// The words of the arguments in registers, with their places in the spill space.
    pub fn spills(&self) -> Vec<Spill> {
        let each = |place: &Place| match place {
            Place::Registers { parts, spill: Some(spill) } => {
                parts.iter().map(|part| Spill { part: part.clone(), at: spill + part.offset }).collect()
            }
            _ => Vec::new(),
        };
        self.params.iter().flat_map(each).collect()
    }

    /// The signature of what is on the stack, with its places there.
    pub fn on_stack(&self, signature: &Signature) -> Signature {
        let on_stack = |values: &[Value], places: &[Place]| {
            let value = |(value, place): (&Value, &Place)| match place {
                Place::Stack(offset) => Some(Value { offset: *offset, ..value.clone() }),
                Place::Registers { .. } => None,
            };
            values.iter().zip(places).filter_map(value).collect()
        };
        Signature {
            params: on_stack(&signature.params, &self.params),
            results: on_stack(&signature.results, &self.results),
            ..signature.clone()
        }
    }
}

/// Registers that nothing is assigned to: for integers, for floating-point numbers.
type Left = (&'static [Register], &'static [Register]);

/// Gives values registers, or places on the stack from `end` on.
fn assign(values: &[Value], end: &mut u64) -> Vec<Place> {
    let mut free: Left = (&INTEGERS, &FLOATS);
    let one = |value: &Value| {
        let (mut left, mut parts) = (free, Vec::new());
        if value.ty.size() != 0 && take(&value.ty, 0, &mut left, &mut parts).is_some() {
            free = left;
            return Place::Registers { parts, spill: None };
        }
        Place::Stack(put(&value.ty, end))
    };
    values.iter().map(one).collect()
}

/// Takes registers for a type that stands at `offset` of a value. `None` if there are too few, or it has to be in memory.
fn take(ty: &Type, offset: u64, left: &mut Left, parts: &mut Vec<Part>) -> Option<()> {
    let free = match ty {
        Type::Float(_) => &mut left.1,
        Type::Scalar(_) | Type::Pointer => &mut left.0,
        Type::Slice | Type::String => {
            let words = ty.words().iter().zip(0..);
            return words.map(|((.., word), index)| take(word, offset + index * super::WORD, left, parts)).collect();
        }
        // A longer one could be indexed, which registers cannot.
        Type::Array(element, 1) => return take(element, offset, left, parts),
        Type::Array(..) => return None,
    };
    let (register, rest) = free.split_first()?;
    *free = rest;
    parts.push(Part { register: *register, offset, ty: ty.clone() });
    Some(())
}

/// The next place for a type behind `end`, which becomes its end.
fn put(ty: &Type, end: &mut u64) -> u64 {
    let at = end.next_multiple_of(ty.align());
    *end = at + ty.size();
    at
}
