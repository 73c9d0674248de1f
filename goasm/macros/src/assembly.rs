//! From a source to the text for `morestack::mapped_asm!`, by way of goasm-assembler.

use crate::wrappers::{self, Declared};
use goasm_assembler::diagnostic::{Diagnostic, Position};
use goasm_assembler::signature::Signature;
use goasm_assembler::syntax::{Abi, Statement, StatementKind};
use goasm_assembler::{assemble, emit, nosplit, object, parse, sound, vet};
use proc_macro2::Span;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use syn::LitStr;

/// What the compiler's process says about the crate.
pub(crate) struct Surroundings {
    /// The crate's name, which symbols have before their dot.
    pub(crate) crate_name: Option<String>,
    /// The directory of the crate's Cargo.toml, from which paths count.
    pub(crate) root: PathBuf,
    /// Where the compiler runs. What it prints is relative to this.
    pub(crate) working_dir: PathBuf,
    /// Whether functions get wrappers under their own names: the feature `wrappers`.
    pub(crate) has_wrappers: bool,
    /// Where a token stands.
    pub(crate) place: fn(Span) -> Position,
    /// A variable of the environment.
    pub(crate) variable: fn(&str) -> Option<String>,
}

impl Surroundings {
    /// As cargo gives them to the compiler.
    pub(crate) fn of_process() -> Surroundings {
        let working_dir = std::env::current_dir().unwrap_or_default();
        Surroundings {
            crate_name: std::env::var("CARGO_CRATE_NAME").ok(),
            root: std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| working_dir.clone(), PathBuf::from),
            working_dir,
            has_wrappers: cfg!(feature = "wrappers"),
            // proc-macro2 keeps places only for a feature that makes every token of every macro bigger.
            place: |span| {
                let span = span.unwrap();
                Position { file: span.file().into(), line: span.line() as u32, column: span.column() as u32 }
            },
            variable: |name| std::env::var(name).ok(),
        }
    }

    /// A path of the crate, or of the variable that it begins with, as messages and line tables have it.
    ///
    /// # Errors
    /// The variable is not set.
    pub(crate) fn path(&self, written: &LitStr) -> syn::Result<PathBuf> {
        let text = written.value();
        let path = match variable_of(&text) {
            Some(name) => {
                let value = (self.variable)(name).ok_or_else(|| {
                    let message = format!(
                        "the environment variable {name}, with which this path begins, is not set (cargo sets OUT_DIR for \
                         crates that have a build script)"
                    );
                    syn::Error::new(written.span(), message)
                })?;
                self.root.join(value + &text[1 + name.len()..])
            }
            None => self.root.join(text),
        };
        Ok(path.strip_prefix(&self.working_dir).map(Path::to_path_buf).unwrap_or(path))
    }
}

/// The variable that a path begins with: `OUT_DIR` of `$OUT_DIR/x.s`.
pub(crate) fn variable_of(path: &str) -> Option<&str> {
    path.strip_prefix('$')?.split('/').next()
}

/// What is to be assembled.
pub(crate) enum Source {
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
        /// The path as it is written, which is the same on every machine.
        written: String,
    },
    /// A text in a file of Rust.
    Text {
        /// The file, relative to where the compiler runs.
        file: String,
        /// The text, with as much blank before it as puts it in its line and column.
        text: String,
    },
}

/// A source as the compiler takes it.
pub(crate) struct Assembled {
    /// For `mapped_asm!`. Braces are not doubled.
    pub(crate) text: String,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    /// Of the functions of ABIInternal: the symbol of the wrapper through which Rust calls them.
    pub(crate) bridges: HashMap<String, String>,
}

/// # Errors
/// Everything that is wrong with the source: what cannot be parsed; else what cannot be assembled, and what does not fit the signatures;
/// else what a moving stack would not survive, and NOSPLIT chains over the limit.
pub(crate) fn assemble(
    source: &Source,
    options: &parse::Options,
    package: &str,
    declared: &Declared,
) -> Result<Assembled, Vec<Diagnostic>> {
    let (mut parsed, unit) = match source {
        Source::File { path, written } => (parse::parse_file(path, options)?, written.clone()),
        Source::Text { file, text } => {
            // Where the text begins makes the unit's name its own.
            let blank_lines = text.lines().take_while(|line| line.trim().is_empty()).count();
            (parse::parse_text(file, text, options)?, format!("{file}:{}", blank_lines + 1))
        }
    };
    let mut found = vet::check(&parsed.statements, &declared.assembly);
    found.extend(wrappers::check_references(&parsed.statements, declared));
    complete_sizes(&mut parsed.statements, &declared.assembly);
    let mut object_options = object::Options { package: package.to_string(), unit, ..Default::default() };
    declared.all().for_each(|signature| object_options.declare(&signature.name, signature));
    let wrappers = wrappers::of(&parsed.statements, declared);
    for wrapper in &wrappers {
        object_options.declare(&wrapper.name, wrapper.signature);
        parsed.statements.extend(wrapper.statements());
    }
    let bridges = wrappers.into_iter().filter(|wrapper| wrapper.signature.abi == Abi::Internal);
    let bridges = bridges.map(|wrapper| (wrapper.signature.name.clone(), wrapper.name)).collect();
    let object = match assemble::assemble(&parsed.statements, &object_options) {
        Ok(object) => object,
        Err(mut errors) => {
            errors.append(&mut found);
            return Err(errors);
        }
    };
    sound::check(&object, &mut found);
    found.extend(nosplit::check(&object));
    match found.is_empty() {
        true => Ok(Assembled { text: emit::mapped_asm(&object, false), files: parsed.files, bridges }),
        false => Err(found),
    }
}

/// The symbol that the linker sees: a leading dot stands for the package.
pub(crate) fn linkage_name(symbol: &str, package: &str) -> String {
    match symbol.strip_prefix('.') {
        Some(name) => format!("{package}.{name}"),
        None => symbol.to_string(),
    }
}

/// NOSPLIT functions need not give the size of their arguments and results. The call from Rust has to know it.
fn complete_sizes(statements: &mut [Statement], signatures: &[Signature]) {
    for statement in statements {
        if let StatementKind::Text { symbol, args: args @ (None | Some(0)), .. } = &mut statement.kind
            && !symbol.is_static
            && let Some(signature) = signatures.iter().find(|signature| signature.name == symbol.name)
        {
            *args = i64::try_from(signature.args()).ok();
        }
    }
}
