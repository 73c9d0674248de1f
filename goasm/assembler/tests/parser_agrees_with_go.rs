//! Go's assembler and ours read the same instructions out of the same sources.
//!
//! With `-debug`, Go's assembler prints each instruction as it has read it, with its line. Ours is printed in the same form here. What
//! differs by intention is made equal: byte registers have the names of whole ones, and a jump within a function has no target.

use std::collections::HashMap;
use std::path::Path;

use goasm_assembler::parse::{Options, parse_file};
use goasm_assembler::syntax::{Abi, Base, Index, Memory, Operand, Register, Special, StatementKind, Symbol};

mod common;

use common::go::{Go, output};

#[test]
fn of_every_file_of_the_standard_library() {
    let Some(go) = Go::find() else { return };
    let mut comparison = Comparison::default();
    for file in go.assembly_files() {
        comparison.compare(&go, &file.path, &file.package, go.include_dirs(&file));
    }
    comparison.conclude(20_000);
}

#[test]
fn of_what_go_tests_its_encoder_with() {
    let Some(go) = Go::find() else { return };
    let dir = go.root().join("src/cmd/asm/internal/asm/testdata");
    let mut comparison = Comparison::default();
    for name in ["amd64.s", "amd64enc.s", "amd64enc_extra.s"] {
        comparison.compare(&go, &dir.join(name), "pkg", vec![go.include_dir()]);
    }
    let mut more: Vec<_> =
        std::fs::read_dir(dir.join("avx512enc")).unwrap().map(|entry| entry.unwrap().path()).collect();
    more.sort();
    for path in more {
        comparison.compare(&go, &path, "pkg", vec![go.include_dir()]);
    }
    comparison.conclude(20_000);
}

#[test]
fn of_our_own_samples() {
    let Some(go) = Go::find() else { return };
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parser_agrees_with_go");
    std::fs::create_dir_all(&dir).unwrap();
    let mut comparison = Comparison::default();
    for entry in std::fs::read_dir(own).unwrap() {
        let entry = entry.unwrap();
        // Go's assembler no longer knows this way to say what the next character says anyway.
        let text = std::fs::read_to_string(entry.path()).unwrap().replace("\"\"·", "·");
        let path = dir.join(entry.file_name());
        std::fs::write(&path, text).unwrap();
        // Go allows ABIs in its runtime only.
        comparison.compare(&go, &path, "runtime", vec![go.include_dir(), go.root().join("src/runtime")]);
    }
    comparison.conclude(80);
}

#[derive(Default)]
struct Comparison {
    same: usize,
    different: Vec<String>,
    /// Other names of the same instructions: ours, which are as written, and Go's.
    aliases: HashMap<String, String>,
}

impl Comparison {
    fn compare(&mut self, go: &Go, path: &Path, package: &str, include_dirs: Vec<std::path::PathBuf>) {
        let mut command = go.assembler();
        for dir in &include_dirs {
            command.arg("-I").arg(dir);
        }
        // That some of it cannot be encoded does not matter here.
        let unwanted = go.unwanted();
        let printed = output(command.args(["-debug", "-p", package, "-o"]).arg(&unwanted).arg(path));
        let parsed = match parse_file(path, &Options { include_dirs, ..Options::default() }) {
            Ok(parsed) => parsed,
            Err(errors) => return self.different.extend(errors.iter().map(ToString::to_string)),
        };
        let mut ours = parsed
            .statements
            .iter()
            .filter_map(|statement| Some((statement.position.line, print(&statement.kind, package)?)));
        let theirs = printed.lines().filter_map(|line| {
            let (number, rest) = line.split_once(' ')?;
            Some((number.parse::<u32>().ok()?, rest.split_once('\t')?.1))
        });
        for (line, text) in theirs {
            let theirs = normal(text);
            let Some((our_line, ours)) = ours.next() else {
                return self.different.push(format!("{}:{line}: ours ends before {text}", path.display()));
            };
            let ((our_word, ours), (word, theirs)) = (ours.split_once('\t').unwrap(), theirs.split_once('\t').unwrap());
            let alias = self.aliases.entry(our_word.to_owned()).or_insert_with(|| word.to_owned());
            if (our_line, ours, alias.as_str()) == (line, theirs, word) {
                self.same += 1;
            } else {
                let own = format!("{our_line}: {our_word} {ours}");
                self.different.push(format!("{}:{line}: Go has {word} {theirs}, we have {own}", path.display()));
            }
        }
        if let Some((line, text)) = ours.next() {
            self.different.push(format!("{}:{line}: Go has no {text}", path.display()));
        }
    }

