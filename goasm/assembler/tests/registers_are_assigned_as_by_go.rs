//! Oracle: Go's compiler, for signatures at random. Of a function of ABIInternal its listing shows which registers a failed check saves
//! where in the spill space, by which instructions, and how many bytes of the caller's frame are the function's. Skipped where Go is not
//! installed.

mod common;

use common::go::{self, Go};
use common::random;
use goasm_assembler::diagnostic::Position;
use goasm_assembler::registers::{self, name};
use goasm_assembler::signature::registers::{Assignment, Place, Spill};
use goasm_assembler::signature::{Declared, Signature, Type};
use goasm_assembler::syntax::Operand;
use rand::Rng;
use rand::rngs::SmallRng;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::{env, fs, process};

/// How many signatures are compared.
const SIGNATURES: u32 = 400;

/// Types in Go, and what they are here.
fn plain() -> Vec<(&'static str, Type)> {
    vec![
        ("int8", Type::Scalar(1)),
        ("bool", Type::Scalar(1)),
        ("uint16", Type::Scalar(2)),
        ("int32", Type::Scalar(4)),
        ("uint64", Type::Scalar(8)),
        ("float32", Type::Float(4)),
        ("float64", Type::Float(8)),
        ("*int", Type::Pointer),
        ("[]byte", Type::Slice),
        ("string", Type::String),
    ]
}

fn random_type(rng: &mut SmallRng, depth: u32) -> (String, Type) {
    if depth > 0 && rng.random_bool(0.2) {
        let (name, element) = random_type(rng, depth - 1);
        let len = [0, 1, 1, 1, 2, 5][rng.random_range(0..6)];
        return (format!("[{len}]{name}"), Type::Array(Box::new(element), len));
    }
    let plain = plain();
    let (name, ty) = &plain[rng.random_range(0..plain.len())];
    ((*name).to_owned(), ty.clone())
}

fn declared(rng: &mut SmallRng, letter: char, count: usize) -> Vec<Declared> {
    let one = |index| {
        let (spelling, ty) = random_type(rng, 2);
        Declared { name: Some(format!("{letter}{index}")), spelling, ty }
    };
    (0..count).map(one).collect()
}

/// What Go's listing says of a function, and what it is to say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    /// Arguments and results on the stack, and the spill space.
    bytes: u64,
    /// What a failed check saves, in order: `MOVB AX, 8(SP)`.
    saved: Vec<String>,
    /// What it loads again.
    loaded: Vec<String>,
    /// The registers of the results.
    results: BTreeSet<String>,
}

impl Listed {
    fn expected(signature: &Signature) -> Listed {
        let assignment = Assignment::of(signature);
        let (mut saved, mut loaded) = (Vec::new(), Vec::new());
        for Spill { part, at } in assignment.spills() {
            let register = name(part.register);
            // Above the return address.
            saved.push(format!("{} {register}, {}(SP)", part.store(), at + 8));
            loaded.push(format!("{} {}(SP), {register}", part.load(), at + 8));
        }
        let registers = |place: &Place| match place {
            Place::Registers { parts, .. } => parts.iter().map(|part| name(part.register)).collect(),
            Place::Stack(_) => Vec::new(),
        };
        let results = assignment.results.iter().flat_map(registers).collect();
        Listed { bytes: assignment.bytes, saved, loaded, results }
    }
}

