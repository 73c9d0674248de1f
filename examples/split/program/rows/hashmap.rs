//! `HashMap<u64, u64>` with std's hasher: insertions with growth, lookups that hit and miss, removals.

use crate::program::measure::{numbers, row};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;

const KEYS: usize = 50_000;

/// The same hashes in each run.
pub type Hasher = BuildHasherDefault<DefaultHasher>;

pub fn run() {
    let keys: Vec<u64> = numbers().take(KEYS).collect();
    row("hashmap", 4 * KEYS, || {
        let mut map = HashMap::<u64, u64, Hasher>::default();
        for &key in &keys {
            *map.entry(key).or_default() += key;
        }
        let hits = keys.iter().filter(|&key| map.contains_key(key)).count();
        let misses = keys.iter().filter(|&key| !map.contains_key(&(key + 1))).count();
        let removed = keys.iter().filter_map(|key| map.remove(key)).count();
        black_box((hits, misses, removed));
    });
}
