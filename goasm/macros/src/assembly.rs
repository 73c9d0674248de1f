//! From a source to the text for `morestack::mapped_asm!`, by way of goasm-assembler.

use crate::grammar::Options;
use crate::stand_in::{emit, nosplit, object, parse};
use goasm_assembler::diagnostic::{Diagnostic, Position};
use goasm_assembler::signature::Signature;
use goasm_assembler::vet;
use proc_macro2::Span;
use std::path::{Path, PathBuf};

/// What the compiler's process says about the crate.
pub(crate) struct Surroundings {
    /// The crate's name, which symbols have before their dot.
    pub(crate) crate_name: Option<String>,
    /// The directory of the crate's Cargo.toml, from which paths count.
    pub(crate) root: PathBuf,
    /// Where the compiler runs. What it prints is relative to this.
    pub(crate) working_dir: PathBuf,
    /// Where a token stands.
    pub(crate) place: fn(Span) -> Position,
}

impl Surroundings {
    /// As cargo gives them to the compiler.
    pub(crate) fn of_process() -> Surroundings {
        let working_dir = std::env::current_dir().unwrap_or_default();
        Surroundings {
            crate_name: std::env::var("CARGO_CRATE_NAME").ok(),
            root: std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| working_dir.clone(), PathBuf::from),
            working_dir,
            // proc-macro2 keeps places only for a feature that makes every token of every macro bigger.
            place: |span| {
                let span = span.unwrap();
                Position { file: span.file().into(), line: span.line() as u32, column: span.column() as u32 }
            },
        }
    }

    /// A path of the crate as messages and line tables have it.
    fn shown(&self, path: &str) -> PathBuf {
        let path = self.root.join(path);
        path.strip_prefix(&self.working_dir).map(Path::to_path_buf).unwrap_or(path)
    }
}

/// What is to be assembled.
pub(crate) enum Source {
    /// A file; its path counts from the crate's root.
    File(String),
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
}

/// # Errors
/// Everything that is wrong with the source: what cannot be parsed; else what cannot be assembled, and what does not fit the signatures;
/// else NOSPLIT chains over the limit.
pub(crate) fn assemble(
    source: &Source,
    options: &Options,
    package: &str,
    signatures: Vec<Signature>,
    surroundings: &Surroundings,
) -> Result<Assembled, Vec<Diagnostic>> {
    let parse_options = parse::Options {
        defines: options.defines.clone(),
        include_dirs: options.include_dirs.iter().map(|dir| surroundings.shown(dir)).collect(),
    };
    let (parsed, unit) = match source {
        Source::File(path) => (parse::parse_file(&surroundings.shown(path), &parse_options)?, path.clone()),
        Source::Text { file, text } => {
            // Where the text begins makes the unit's name its own.
            let line = text.lines().count() - text.trim_start().lines().count();
            (parse::parse_text(file, text, &parse_options)?, format!("{file}:{}", line + 1))
        }
    };
    let mut found = vet::check(&parsed.statements, &signatures);
    let object_options = object::Options { package: package.to_string(), unit, signatures };
    let object = match object::assemble(&parsed.statements, &object_options) {
        Ok(object) => object,
        Err(errors) => {
            found.splice(..0, errors);
            return Err(found);
        }
    };
    found.extend(nosplit::check(&object));
    match found.is_empty() {
        true => Ok(Assembled { text: emit::mapped_asm(&object), files: parsed.files }),
        false => Err(found),
    }
}
