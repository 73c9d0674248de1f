//! Values at random, and whether two are the same.

use goasm::{GoSlice, GoStr};
use rand::Rng;
use rand::rngs::SmallRng;

/// What slices, strings and pointers lead into.
static BYTES: [u32; 64] = [0x6160_6564; 64];

/// A type that the bridges pass.
pub trait Sample: Copy {
    fn sample(rng: &mut SmallRng) -> Self;

    /// Bit by bit.
    fn same(&self, other: &Self) -> bool;
}

macro_rules! numbers {
    ($($t:ty)*) => { $(
        impl Sample for $t {
            fn sample(rng: &mut SmallRng) -> $t {
                let mut bytes = [0; size_of::<$t>()];
                rng.fill(&mut bytes[..]);
                <$t>::from_le_bytes(bytes)
            }

            fn same(&self, other: &$t) -> bool {
                self.to_le_bytes() == other.to_le_bytes()
            }
        }
    )* };
}
numbers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64);

impl Sample for bool {
    fn sample(rng: &mut SmallRng) -> bool {
        rng.random()
    }

    fn same(&self, other: &bool) -> bool {
        self == other
    }
}

/// An element, and how many there are behind it.
fn place(rng: &mut SmallRng) -> (*const u32, usize) {
    let start = rng.random_range(0..BYTES.len());
    (&raw const BYTES[start], BYTES.len() - start)
}

impl Sample for *const u16 {
    fn sample(rng: &mut SmallRng) -> *const u16 {
        place(rng).0.cast()
    }

    fn same(&self, other: &*const u16) -> bool {
        self == other
    }
}

impl Sample for GoSlice<u32> {
    fn sample(rng: &mut SmallRng) -> GoSlice<u32> {
        let (base, cap) = place(rng);
        GoSlice { base: base.cast_mut(), len: rng.random_range(0..=cap), cap }
    }

    fn same(&self, other: &GoSlice<u32>) -> bool {
        (self.base, self.len, self.cap) == (other.base, other.len, other.cap)
    }
}

impl Sample for GoStr {
    fn sample(rng: &mut SmallRng) -> GoStr {
        let (base, len) = place(rng);
        GoStr { base: base.cast(), len: rng.random_range(0..=4 * len) }
    }

    fn same(&self, other: &GoStr) -> bool {
        (self.base, self.len) == (other.base, other.len)
    }
}

impl<T: Sample, const N: usize> Sample for [T; N] {
    fn sample(rng: &mut SmallRng) -> [T; N] {
        std::array::from_fn(|_| T::sample(rng))
    }

    fn same(&self, other: &[T; N]) -> bool {
        self.iter().zip(other).all(|(x, y)| x.same(y))
    }
}
