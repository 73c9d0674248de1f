//! `HashMap<String, usize>` whose keys come from `format!`: hashing, formatting, small allocations.

use super::hashmap::Hasher;
use crate::program::measure::row;
use std::collections::HashMap;
use std::hint::black_box;

const KEYS: usize = 10_000;

pub fn run() {
    row("strings", 2 * KEYS, || {
        let mut map = HashMap::<String, usize, Hasher>::default();
        for i in 0..KEYS {
            map.insert(format!("key {i} of {KEYS}, {:04x}", i * 7), i);
        }
        let found = (0..KEYS).filter(|i| map.contains_key(&format!("key {i} of {KEYS}, {:04x}", i * 7))).count();
        assert_eq!(found, KEYS);
        black_box(map);
    });
}
