//! `crypto/md5`: `block` against RustCrypto's MD5.

#![cfg(go)]

mod common;

use common::bytes::{Bytes, lengths, padded};
use common::seed::{generator, seed};
use common::{Args, Deep, Words};
use md5::{Digest, Md5};

goasm::include! {
    "$OUT_DIR/crypto/md5/md5block_amd64.s", package("crypto/md5");

    unsafe extern "ABI0" {
        safe fn block(dig: &mut [u32; 4], p: &[u8]);
    }
}

goasm::include! {
    "asm/md5_amd64.s";

    unsafe extern "ABI0" {
        fn deep_block(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepBlock";
    }
}

const INITIAL: [u32; 4] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

#[test]
fn hashes_are_those_of_rust() {
    let mut rng = generator(seed(), 0);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 300) {
        let message = Bytes::random(&mut rng, len);
        let blocks = padded(&message, u64::to_le_bytes);
        let blocks = Bytes::copied(&mut rng, &blocks);
        let expected = Md5::digest(&*message);

        let mut state = INITIAL;
        block(&mut state, &blocks);
        assert_eq!(bytes_of(state), *expected, "{len} bytes");

        let mut state = INITIAL;
        let args = Args::new().address(&raw mut state).slice(&raw const *blocks);
        // SAFETY: these are its arguments.
        unsafe { deep.call(deep_block::function(), args) };
        assert_eq!(bytes_of(state), *expected, "{len} bytes, deep in a stack");
    }
    deep.assert_grown_above();
}

fn bytes_of(state: [u32; 4]) -> Vec<u8> {
    state.iter().flat_map(|word| word.to_le_bytes()).collect()
}
