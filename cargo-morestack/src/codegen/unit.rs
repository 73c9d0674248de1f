//! Code generation for one codegen unit.

use super::cache::{Cache, Key};
use super::realign::{self, Finding};
use super::{assembly, check, elf, names};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Changes whenever what is made from the same bitcode changes, so that nothing old is taken from a cache.
pub const RECIPE: u32 = 6;

/// What makes every call that leaves a codegen unit or is indirect go through `__x86_indirect_thunk_r11`.
pub const THUNK_FEATURES: &str = "+retpoline-external-thunk,+retpoline-indirect-calls";

/// After this many rounds every function that had to be left out has been. In practice two do.
const ROUNDS: usize = 6;

/// What rust-lld complains about once the object is written: it is asked for nothing but that object.
const EXPECTED_COMPLAINT: &str = "cannot mix split-stack and non-split-stack in a relocatable link";

/// How to generate code.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The code generator's own level of optimisation, 0 to 3.
    pub optimize: u8,
    /// Further arguments for LLVM.
    pub llvm_args: Vec<String>,
}

/// A function that stays unchecked, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftUnchecked {
    pub function: String,
    pub reason: String,
}

/// A codegen unit's object.
#[derive(Debug)]
pub struct Unit {
    pub object: Vec<u8>,
    pub left_unchecked: Vec<LeftUnchecked>,
}

/// Generates code with one compiler's `rust-lld`.
pub struct Generator<'a> {
    lld: &'a Path,
    /// Names the compiler in the cache.
    compiler: &'a str,
    settings: Settings,
    cache: Option<&'a Cache>,
}

impl<'a> Generator<'a> {
    pub fn new(lld: &'a Path, compiler: &'a str, settings: Settings, cache: Option<&'a Cache>) -> Self {
        Self { lld, compiler, settings, cache }
    }

    /// Makes an object from `bitcode`, in which the functions are checked that `plain_object` defines, rustc's own object of the
    /// same unit. `name` is for messages.
    ///
    /// # Errors
    /// When the code generator fails, or files cannot be written.
    pub fn generate(&self, name: &str, bitcode: &[u8], plain_object: &[u8]) -> Result<Unit> {
        let functions = names::to_check(plain_object)?;
        let key = self.key(bitcode, &functions);
        if let Some(unit) = self.cache.and_then(|cache| cache.get(&key)) {
            return Ok(unit);
        }
        let unit = self.settle(name, bitcode, functions)?;
        if let Some(cache) = self.cache {
            cache.put(&key, &unit)?;
        }
        Ok(unit)
    }

    fn key(&self, bitcode: &[u8], functions: &BTreeSet<String>) -> Key {
        let settings = format!("{RECIPE} {} {:?}", self.compiler, self.settings);
        Key::of([settings.as_bytes(), bitcode].into_iter().chain(functions.iter().map(String::as_bytes)))
    }

    /// Generates until every check is sound and every function that can be is checked.
    fn settle(&self, name: &str, bitcode: &[u8], mut functions: BTreeSet<String>) -> Result<Unit> {
        let scratch = tempfile::tempdir().map_err(Error::file("make", &std::env::temp_dir()))?;
        let input = scratch.path().join("unit.bc");
        fs::write(&input, bitcode).map_err(Error::file("write", &input))?;
        let mut left = BTreeMap::new();
        let mut last = String::new();
        for _ in 0..ROUNDS {
            let mut object = self.run_lld(name, scratch.path(), &input, &functions)?;
            let again = self.examine(&mut object, &mut functions, &mut left)?;
            let Some(function) = again else {
                elf::hide_split_stack_notes(&mut object)?;
                let left = left.into_iter().map(|(function, reason)| LeftUnchecked { function, reason });
                return Ok(Unit { object, left_unchecked: left.collect() });
            };
            last = function;
        }
        Err(Error::Unsettled { unit: name.into(), rounds: ROUNDS, function: last })
    }