    fn conclude(self, expected: usize) {
        let mut aliases: Vec<_> = self.aliases.iter().filter(|(ours, theirs)| ours != theirs).collect();
        aliases.sort();
        println!(
            "{} instructions are the same; of two names for one instruction, Go prefers the second: {aliases:?}",
            self.same
        );
        let first: Vec<_> = self.different.iter().take(40).map(String::as_str).collect();
        assert!(first.is_empty(), "{} differ:\n{}", self.different.len(), first.join("\n"));
        assert!(self.same > expected, "that was all of it");
    }
}

/// Go's line with what differs by intention made equal, and its operands after one tab.
fn normal(text: &str) -> String {
    let (word, operands) = text.split_once('\t').unwrap_or((text, ""));
    let mut operands: Vec<String> = operands.split(", ").map(str::to_owned).collect();
    let is_jump = word.starts_with('J') || matches!(word, "CALL" | "XBEGIN") || word.starts_with("LOOP");
    for operand in &mut operands {
        // The second is how a jump backwards to a label looks.
        if is_jump && (operand.ends_with("(PC)") || operand.parse::<u32>().is_ok()) {
            operand.clear();
        } else if let Some(number) = operand.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')) {
            *operand = format!("$({:?})", number.parse::<f64>().unwrap());
        } else if word == "TEXT" && !operand.contains(['(', '$']) {
            *operand = flags(operand).to_string();
        } else {
            *operand = general(operand);
        }
    }
    if word == "TEXT" && operands.len() == 2 {
        operands.insert(1, "0".into());
    }
    format!("{word}\t{}", operands.join(", "))
}

/// No flag of a source: Go says so that the symbol has this ABI, and says it of no other mention of a symbol.
const INTERNAL: u32 = 1 << 31;

/// The value of flags by name.
fn flags(names: &str) -> u32 {
    let value = |name: &str| match name {
        // Not of the source: the symbol's name says it already.
        "STATIC" => 0,
        "ABIInternal" => INTERNAL,
        "NOPROF" => 1,
        "DUPOK" => 2,
        "NOSPLIT" => 4,
        "RODATA" => 8,
        "NOPTR" => 16,
        "WRAPPER" => 32,
        "NEEDCTXT" => 64,
        "TLSBSS" => 256,
        "NOFRAME" => 512,
        "REFLECTMETHOD" => 1024,
        "TOPFRAME" => 2048,
        "ABIWRAPPER" => 4096,
        number => number.parse().unwrap_or_else(|_| panic!("the flag {number}")),
    };
    names.split('|').map(value).sum()
}

/// Registers of a byte as whole ones, wherever they are.
fn general(text: &str) -> String {
    let word = |word: &str| match word {
        "AL" | "CL" | "DL" | "BL" => word.replace('L', "X"),
        "SPB" | "BPB" | "SIB" | "DIB" => word[..2].to_owned(),
        _ if word.starts_with('R') && word.ends_with('B') && word[1..word.len() - 1].parse::<u8>().is_ok() => {
            word[..word.len() - 1].to_owned()
        }
        _ => word.to_owned(),
    };
    let mut parts = text.split_inclusive(['(', ')', '*']);
    let mut whole = String::new();
    for part in &mut parts {
        let end = part.trim_end_matches(['(', ')', '*']);
        whole += &word(end);
        whole += &part[end.len()..];
    }
    whole
}

