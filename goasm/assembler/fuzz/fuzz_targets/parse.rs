//! Any text through lexer, preprocessor and parser: `cargo +nightly fuzz run parse` in this directory's parent.
//!
//! What `tests/parser_takes_any_input.rs` asks of random input, this asks of input that libFuzzer looks for.

#![no_main]

use goasm_assembler::parse::{Options, parse_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // What it includes is not on the disk of whoever runs this, so only the known headers are.
    if let Err(errors) = parse_text("fuzz.s", text, &Options::default()) {
        assert!((1..=20).contains(&errors.len()));
        assert!(errors.iter().all(|error| !error.message.is_empty()));
    }
});
