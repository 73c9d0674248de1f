//! Each line of the files that Go's assembler is tested with becomes the same instruction here.
//!
//! Go is the judge twice: its files say which bytes they allow for a line, and its assembler says which it makes. A
//! line is the same instruction if it decodes to the same mnemonic and operands in the same family of encodings (legacy,
//! VEX, EVEX) as one of these. What cannot matter is not compared: in which of two fields of the encoding a register
//! stands, how many bytes a number takes, and the order of operands that `test` and `xchg` treat alike.

mod common;

use common::go::Go;
use common::lines::{self, allowed, assemble_line, assembled_by_go};
use iced_x86::{Decoder, DecoderOptions, EncodingKind, Formatter, GasFormatter, Mnemonic};
use std::collections::BTreeMap;
use std::fs;

/// What became of the lines of a file.
#[derive(Default)]
struct Score {
    lines: usize,
    same_instruction: usize,
    same_bytes: usize,
    misses: BTreeMap<String, Vec<String>>,
}

/// What bytes mean.
fn meaning(bytes: &[u8]) -> Vec<(EncodingKind, bool, String)> {
    let mut decoder = Decoder::new(64, bytes, DecoderOptions::NONE);
    let mut formatter = GasFormatter::new();
    decoder
        .iter()
        .map(|instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            if matches!(instruction.mnemonic(), Mnemonic::Test | Mnemonic::Xchg)
                && let Some((word, operands)) = text.split_once(' ')
            {
                let mut operands: Vec<&str> = operands.split(',').collect();
                operands.sort_unstable();
                text = format!("{word} {}", operands.join(","));
            }
            // An address of 32 bits is another one, and the text does not always show it.
            let is_narrow = instruction.memory_displ_size() == 4;
            (instruction.code().op_code().encoding(), is_narrow, text)
        })
        .collect()
}

fn score(go: &Go, name: &str) -> Score {
    let path = lines::testdata(go).join(name);
    let made = assembled_by_go(go, &path);
    let mut score = Score::default();
    for line in lines::lines(&path) {
        let allowed = allowed(&line.comment);
        if allowed.is_empty() {
            continue;
        }
        score.lines += 1;
        let made = made.get(&line.number);
        let mut miss = |class: &str, what: String| {
            score.misses.entry(class.into()).or_default().push(format!("{}: {}: {what}", line.number, line.source));
        };
        let bytes = match assemble_line(&line.source) {
            Err(error) => {
                miss("refused", error.to_string());
                continue;
            }
            Ok(bytes) => bytes,
        };
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if made == Some(&bytes) {
            score.same_bytes += 1;
            score.same_instruction += 1;
        } else if allowed.iter().chain(made).any(|other| meaning(other) == meaning(&bytes)) {
            score.same_instruction += 1;
            miss("other bytes", format!("{hex}, not {made:02x?}"));
        } else {
            miss("other instruction", format!("{hex}, not {made:02x?}"));
        }
    }
    score
}

/// Scores a file, prints what is not the same, and insists on a share of the same instructions, in percent.
fn compare(name: &str, least: f64) {
    let Some(go) = Go::find() else { return };
    let score = score(&go, name);
    let percent = |count: usize| 100.0 * count as f64 / score.lines as f64;
    println!(
        "{name}: {} lines: {} the same instruction ({:.2} %), {} the same bytes ({:.2} %)",
        score.lines,
        score.same_instruction,
        percent(score.same_instruction),
        score.same_bytes,
        percent(score.same_bytes)
    );
    for (class, misses) in &score.misses {
        println!("  {class}: {}", misses.len());
        for miss in misses.iter().take(MISSES_SHOWN) {
            println!("    {miss}");
        }
    }
    assert!(score.lines > 0, "{name} has lines with bytes");
    assert!(percent(score.same_instruction) >= least, "{name}: less than {least} % are the same instruction");
}

/// How many of a kind are printed: enough to see what kind it is.
const MISSES_SHOWN: usize = 400;

#[test]
fn general_and_vector_instructions() {
    compare("amd64enc.s", 99.98);
}

#[test]
fn instructions_found_wanting_before() {
    compare("amd64enc_extra.s", 100.0);
}

#[test]
fn avx_512() {
    let Some(go) = Go::find() else { return };
    let directory = lines::testdata(&go).join("avx512enc");
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("Go has a directory for AVX-512")
        .map(|entry| entry.expect("its entries can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        compare(&format!("avx512enc/{name}"), 100.0);
    }
}
