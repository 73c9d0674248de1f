//! `crypto/internal/fips140/sha256`: `blockAVX2` and `blockSHANI` against RustCrypto's SHA-256.

#![cfg(go)]

mod common;

use common::bytes::{Bytes, lengths, padded};
use common::seed::{generator, seed};
use common::{Args, Deep, Driver, Words, has};
use sha2::{Digest, Sha256};

goasm::include! {
    "$OUT_DIR/crypto/internal/fips140/sha256/sha256block_amd64.s", package("crypto/internal/fips140/sha256");

    unsafe extern "ABI0" {
        /// # Safety
        /// The processor has AVX2 and BMI2.
        fn block_avx2(dig: &mut [u32; 8], p: &[u8]) = "blockAVX2";
        /// # Safety
        /// The processor has SHA, SSSE3 and SSE4.1.
        fn block_shani(dig: &mut [u32; 8], p: &[u8]) = "blockSHANI";
    }
}

goasm::include! {
    "asm/sha256_amd64.s";

    unsafe extern "ABI0" {
        fn deep_avx2(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepBlockAVX2";
        fn deep_shani(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepBlockSHANI";
    }
}

const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// Checks the two ways to call a routine against Rust.
fn check(direct: unsafe fn(&mut [u32; 8], &[u8]), driver: Driver) -> Deep {
    let mut rng = generator(seed(), 0);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 600) {
        let message = Bytes::random(&mut rng, len);
        let blocks = padded(&message, u64::to_be_bytes);
        let blocks = Bytes::copied(&mut rng, &blocks);
        let expected = Sha256::digest(&*message);

        let mut state = INITIAL;
        // SAFETY: the processor can.
        unsafe { direct(&mut state, &blocks) };
        assert_eq!(bytes_of(state), *expected, "{len} bytes");

        let mut state = INITIAL;
        let args = Args::new().address(&raw mut state).slice(&raw const *blocks);
        // SAFETY: likewise, and these are its arguments.
        unsafe { deep.call(driver, args) };
        assert_eq!(bytes_of(state), *expected, "{len} bytes, deep in a stack");
    }
    deep
}

fn bytes_of(state: [u32; 8]) -> Vec<u8> {
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn hashes_with_avx2_are_those_of_rust() {
    if !has!("avx2", "bmi2") {
        return;
    }
    // SAFETY: the processor can.
    let driver = unsafe { deep_avx2::function() };
    check(block_avx2, driver).assert_grown_inside();
}

#[test]
fn hashes_with_sha_instructions_are_those_of_rust() {
    if !has!("sha", "ssse3", "sse4.1") {
        return;
    }
    // SAFETY: the processor can.
    let driver = unsafe { deep_shani::function() };
    check(block_shani, driver).assert_grown_above();
}
