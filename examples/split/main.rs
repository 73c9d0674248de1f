//! What the split build costs: the same program, built twice and compared row by row.
//!
//!     cargo build --release --example split --example split_system
//!     cargo morestack build --release --example split --example split_system
//!     SPLIT/split --against PLAIN/split_system
//!
//! | row | what it measures |
//! |---|---|
//! | `fib` | a recursion that does nothing else |
//! | `hashmap` | `HashMap<u64, u64>`: insertions, lookups, removals |
//! | `strings` | `HashMap<String, usize>` with keys from `format!` |
//! | `json_typed`, `json_value` | `serde_json`, into structs and into `Value` |
//! | `regex` | searches with captures |
//! | `sort` | sorts with closures |
//! | `cross_crate` | a call of another crate's function that is not inlined |
//! | `indirect` | a call through a trait object |
//! | `foreign` | a call of a trivial C function |
//! | `hot_split` | a call in a loop across the end of a segment: what it costs beyond other depths |
//! | `recursion` | a million frames of 64 bytes on a fresh stack, beside `corosensei` on a mapped one |
//! | `malloc` | an allocation and its release, with the program's allocator and with the system's |
//! | `growth` | how many of the growths are copies, for several programs |
//!
//! Lines are `name value unit`; a value is the best of several samples. Each row runs in a task of its own, on a
//! runtime with one worker. `split` has [`morestack::alloc`] as its allocator, `split_system` the system's.

mod program;

use morestack::alloc::ThreadCache;
use std::process::ExitCode;

#[global_allocator]
static GLOBAL: ThreadCache = ThreadCache::new();

fn main() -> ExitCode {
    program::main("morestack::alloc")
}
