//! Random numbers from a seed that is printed and can be given back: `MORESTACK_TEST_SEED=...`.

#![allow(dead_code, reason = "each test binary uses a part")]

use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::time::{SystemTime, UNIX_EPOCH};

/// The seed of this run.
pub fn seed() -> u64 {
    let given = std::env::var("MORESTACK_TEST_SEED").ok().map(|seed| seed.parse().expect("a number as seed"));
    let seed = given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
    println!("MORESTACK_TEST_SEED={seed}");
    seed
}

/// The generator number `index` of a seed.
pub fn generator(seed: u64, index: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}
