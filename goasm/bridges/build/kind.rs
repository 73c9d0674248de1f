//! Types of arguments and results.

use goasm_assembler::signature::Type;
use rand::Rng;
use rand::rngs::SmallRng;

/// A type that a call passes.
#[derive(Clone)]
pub enum Kind {
    /// Its name in Rust, and what it is.
    Number(&'static str, Type),
    Pointer,
    Slice,
    Str,
    Array(Box<Kind>, u64),
}

const NUMBERS: [(&str, Type); 13] = [
    ("u8", Type::Scalar(1)),
    ("i8", Type::Scalar(1)),
    ("bool", Type::Scalar(1)),
    ("u16", Type::Scalar(2)),
    ("i16", Type::Scalar(2)),
    ("u32", Type::Scalar(4)),
    ("i32", Type::Scalar(4)),
    ("u64", Type::Scalar(8)),
    ("i64", Type::Scalar(8)),
    ("usize", Type::Scalar(8)),
    ("isize", Type::Scalar(8)),
    ("f32", Type::Float(4)),
    ("f64", Type::Float(8)),
];

impl Kind {
    /// With arrays of arrays up to this depth.
    pub fn random(rng: &mut SmallRng, depth: u32) -> Kind {
        match rng.random_range(0..20) {
            0 | 1 => Kind::Pointer,
            2 | 3 => Kind::Slice,
            4 | 5 => Kind::Str,
            6..9 if depth > 0 => {
                let len = [0, 1, 1, 1, 2, 3, 11][rng.random_range(0..7)];
                Kind::Array(Box::new(Kind::random(rng, depth - 1)), len)
            }
            // More floating-point numbers than by their share of the names: there are fifteen registers to be used up.
            9..12 => Kind::number(rng.random_range(11..13)),
            _ => Kind::number(rng.random_range(0..NUMBERS.len())),
        }
    }

    fn number(index: usize) -> Kind {
        let (name, ty) = NUMBERS[index].clone();
        Kind::Number(name, ty)
    }

    /// For the layout.
    pub fn layout(&self) -> Type {
        match self {
            Kind::Number(_, ty) => ty.clone(),
            Kind::Pointer => Type::Pointer,
            Kind::Slice => Type::Slice,
            Kind::Str => Type::String,
            Kind::Array(element, len) => Type::Array(Box::new(element.layout()), *len),
        }
    }

    /// As declarations have it.
    pub fn declared(&self) -> String {
        match self {
            Kind::Number(name, _) => (*name).to_owned(),
            Kind::Pointer => "*const u16".to_owned(),
            Kind::Slice => "&'static [u32]".to_owned(),
            Kind::Str => "&'static str".to_owned(),
            Kind::Array(element, len) => format!("[{}; {len}]", element.declared()),
        }
    }

    /// The words that a call takes.
    pub fn words(&self) -> String {
        match self {
            Kind::Slice => "GoSlice<u32>".to_owned(),
            Kind::Str => "GoStr".to_owned(),
            Kind::Array(element, len) => format!("[{}; {len}]", element.words()),
            other => other.declared(),
        }
    }
}
