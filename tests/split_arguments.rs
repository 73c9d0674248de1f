//! Arguments arrive whole when a function's check finds the stack full: in registers of all sizes, on the stack, behind a
//! pointer, from ordinary, indirect and dynamic calls.
//!
//! Each function passes what it got on to itself, so that for each number of levels another call finds the stack full.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::same_in_tasks;
use std::arch::x86_64::*;
use std::hint::black_box;

/// Functions that call themselves `n` times, each time with the first argument changed, and then combine their arguments.
macro_rules! passing {
    ($(
        $(#[$meta:meta])*
        [$($kind:tt)*] $name:ident($first:ident: $first_type:ty => $next:expr, $($arg:ident: $type:ty),* $(,)?)
            -> $result:ty $combine:block
    )*) => {$(
        $(#[$meta])*
        #[inline(never)]
        #[allow(clippy::too_many_arguments, improper_ctypes_definitions, reason = "that is the point")]
        $($kind)* fn $name(n: usize, $first: $first_type, $($arg: $type),*) -> $result {
            if n > 0 {
                let $first = $next;
                return black_box($name(black_box(n - 1), $first, $($arg),*));
            }
            $combine
        }
    )*};
}

passing! {
    [] ten_floats(a: f64 => a + 1.0, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64, i: f64, j: f64) -> f64 {
        a + b * 2.0 + c * 3.0 + d * 5.0 + e * 7.0 + f * 11.0 + g * 13.0 + h * 17.0 + i * 19.0 + j * 23.0
    }
    [extern "C"] short_floats(a: f32 => a + 1.0, b: f32, c: f64, d: f32, e: f64, f: f32, g: f32, h: f64, i: f32, j: f32)
        -> f32 {
        a + b * 2.0 + d * 3.0 + f * 5.0 + g * 7.0 + i * 11.0 + j * 13.0 + (c * 17.0 + e * 19.0 + h * 23.0) as f32
    }
    [] twenty_integers(
        a: u64 => a + 1, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64, i: u64, j: u64,
        k: u64, l: u64, m: u64, o: u64, p: u64, q: u64, r: u64, s: u64, t: u64, u: u64,
    ) -> [u64; 20] {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, s, t, u]
    }
    [extern "C"] narrow_ones(
        a: u8 => a.wrapping_add(1), b: i16, c: bool, d: char, e: i8, f: u32, g: i16, h: u8, i: bool, j: u16, k: i8, l: char,
    ) -> i64 {
        let flags = i64::from(c) << 40 | i64::from(i) << 41;
        let chars = i64::from(u32::from(d)) * 3 + i64::from(u32::from(l)) * 5;
        flags + chars + i64::from(a) + i64::from(b) * 7 + i64::from(e) * 11 + i64::from(f) * 13
            + i64::from(g) * 17 + i64::from(h) * 19 + i64::from(j) * 23 + i64::from(k) * 29
    }
    [extern "C"] mixed(
        a: u64 => a + 1, x: f64, b: &u64, y: f32, c: u128, z: f64, text: &str, d: i32, w: f64, e: Option<&u64>, v: f32,
        f: u64, g: (u64, f64), h: [u32; 3],
    ) -> f64 {
        let floats = x + f64::from(y) * 2.0 + z * 3.0 + w * 5.0 + f64::from(v) * 7.0 + g.1 * 11.0;
        let words = a + b * 2 + c as u64 + (c >> 64) as u64 + u64::from(d.unsigned_abs()) + e.map_or(0, |e| *e) + f + g.0;
        floats + words as f64 + text.len() as f64 + f64::from(h.iter().sum::<u32>())
    }
}

#[test]
fn floats() {
    same_in_tasks(|n| ten_floats(n, 1.5, 2.25, 3.125, 4.0, 5.5, 6.75, 7.0, 8.5, 9.25, 10.125));
    same_in_tasks(|n| short_floats(n, 1.5, 2.25, 3.125, 4.0, 5.5, 6.75, 7.0, 8.5, 9.25, 10.125));
}

#[test]
fn integers() {
    same_in_tasks(|n| twenty_integers(n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19));
    same_in_tasks(|n| narrow_ones(n, 250, -7, true, '\u{1f600}', -128, 1 << 31, i16::MIN, 255, true, 65_535, -1, 'x'));
}

#[test]
fn mixed_ones() {
    same_in_tasks(|n| {
        let (b, e) = (7, 9);
        mixed(n, 1, 0.5, &b, 1.5, 3 << 64 | 5, 2.5, "text", -3, 4.5, Some(&e), 5.5, 6, (8, 6.5), [1, 2, 3])
    });
}

/// Larger and more aligned than what any register holds.
#[derive(Clone, Copy)]
#[repr(C, align(256))]
struct Over([u64; 40]);

passing! {
    [extern "C"] over_aligned(a: u64 => a + 1, b: Over, c: u64, d: Over, e: u64, f: u64, g: u64, h: u64, i: u64) -> u64 {
        let words: u64 = [b, d].iter().flat_map(|over| over.0).fold(0, |sum: u64, word| sum.wrapping_mul(3).wrapping_add(word));
        let low = (&raw const b).addr() | (&raw const d).addr();
        assert!(low.is_multiple_of(256), "arguments at multiples of {}", 1 << low.trailing_zeros());
        words.wrapping_add(a + c * 2 + e * 3 + f * 5 + g * 7 + h * 11 + i * 13)
    }
}

#[test]
fn over_aligned_ones() {
    same_in_tasks(|n| {
        let over = |k| Over(std::array::from_fn(|i| i as u64 + k));
        over_aligned(n, 1, over(2), 3, over(4), 5, 6, 7, 8, 9)
    });
}

fn m128(n: u32) -> __m128 {
    // SAFETY: any bits are floats; so too below, for the wider ones and for integers.
    unsafe { std::mem::transmute([n as f32, 0.5, -1.5, n as f32 * 3.0]) }
}

fn m256(n: u64) -> __m256i {
    // SAFETY: as above.
    unsafe { std::mem::transmute([n, n * 3, !n, n << 60]) }
}

fn m512(n: u64) -> __m512i {
    let words: [u64; 8] = std::array::from_fn(|i| n * 1_000_003 + i as u64);
    // SAFETY: as above.
    unsafe { std::mem::transmute(words) }
}

passing! {
    // Eight go in registers, two on the stack.
    #[target_feature(enable = "sse")]
    [extern "C"] vectors_128(
        a: __m128 => _mm_add_ps(a, m128(1)), b: __m128, c: __m128, d: __m128, e: __m128, f: __m128, g: __m128, h: __m128,
        i: __m128, j: __m128,
    ) -> __m128 {
        [b, c, d, e, f, g, h, i, j].into_iter().fold(a, |sum, x| _mm_add_ps(_mm_add_ps(sum, sum), x))
    }
    #[target_feature(enable = "avx,avx2")]
    [extern "C"] vectors_256(
        a: __m256i => _mm256_add_epi64(a, m256(1)), b: __m256i, c: __m256i, d: __m256i, e: __m256i, f: __m256i, g: __m256i,
        h: __m256i, i: __m256i, j: __m256i,
    ) -> __m256i {
        [b, c, d, e, f, g, h, i, j].into_iter().fold(a, |sum, x| _mm256_xor_si256(_mm256_add_epi64(sum, sum), x))
    }
    #[target_feature(enable = "avx512f")]
    [extern "C"] vectors_512(
        a: __m512i => _mm512_add_epi64(a, m512(1)), b: __m512i, c: __m512i, d: __m512i, e: __m512i, f: __m512i, g: __m512i,
        h: __m512i, i: __m512i, j: __m512i,
    ) -> __m512i {
        [b, c, d, e, f, g, h, i, j].into_iter().fold(a, |sum, x| _mm512_xor_si512(_mm512_add_epi64(sum, sum), x))
    }
    // Rust's own convention passes them behind pointers.
    #[target_feature(enable = "avx,avx2")]
    [] vectors_of_rust(a: __m256i => _mm256_add_epi64(a, m256(1)), b: __m128, c: __m256i, d: f64) -> (__m256i, u64) {
        let low: [u32; 4] = _mm_castps_si128(b).to_words();
        (_mm256_add_epi64(a, c), u64::from(low[0]) + d.to_bits())
    }
}

/// A vector as its 32-bit words.
trait ToWords<const N: usize> {
    fn to_words(self) -> [u32; N];
}

macro_rules! to_words {
    ($($vector:ty, $words:literal;)*) => {$(
        impl ToWords<$words> for $vector {
            fn to_words(self) -> [u32; $words] {
                // SAFETY: of one size, and any bits are integers.
                unsafe { std::mem::transmute(self) }
            }
        }
    )*};
}

to_words! {
    __m128, 4;
    __m128i, 4;
    __m256i, 8;
    __m512i, 16;
}

#[test]
fn vectors_of_128_bits() {
    #[target_feature(enable = "sse")]
    fn call(n: usize) -> [u32; 4] {
        let v = m128;
        vectors_128(n, v(1), v(2), v(3), v(4), v(5), v(6), v(7), v(8), v(9), v(10)).to_words()
    }
    // SAFETY: every x86-64 has SSE.
    same_in_tasks(|n| unsafe { call(n) });
}

#[test]
fn vectors_of_256_bits() {
    if !is_x86_feature_detected!("avx2") {
        println!("skipped: this machine has no AVX2");
        return;
    }
    #[target_feature(enable = "avx,avx2")]
    fn call(n: usize) -> [u32; 8] {
        let v = m256;
        vectors_256(n, v(1), v(2), v(3), v(4), v(5), v(6), v(7), v(8), v(9), v(10)).to_words()
    }
    #[target_feature(enable = "avx,avx2")]
    fn call_rust(n: usize) -> ([u32; 8], u64) {
        let (sum, low) = vectors_of_rust(n, m256(1), m128(2), m256(3), 4.5);
        (sum.to_words(), low)
    }
    // SAFETY: the machine has AVX2.
    same_in_tasks(|n| unsafe { call(n) });
    // SAFETY: likewise.
    same_in_tasks(|n| unsafe { call_rust(n) });
}

#[test]
fn vectors_of_512_bits() {
    if !is_x86_feature_detected!("avx512f") {
        println!("skipped: this machine has no AVX-512");
        return;
    }
    #[target_feature(enable = "avx512f")]
    fn call(n: usize) -> [u32; 16] {
        let v = m512;
        vectors_512(n, v(1), v(2), v(3), v(4), v(5), v(6), v(7), v(8), v(9), v(10)).to_words()
    }
    // SAFETY: the machine has AVX-512.
    same_in_tasks(|n| unsafe { call(n) });
}

trait Visitor {
    #[allow(clippy::too_many_arguments, reason = "that is the point")]
    fn visit(&mut self, n: usize, a: u64, b: f64, c: u64, d: &str, e: u64, f: u128, g: f64, h: u64, i: [u8; 40])
    -> f64;
}

struct Adds(u64);

impl Visitor for Adds {
    #[inline(never)]
    fn visit(
        &mut self,
        n: usize,
        a: u64,
        b: f64,
        c: u64,
        d: &str,
        e: u64,
        f: u128,
        g: f64,
        h: u64,
        i: [u8; 40],
    ) -> f64 {
        self.0 += a;
        if n > 0 {
            let again: &mut dyn Visitor = black_box(self);
            return again.visit(n - 1, a + 1, b, c, d, e, f, g, h, i.map(|b| b.rotate_left(1)));
        }
        let words =
            a + c * 2 + e * 3 + f as u64 + h * 5 + d.len() as u64 + i.iter().map(|b| u64::from(*b)).sum::<u64>();
        words as f64 + b * 7.0 + g * 11.0
    }
}

#[test]
fn through_vtables_pointers_and_closures() {
    same_in_tasks(|n| {
        let mut adds = Adds(0);
        let visitor: &mut dyn Visitor = black_box(&mut adds);
        let result = visitor.visit(n, 1, 2.5, 3, "four", 5, 6 << 64 | 7, 8.5, 9, std::array::from_fn(|i| i as u8));
        (result, adds.0)
    });
    type Twenty = fn(usize, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64) -> f64;
    same_in_tasks(|n| black_box(ten_floats as Twenty)(n, 1.5, 2.25, 3.125, 4.0, 5.5, 6.75, 7.0, 8.5, 9.25, 10.125));
    same_in_tasks(|n| {
        let captured = [n as u64; 9];
        type Ten<'a> = dyn Fn(u64, u64, f64, u64, u64, f64, u64, u64, &str, u128) -> u64 + 'a;
        let f: Box<Ten<'_>> = black_box(Box::new(|a, b, c, d, e, f, g, h, i, j| {
            let floats = (c * 3.0 + f * 5.0) as u64;
            captured[3] + a + b * 2 + d * 3 + e * 5 + g * 7 + h * 11 + i.len() as u64 + (j >> 60) as u64 + floats
        }));
        f(1, 2, 3.5, 4, 5, 6.5, 7, 8, "nine", 10 << 64)
    });
}