/// A statement as Go prints it: the word, a tab, the operands. `None` for those that it does not print.
fn print(kind: &StatementKind, package: &str) -> Option<String> {
    let symbol = |symbol: &Symbol| symbol_text(symbol, package);
    Some(match kind {
        StatementKind::Text { symbol: name, flags, frame, args } => {
            let args = args.map_or(String::new(), |args| format!("-{args}"));
            let flags = flags | if name.abi == Some(Abi::Internal) { INTERNAL } else { 0 };
            format!("TEXT\t{}(SB), {flags}, ${frame}{args}", symbol(name))
        }
        StatementKind::Globl { .. } | StatementKind::Data { .. } | StatementKind::Label(_) => return None,
        StatementKind::FuncData { index, symbol: name } => format!("FUNCDATA\t${index}, {}(SB)", symbol(name)),
        StatementKind::PcData { index, value } => format!("PCDATA\t${index}, ${value}"),
        StatementKind::PcAlign(alignment) => format!("PCALIGN\t${alignment}"),
        StatementKind::Instruction(instruction) => {
            let mut word = instruction.mnemonic.clone();
            let mut suffixes = instruction.suffixes.clone();
            // Go has them in one order.
            suffixes.sort_by_key(|suffix| suffix == "Z");
            suffixes.iter().for_each(|suffix| word += &format!(".{suffix}"));
            let operands: Vec<_> =
                instruction.operands.iter().map(|spanned| operand(&spanned.operand, package)).collect();
            format!("{word}\t{}", operands.join(", "))
        }
    })
}

fn symbol_text(symbol: &Symbol, package: &str) -> String {
    let package = if symbol.name.starts_with('.') { package } else { "" };
    let suffix = if symbol.is_static { "<>" } else { "" };
    format!("{package}{}{suffix}", symbol.name)
}

fn operand(operand: &Operand, package: &str) -> String {
    match operand {
        Operand::Register(register) => register_text(*register),
        Operand::Special(special) => match special {
            Special::Gdtr => "GDTR".into(),
            Special::Idtr => "IDTR".into(),
            Special::Ldtr => "LDTR".into(),
            Special::Msw => "MSW".into(),
            Special::Task => "TASK".into(),
            Special::Tls => "TLS".into(),
        },
        Operand::Pair(first, second) => format!("{}, {}", register_text(*second), register_text(*first)),
        Operand::Range(first, last) => format!("[{}-{}]", register_text(*first), register_text(*last)),
        Operand::Immediate(value) => format!("${value}"),
        Operand::Float(value) => format!("$({value:?})"),
        Operand::String(text) => format!("${:?}", String::from_utf8_lossy(text)),
        // Go does not print the index of an address, but has it.
        Operand::Address(memory) => format!("${}", memory_text(&Memory { index: None, ..memory.clone() }, package)),
        Operand::Memory(memory) => memory_text(memory, package),
        // Where it makes no difference, Go leaves the `*` out.
        Operand::Indirect(target) => match &**target {
            Operand::Memory(memory) if memory.symbol.is_some() => format!("*{}", memory_text(memory, package)),
            target => self::operand(target, package),
        },
        Operand::Label(_) | Operand::PcRelative(_) => String::new(),
    }
}

fn memory_text(memory: &Memory, package: &str) -> String {
    let mut text = match (&memory.symbol, memory.offset) {
        (Some(symbol), 0) => symbol_text(symbol, package),
        (Some(symbol), offset) => format!("{}{offset:+}", symbol_text(symbol, package)),
        (None, 0) if memory.base.is_some() => String::new(),
        (None, offset) => offset.to_string(),
    };
    match memory.base {
        Some(Base::Sb) => text += "(SB)",
        Some(Base::Fp) => text += "(FP)",
        Some(Base::VirtualSp) => text += "(SP)",
        Some(Base::Tls) => text += "(TLS)",
        Some(Base::Register(register)) => text += &format!("({})", register_text(register)),
        None => {}
    }
    match memory.index {
        Some((Index::Tls, scale)) => text += &format!("(TLS*{scale})"),
        Some((Index::Register(register), scale)) => text += &format!("({}*{scale})", register_text(register)),
        None => {}
    }
    text
}

/// Go's name of a register.
fn register_text(register: Register) -> String {
    let name = format!("{register:?}");
    let number = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse::<u32>().ok());
    match number("XMM").map(|n| ("X", n)).or(number("YMM").map(|n| ("Y", n))).or(number("ZMM").map(|n| ("Z", n))) {
        Some((kind, number)) => return format!("{kind}{number}"),
        None if number("MM").is_some() => return name.replace("MM", "M"),
        None if number("ST").is_some() => return name.replace("ST", "F"),
        None => {}
    }
    match name.strip_prefix('R') {
        Some(rest) if !rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => name,
    }
}
