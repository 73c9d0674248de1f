//! Cases at random, from a seed that is printed and can be given back: `MORESTACK_TEST_SEED=...`.

use proptest::test_runner::{Config, RngSeed};

#[path = "../../../../tests/common/seed.rs"]
mod seed;

#[allow(unused_imports, reason = "each test uses its own part")]
pub use seed::{generator, seed};

/// So many cases of a property.
pub fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed()), ..Config::default() }
}
