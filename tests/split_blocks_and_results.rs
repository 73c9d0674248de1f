//! Blocks of memory passed by value, and results of every size, arrive whole when a function's check finds the stack full.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::same_in_tasks;
use std::hint::black_box;

/// By value: copied to the stack in C's convention, behind a pointer in Rust's.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Block<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Block<BYTES> {
    fn new() -> Block<BYTES> {
        Block(std::array::from_fn(|i| (i * 7 + i / 256) as u8))
    }

    /// Another one, which depends on each byte.
    fn next(mut self) -> Block<BYTES> {
        self.0.rotate_left(1);
        self.0[0] = self.0[0].wrapping_add(1);
        self
    }
}

#[inline(never)]
extern "C" fn block_of_c<const N: usize>(n: usize, x: f64, block: Block<N>, tail: u64) -> Block<N> {
    let next = if n > 0 { black_box(block_of_c(black_box(n - 1), x + 1.0, block.next(), tail)) } else { block };
    assert_eq!((tail, black_box(&block).next().0[0]), (77, block.0[1 % N].wrapping_add(1)), "x = {x}");
    next
}

#[inline(never)]
fn block_of_rust<const N: usize>(n: usize, block: Block<N>, other: Block<N>) -> (Block<N>, Block<N>) {
    if n == 0 {
        return (other, block);
    }
    let (first, second) = black_box(block_of_rust(black_box(n - 1), block.next(), other));
    (second, first.next())
}

fn blocks<const N: usize>() {
    same_in_tasks(|n| block_of_c::<N>(n, 0.5, Block::new(), 77).0.to_vec());
    same_in_tasks(|n| {
        let (first, second) = block_of_rust::<N>(n, Block::new(), Block::new().next());
        (first.0.to_vec(), second.0.to_vec())
    });
}

#[test]
fn blocks_by_value() {
    blocks::<3>();
    blocks::<16>();
    blocks::<24>();
    blocks::<100>();
    blocks::<300>();
    blocks::<1000>();
    blocks::<4096>();
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct IntegerAndFloat(u64, f64);
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct TwoFloats(f64, f64);

/// Functions that call themselves `n` times and then return a value, in one, two or more registers, or in memory.
macro_rules! returning {
    ($($name:ident -> $type:ty { $value:expr, $next:expr })*) => {
        $(
            #[inline(never)]
            #[allow(improper_ctypes_definitions, reason = "all results are wanted in both conventions")]
            extern "C" fn $name(n: usize) -> $type {
                #[inline(never)]
                fn of_rust(n: usize) -> $type {
                    let next: fn($type) -> $type = $next;
                    if n == 0 { $value } else { next(black_box(of_rust(black_box(n - 1)))) }
                }
                let next: fn($type) -> $type = $next;
                if n == 0 { of_rust(black_box(7)) } else { next(black_box($name(black_box(n - 1)))) }
            }
        )*
        #[test]
        fn results() {
            $(same_in_tasks(|n| $name(n));)*
        }
    };
}

returning! {
    nothing -> () { (), |()| () }
    one -> u64 { 3, |x| x.wrapping_mul(3) + 1 }
    pair -> (u64, u64) { (1, 2), |(a, b)| (b, a + b) }
    wide -> u128 { 1 << 100, |x| x + (x >> 3) }
    negative -> i128 { -5, |x| x * 3 }
    float -> f64 { 1.5, |x| x * 1.25 }
    short_float -> f32 { 1.5, |x| x * 1.25 }
    integer_and_float -> IntegerAndFloat { IntegerAndFloat(1, 2.5), |x| IntegerAndFloat(x.0 + 1, x.1 * 1.5) }
    two_floats -> TwoFloats { TwoFloats(1.5, 2.5), |x| TwoFloats(x.1, x.0 + x.1) }
    triple -> (u64, f64, u8) { (1, 2.5, 3), |x| (x.0.wrapping_mul(3), x.1 * 1.5, x.2.wrapping_mul(5)) }
    option -> Option<u64> { Some(5), |x| x.and_then(|x| x.checked_mul(3)) }
    text -> &'static str { "some text that is cut", |x| x.get(..x.len().saturating_sub(1)).unwrap_or("") }
    result -> Result<String, std::num::ParseIntError> { "1".parse::<i64>().map(|n| n.to_string()), |x| x.map(|x| x + "0") }
    array -> [u16; 50] { [3; 50], |mut x| { x.rotate_right(1); x[7] += 1; x } }

}
