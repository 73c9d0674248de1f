//! Go's own test files: where they are, and their lines as machine instructions.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use goasm_assembler::encode::{EncodeError, Encoded, Reach, encode};
use goasm_assembler::machine::{Memory, Operand};
use goasm_assembler::registers::register;
use goasm_assembler::syntax;

/// Where Go is installed: what `GOASM_GOROOT` names, or below the workspace's `target/go`. Prints why a test is skipped
/// if it is not.
pub fn goroot() -> Option<PathBuf> {
    let found = std::env::var_os("GOASM_GOROOT").map(PathBuf::from).or_else(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        let versions = std::fs::read_dir(workspace.join("target/go")).ok()?;
        versions.flatten().map(|version| version.path().join("go")).find(|root| root.join("bin/go").exists())
    });
    if found.is_none() {
        println!("skipped: Go is not installed (.ci/install-go does it)");
    }
    found
}

/// Where the files are that Go's assembler is tested with.
pub fn testdata(goroot: &Path) -> PathBuf {
    goroot.join("src/cmd/asm/internal/asm/testdata")
}

/// A line of a source.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number, counted from 1.
    pub number: usize,
    /// The instruction.
    pub source: String,
    /// What follows it behind `//`.
    pub comment: String,
}

/// The lines of a file that are instructions, prose and commented ones left out.
pub fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().enumerate().map(|(index, line)| {
        let (source, comment) = line.split_once("//").unwrap_or((line, ""));
        Line { number: index + 1, source: source.trim().into(), comment: comment.trim().into() }
    });
    let is_instruction = |line: &Line| {
        let first = line.source.split_whitespace().next().unwrap_or("");
        !first.is_empty() && !first.starts_with('#') && !first.ends_with(':') && first != "TEXT"
    };
    lines.filter(is_instruction).collect()
}

/// The bytes that the comment of a line allows, or an empty list if it is about something else.
pub fn allowed(comment: &str) -> Vec<Vec<u8>> {
    comment.split(" or ").map_while(|hex| bytes(hex.trim())).collect()
}

/// `4889c3`.
pub fn bytes(hex: &str) -> Option<Vec<u8>> {
    if hex.is_empty() || !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

/// Encodes a line. `None` if the reader here does not understand its operands.
pub fn encode_line(source: &str) -> Option<Result<Encoded, EncodeError>> {
    let (word, rest) = source.split_once(char::is_whitespace).unwrap_or((source, ""));
    let mut words = word.split('.').map(String::from);
    let mnemonic = words.next()?;
    let suffixes: Vec<String> = words.collect();
    let operands: Option<Vec<Operand>> = split(rest).into_iter().map(operand).collect();
    let reach = Reach::Short;
    Some(encode(&mnemonic, &suffixes, &operands?, reach))
}

fn split(rest: &str) -> Vec<&str> {
    rest.split(',').map(str::trim).filter(|operand| !operand.is_empty()).collect()
}

fn operand(text: &str) -> Option<Operand> {
    if let Some(value) = text.strip_prefix('$') {
        return number(value).map(Operand::Immediate);
    }
    if let Some(range) = text.strip_prefix('[') {
        let (first, last) = range.strip_suffix(']')?.split_once('-')?;
        return Some(Operand::Range(plain_register(first)?, plain_register(last)?));
    }
    match register(text) {
        Some(syntax::Operand::Register(register)) => return Some(Operand::Register(register)),
        Some(syntax::Operand::Special(special)) => return Some(Operand::Special(special)),
        _ => {}
    }
    if let Some((first, second)) = text.split_once(':') {
        return Some(Operand::Pair(plain_register(first)?, plain_register(second)?));
    }
    if text.ends_with("(PC)") {
        return Some(Operand::Target);
    }
    memory(text).map(Operand::Memory)
}

fn plain_register(name: &str) -> Option<syntax::Register> {
    match register(name)? {
        syntax::Operand::Register(register) => Some(register),
        _ => None,
    }
}

fn memory(text: &str) -> Option<Memory> {
    let (displacement, mut rest) = text.split_at(text.find('(').unwrap_or(text.len()));
    let mut memory = Memory::default();
    if rest.starts_with("(SB)") {
        memory.is_symbol = true;
        rest = &rest[4..];
    } else if !displacement.is_empty() {
        memory.displacement = displacement.split('+').map(number).sum::<Option<i64>>()?;
    }
    while let Some(inner) = rest.strip_prefix('(') {
        let (part, after) = inner.split_once(')')?;
        rest = after;
        match part.split_once('*') {
            Some((index, scale)) => memory.index = Some((plain_register(index)?, scale.parse().ok()?)),
            None if part == "TLS" => memory.is_thread_local = true,
            None => memory.base = Some(plain_register(part)?),
        }
    }
    rest.is_empty().then_some(memory)
}

fn number(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    } as i64;
    Some(if negative { value.wrapping_neg() } else { value })
}

/// An instruction as Go's assembler lists it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The line of the source.
    pub line: usize,
    /// Mnemonic, tab and operands.
    pub source: String,
    /// Its bytes, zeros where the linker puts something.
    pub bytes: Vec<u8>,
}

/// What Go's assembler lists for a file; empty if it does not take it.
pub fn assembled_by_go(goroot: &Path, path: &Path) -> Vec<Listed> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let output = std::env::temp_dir().join(format!("goasm-{}-{name}.o", std::process::id()));
    let listing = Command::new(goroot.join("bin/go"))
        .args(["tool", "asm", "-S", "-p", "p", "-D", "GOOS_linux", "-D", "GOARCH_amd64", "-I"])
        .arg(goroot.join("pkg/include"))
        .arg("-o")
        .args([&output, path])
        .env("GOROOT", goroot)
        .output()
        .expect("go runs");
    // Best effort: the file is in the directory for temporary ones.
    let _ = std::fs::remove_file(&output);
    let listing = String::from_utf8_lossy(&listing.stdout);
    let mut listed = Vec::new();
    let mut function: Vec<(usize, Listed)> = Vec::new();
    let mut code: Vec<u8> = Vec::new();
    for line in listing.lines() {
        let Some((offset, rest)) = line.strip_prefix("\t0x").and_then(|rest| rest.split_once(' ')) else {
            // A function ends where something else begins.
            listed.append(&mut cut(&mut function, &mut code));
            continue;
        };
        let Ok(offset) = usize::from_str_radix(offset, 16) else { continue };
        match rest.split_once(".s:").and_then(|(_, rest)| rest.split_once(")\t")) {
            Some((line, source)) => {
                let line = line.parse().expect("a line number");
                function.push((offset, Listed { line, source: source.into(), bytes: Vec::new() }));
            }
            // Sixteen bytes, then the same as characters.
            None => code.extend(rest.split("  ").next().unwrap_or("").split(' ').filter_map(|hex| bytes(hex)?.pop())),
        }
    }
    listed.append(&mut cut(&mut function, &mut code));
    listed
}

/// Gives each instruction of a function its bytes. Empties both, for the next function.
fn cut(function: &mut Vec<(usize, Listed)>, code: &mut Vec<u8>) -> Vec<Listed> {
    let code = std::mem::take(code);
    let ends: Vec<usize> = function.iter().skip(1).map(|(offset, _)| *offset).chain([code.len()]).collect();
    let pieces = std::mem::take(function).into_iter().zip(ends).filter_map(|((start, listed), end)| {
        let bytes = code.get(start..end).filter(|bytes| !bytes.is_empty())?.to_vec();
        Some(Listed { bytes, ..listed })
    });
    pieces.collect()
}