    /// Mends what can be mended and takes out of `functions` what must stay unchecked. Returns a function because of which code
    /// has to be generated again, if there is one.
    fn examine(
        &self,
        object: &mut [u8],
        functions: &mut BTreeSet<String>,
        left: &mut BTreeMap<String, String>,
    ) -> Result<Option<String>> {
        let mut again = None;
        let unsuitable = assembly::unsuitable(object)?;
        for elf::Function { name, code } in elf::functions(object)? {
            if check::begins_with_check(&object[code.clone()]) {
                if !functions.contains(&name) {
                    // Hand-written: it has the bytes of a check without being LLVM's to leave out.
                    left.remove(&name);
                    continue;
                }
                let mut leave = |reason: &str| {
                    functions.remove(&name);
                    left.insert(name.clone(), reason.into());
                    again = Some(name.clone());
                };
                if let Some(reason) = unsuitable.get(&name) {
                    leave(reason);
                    continue;
                }
                match realign::judge(&object[code.clone()]) {
                    Finding::Sound => {}
                    Finding::Mend(operands) => {
                        for (at, operand) in operands {
                            object[code.start + at..code.start + at + 4].copy_from_slice(&operand.to_le_bytes());
                        }
                    }
                    Finding::Unsound(reason) => leave(reason.describe()),
                }
            } else if !left.contains_key(&name) && names::can_be_checked(&name) && functions.insert(name.clone()) {
                // rustc's own code generation had inlined it away everywhere.
                again = Some(name);
            }
        }
        Ok(again)
    }

    fn run_lld(&self, name: &str, scratch: &Path, input: &Path, functions: &BTreeSet<String>) -> Result<Vec<u8>> {
        let list = scratch.join("attributes.csv");
        fs::write(&list, attributes(functions)).map_err(Error::file("write", &list))?;
        let mut command = Command::new(self.lld);
        command.args(["-flavor", "gnu", "-m", "elf_x86_64", "-r"]);
        command.arg(format!("--lto-CGO{}", self.settings.optimize));
        // The bitcode is optimised already. This pass alone runs before code is generated.
        command.arg("--lto-newpm-passes=forceattrs");
        command.args(["-mllvm", &format!("-forceattrs-csv-path={}", list.display())]);
        // As rustc does, so that control cannot run off a function's end into the next.
        command.args(["-mllvm", "-trap-unreachable"]);
        // The most aggressive level would put copies of small bodies behind the path that grows the stack. Then a function has two
        // bodies, and the form of its check is not the known one.
        command.args(["-mllvm", "-tail-dup-placement-aggressive-threshold=2"]);
        // Else arguments on the stack are pushed beyond the frame that the check counts: by up to 296 bytes in std.
        command.args(["-mllvm", "-no-x86-call-frame-opt"]);
        // For functions that rustc gives no features: those of the shipped std, and a few that rustc makes up itself. Functions with
        // features of their own do not get them, and stay unchecked where they need them.
        command.args(["-mllvm", &format!("-mattr={THUNK_FEATURES}")]);
        command.args(self.settings.llvm_args.iter().flat_map(|argument| ["-mllvm", argument]));
        let object = scratch.join("object");
        command.arg(format!("--lto-obj-path={}", object.display())).arg(input).args(["-o", "/dev/null"]);
        let output = command.stdin(Stdio::null()).output().map_err(Error::run(self.lld))?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<_> = complaints.lines().filter(|line| !is_harmless(line)).collect();
        // An empty object for what is left of the link comes along.
        let largest = objects_in(scratch)?.into_iter().max_by_key(|(size, _)| *size);
        match largest {
            Some((_, path)) if complaints.is_empty() => {
                let object = fs::read(&path).map_err(Error::file("read", &path))?;
                for (_, path) in objects_in(scratch)? {
                    fs::remove_file(&path).map_err(Error::file("remove", &path))?;
                }
                Ok(object)
            }
            _ => Err(Error::NoObject { unit: name.into(), output: complaints.join("\n") }),
        }
    }
}

/// The file that the pass `forceattrs` reads: a function, a comma, an attribute. One without a value has no effect.
fn attributes(functions: &BTreeSet<String>) -> String {
    functions.iter().fold(String::new(), |mut text, function| {
        // Frame pointers for the same functions as the features above; all others have them already.
        let _ = writeln!(text, "{function},split-stack=1\n{function},frame-pointer=all");
        text
    })
}

fn objects_in(scratch: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = fs::read_dir(scratch).map_err(Error::file("list", scratch))?;
    let objects = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("object"));
    Ok(objects.filter_map(|entry| Some((entry.metadata().ok()?.len(), entry.path()))).collect())
}

/// What is said although nothing is wrong: hand-written functions of a unit are no functions to LLVM.
fn is_harmless(line: &str) -> bool {
    line.trim().is_empty() || line.contains(EXPECTED_COMPLAINT) || line.ends_with("does not exist.")
}
