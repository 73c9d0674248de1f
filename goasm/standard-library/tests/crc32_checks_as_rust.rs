//! `hash/crc32`: `castagnoliSSE42`, `castagnoliSSE42Triple` and `ieeeCLMUL` against the crate `crc`.

#![cfg(go)]

mod common;

use common::bytes::{Bytes, lengths};
use common::seed::{generator, seed};
use common::{Args, Deep, Words, has};
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, Crc};
use rand::Rng;
use rand::rngs::SmallRng;

goasm::include! {
    "$OUT_DIR/hash/crc32/crc32_amd64.s", package("hash/crc32");

    unsafe extern "ABI0" {
        /// # Safety
        /// The processor has SSE4.2.
        fn castagnoli(crc: u32, p: &[u8]) -> u32 = "castagnoliSSE42";
        /// # Safety
        /// The processor has SSE4.2. Each slice has `24 * rounds` bytes, and there is a round.
        #[allow(non_snake_case)]
        fn castagnoli_triple(
            crcA: u32, crcB: u32, crcC: u32, a: &[u8], b: &[u8], c: &[u8], rounds: u32,
        ) -> (retA: u32, retB: u32, retC: u32) = "castagnoliSSE42Triple";
        /// # Safety
        /// The processor has PCLMULQDQ and SSE4.1. There are 64 bytes or more, a multiple of 16.
        fn ieee(crc: u32, p: &[u8]) -> u32 = "ieeeCLMUL";
    }
}

goasm::include! {
    "asm/crc32_amd64.s", include_dir("$OUT_DIR/hash/crc32");

    unsafe extern "ABI0" {
        fn deep_castagnoli(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCastagnoli";
        fn deep_triple(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCastagnoliTriple";
        fn deep_ieee(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepIEEE";
        /// # Safety
        /// The processor has what is said that it has.
        fn set_avx512(has: bool) = "setAVX512";
    }
}

/// The register after these bytes, as Rust has it. Go's routines leave it to their callers to invert it before and after.
fn after(crc: &Crc<u32>, register: u32, bytes: &[u8]) -> u32 {
    let mut digest = crc.digest_with_initial(register.reverse_bits());
    digest.update(bytes);
    !digest.finalize()
}

#[test]
fn castagnoli_is_that_of_rust() {
    if !has!("sse4.2") {
        return;
    }
    let crc = Crc::<u32>::new(&CRC_32_ISCSI);
    let mut rng = generator(seed(), 0);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 300) {
        let (register, bytes) = (rng.random(), Bytes::random(&mut rng, len));
        let expected = after(&crc, register, &bytes);
        // SAFETY: the processor can.
        assert_eq!(unsafe { castagnoli(register, &bytes) }, expected, "{len} bytes");
        let args = Args::new().word(register.into()).slice(&raw const *bytes);
        // SAFETY: likewise, and these are its arguments.
        let words = unsafe { deep.call(deep_castagnoli::function(), args) };
        assert_eq!(words[4] as u32, expected, "{len} bytes, deep in a stack");
    }
    deep.assert_grown_above();
}

#[test]
fn three_castagnolis_at_once_are_those_of_rust() {
    if !has!("sse4.2") {
        return;
    }
    let crc = Crc::<u32>::new(&CRC_32_ISCSI);
    let mut rng = generator(seed(), 1);
    let mut deep = Deep::default();
    for rounds in (1..100).chain([417, 1_000, 2_500]) {
        let [a, b, c] = [(); 3].map(|()| Bytes::random(&mut rng, 24 * rounds));
        let [of_a, of_b, of_c]: [u32; 3] = rng.random();
        let expected = (after(&crc, of_a, &a), after(&crc, of_b, &b), after(&crc, of_c, &c));
        // SAFETY: the processor can, and the slices are as long as the rounds are many.
        let triple = unsafe { castagnoli_triple(of_a, of_b, of_c, &a, &b, &c, rounds as u32) };
        assert_eq!(triple, expected, "{rounds} rounds");
        let args = Args::new().word(u64::from(of_a) | u64::from(of_b) << 32).word(of_c.into());
        let args = args.slice(&raw const *a).slice(&raw const *b).slice(&raw const *c).word(rounds as u64);
        // SAFETY: likewise, and these are its arguments.
        let words = unsafe { deep.call(deep_triple::function(), args) };
        let triple = (words[12] as u32, (words[12] >> 32) as u32, words[13] as u32);
        assert_eq!(triple, expected, "{rounds} rounds, deep in a stack");
    }
    deep.assert_grown_above();
}

#[test]
fn ieee_is_that_of_rust() {
    if !has!("pclmulqdq", "sse4.1") {
        return;
    }
    let mut rng = generator(seed(), 2);
    check_ieee(&mut rng);
    if has!("avx512f", "avx512dq", "avx512vl", "vpclmulqdq") {
        // SAFETY: it has.
        unsafe { set_avx512(true) };
        check_ieee(&mut rng);
    }
}

fn check_ieee(rng: &mut SmallRng) {
    let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut deep = Deep::default();
    let lengths = lengths(rng, 2_048).into_iter().map(|len| len / 16 * 16).filter(|len| *len >= 64);
    let mut last = 0;
    for len in lengths {
        if len == std::mem::replace(&mut last, len) {
            continue;
        }
        let (register, bytes) = (rng.random(), Bytes::random(rng, len));
        let expected = after(&crc, register, &bytes);
        // SAFETY: the processor can, and the length is right.
        assert_eq!(unsafe { ieee(register, &bytes) }, expected, "{len} bytes");
        let args = Args::new().word(register.into()).slice(&raw const *bytes);
        // SAFETY: likewise, and these are its arguments.
        let words = unsafe { deep.call(deep_ieee::function(), args) };
        assert_eq!(words[4] as u32, expected, "{len} bytes, deep in a stack");
    }
    deep.assert_grown_above();
}