/// The functions in the output of `go tool compile -S`. Each calls another one, sets its results to zero and returns.
fn listed(output: &str) -> Vec<Listed> {
    let mut all = Vec::new();
    let is_head = |line: &str| line.starts_with("p.F") && line.contains(" STEXT ");
    let mut lines = output.lines().filter(|line| is_head(line) || line.contains(".go:"));
    while let Some(head) = lines.find(|line| is_head(line)) {
        let args = head.split_whitespace().find_map(|word| word.strip_prefix("args=0x")).expect("args=");
        let mut listed = Listed { bytes: u64::from_str_radix(args, 16).unwrap(), ..Listed::default() };
        let mut code = lines.by_ref().map(|line| {
            let mut fields = line.split('\t').skip(2);
            (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
        });
        let is_call =
            |(mnemonic, target): &(&str, &str), callee: &str| *mnemonic == "CALL" && target.starts_with(callee);
        assert!(code.any(|it| is_call(&it, "p.h(SB)")));
        for (_, operands) in code.by_ref().take_while(|(mnemonic, _)| *mnemonic != "RET") {
            listed
                .results
                .extend(operands.rsplit(", ").next().and_then(register).filter(|it| it != "BP" && it != "SP"));
        }
        let moves = |it: &(&str, &str)| it.0.starts_with("MOV");
        let saved = code.by_ref().take_while(|it| !is_call(it, "runtime.morestack"));
        listed.saved = saved.filter(moves).map(plain_move).collect();
        let loaded = code.by_ref().take_while(|(mnemonic, _)| *mnemonic != "JMP");
        listed.loaded = loaded.filter(moves).map(plain_move).collect();
        all.push(listed);
    }
    all
}

/// A register without a width.
fn register(text: &str) -> Option<String> {
    match registers::register(text) {
        Some(Operand::Register(register)) => Some(name(register)),
        _ => None,
    }
}

fn plain_move((mnemonic, operands): (&str, &str)) -> String {
    let operand = |operand: &str| register(operand).unwrap_or_else(|| operand.to_owned());
    let operands: Vec<_> = operands.split(", ").map(operand).collect();
    format!("{mnemonic} {}", operands.join(", "))
}

#[test]
fn saved_and_given_back_in_the_same_registers() {
    let Some(go) = Go::find() else { return };
    let seed = random::seed();
    let mut rng = random::generator(seed, 0);
    let mut source = "package p\n\nvar used uint8\n\n//go:noinline\nfunc h() {}\n".to_owned();
    let signatures: Vec<Signature> = (0..SIGNATURES)
        .map(|number| {
            let (params, results) = (rng.random_range(0..=40), rng.random_range(0..=20));
            let (mut params, results) = (declared(&mut rng, 'a', params), declared(&mut rng, 'r', results));
            if let Some(first) = params.first_mut() {
                (first.spelling, first.ty) = ("uint8".into(), Type::Scalar(1));
            }
            let list = |values: &[Declared]| {
                let value = |value: &Declared| format!("{} {}", value.name.as_ref().expect("a name"), value.spelling);
                values.iter().map(value).collect::<Vec<_>>().join(", ")
            };
            // Of a function that uses one of its arguments Go saves all.
            let uses = if params.is_empty() { "" } else { "used = a0; " };
            let (inputs, outputs) = (list(&params), list(&results));
            let _ = writeln!(source, "func F{number}({inputs}) ({outputs}) {{ {uses}h(); return }}");
            let position = Position { file: "p.go".into(), line: number + 5, column: 1 };
            Signature::new(format!(".F{number}"), &position, params, results).unwrap()
        })
        .collect();

    let dir = env::temp_dir().join(format!("goasm-registers-{}", process::id()));
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join("p.go");
    fs::write(&file, source).unwrap();
    let mut compiler = go.command();
    compiler.args(["tool", "compile", "-S", "-p", "p", "-o"]).arg(dir.join("p.o")).arg(&file);
    let listing = go::output(&mut compiler);
    fs::remove_dir_all(&dir).unwrap();

    let listed = listed(&listing);
    assert_eq!(listed.len(), signatures.len(), "functions in the listing");
    let words: usize = listed.iter().map(|it| it.saved.len() + it.results.len()).sum();
    println!("{} signatures with {words} words in registers", listed.len());
    for (listed, signature) in listed.iter().zip(&signatures) {
        assert_eq!(*listed, Listed::expected(signature), "{signature}");
    }
}
