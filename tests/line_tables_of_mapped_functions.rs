//! The lines that the function table gives are those of the source: a function's is that of its TEXT, a call's that of its
//! CALL; where a macro made them, that of the macro's use.

#[path = "common/all_mapped.rs"]
mod all_mapped;
#[path = "common/mapped.rs"]
mod mapped;

use mapped::table;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// A source file, and what its macros contain.
struct Source {
    lines: Vec<String>,
    /// The words that begin a statement in each macro, those of the macros it uses included.
    macros: HashMap<String, HashSet<String>>,
}

/// The word that begins the statement on a line, labels left out.
fn first_word(line: &str) -> &str {
    let statement = line.trim_start();
    let statement = match statement.split_once(':') {
        Some((label, rest)) if label.chars().all(|c| c.is_ascii_alphanumeric()) => rest.trim_start(),
        _ => statement,
    };
    statement.split([' ', '\t', '(']).next().unwrap_or("")
}

fn read(file: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut macros: HashMap<String, HashSet<String>> = HashMap::new();
    let mut name = None;
    for line in &lines {
        // Go's macros go on while lines end in a backslash.
        if let Some(define) = line.strip_prefix("#define ") {
            name = Some(first_word(define).to_owned());
            continue;
        }
        match first_word(line) {
            ".macro" => name = line.split_whitespace().nth(1).map(str::to_owned),
            ".endm" => name = None,
            word => {
                if let Some(name) = &name {
                    let inner = macros.get(word).cloned().unwrap_or_default();
                    let words = macros.entry(name.clone()).or_default();
                    words.insert(word.to_owned());
                    words.extend(inner);
                }
            }
        }
    }
    Source { lines, macros }
}

impl Source {
    /// The statement on `line`, if it is `wanted` (with `name` among its operands) or a macro that contains one.
    fn has(&self, line: u32, wanted: &[&str], name: &str) -> bool {
        let Some(text) = (line as usize).checked_sub(1).and_then(|i| self.lines.get(i)) else { return false };
        let word = first_word(text);
        if wanted.contains(&word) {
            // Go's sources have a middle dot, and leave out the crate's name before it.
            let name = name.rsplit('.').next().unwrap_or(name);
            return text.contains(name);
        }
        self.macros.get(word).is_some_and(|words| wanted.iter().any(|wanted| words.contains(*wanted)))
    }
}

struct Sources(HashMap<&'static str, Source>);

impl Sources {
    fn get(&mut self, file: &'static str) -> &Source {
        self.0.entry(file).or_insert_with(|| read(file))
    }
}

#[test]
fn a_function_has_the_line_of_its_text() {
    let mut sources = Sources(HashMap::new());
    let mut direct = 0;
    for f in table().functions().iter().filter(|f| f.file.ends_with(".s")) {
        let source = sources.get(f.file);
        // A wrapper stands where the function is that it leads to, whose name it has.
        let name = if f.is_abi_wrapper() { f.name.trim_end_matches("<ABIInternal>") } else { f.name };
        assert!(source.has(f.line, &["TEXT"], name), "{}: {}:{}", f.name, f.file, f.line);
        direct += usize::from(first_word(&source.lines[f.line as usize - 1]) == "TEXT");
    }
    assert!(direct > 20 && sources.0.len() > 9, "{direct} functions, {} files", sources.0.len());
}

#[test]
fn a_call_has_the_line_of_its_call() {
    let mut sources = Sources(HashMap::new());
    let (mut direct, mut by_macro) = (0, 0);
    // A wrapper's call is written nowhere.
    for (f, call) in table().calls().filter(|(f, _)| f.file.ends_with(".s") && !f.is_abi_wrapper()) {
        let callee = call.callee.and_then(|pc| table().find_function(pc)).map_or("", |callee| callee.name);
        let source = sources.get(f.file);
        let calls = ["CALL", "CALL_INDIRECT", "CALL_SITE"];
        let is_there = source.has(call.line, &calls, callee);
        assert!(is_there, "{} calls {callee}: {}:{}", f.name, f.file, call.line);
        if calls.contains(&first_word(&source.lines[call.line as usize - 1])) {
            direct += 1;
        } else {
            by_macro += 1;
        }
    }
    assert!(direct > 20 && by_macro > 50, "{direct} calls, {by_macro} of macros");
}

#[test]
fn an_instruction_has_its_line_where_goasm_made_it() {
    let mut calls = 0;
    for (f, call) in table().calls().filter(|(f, _)| f.file.ends_with("_amd64.s")) {
        assert!(f.lines.is_some(), "{}", f.name);
        assert_eq!(f.line_at(call.pc - 1), call.line, "{}", f.name);
        assert_eq!(f.line_at(f.entry), f.line, "{}: the check belongs to TEXT", f.name);
        calls += 1;
    }
    assert!(calls > 5, "{calls}");
}

#[test]
fn lines_ascend_with_the_code() {
    let mut lines = HashMap::new();
    for (f, call) in table().calls() {
        let last = lines.insert(f.entry, call.line).unwrap_or(f.line);
        assert!(call.line >= last, "{}: line {} after line {last}", f.name, call.line);
    }
}

#[test]
fn an_exported_function_has_the_line_of_its_export() {
    let f = table().functions().iter().find(|f| f.name == "exported.square").unwrap();
    let source = read(f.file);
    let line = &source.lines[f.line as usize - 1];
    assert!(line.contains("mapped_export!"), "{}:{}: {line}", f.file, f.line);
}
