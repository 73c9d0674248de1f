//! `goasm`: what `goasm::include!` does with a file, on the command line.
//!
//! Exit status: 0, or 1 if something is wrong with the file, or 2 if with the command line.

use clap::{Parser, Subcommand};
use goasm_assembler::diagnostic::Diagnostic;
use goasm_assembler::list::Listing;
use goasm_assembler::object::Object;
use goasm_assembler::parse::{Options, parse_file};
use goasm_assembler::syntax::Statement;
use goasm_assembler::{assemble, emit, nosplit, object, sound, vet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Go assembly for Rust programs.
#[derive(Parser)]
#[command(name = "goasm", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prints the assembly that `morestack::mapped_asm!` takes.
    Translate(Source),
    /// Says what is wrong with a file, as far as that can be known without its declarations in Rust.
    Check(Source),
    /// Prints a listing in Go's style: offsets, bytes, and `+` before what the assembler has inserted.
    List(Source),
}

#[derive(clap::Args)]
struct Source {
    /// The assembly file.
    file: PathBuf,
    /// Defines a macro, as `#define NAME VALUE` would; without a value it is 1.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    define: Vec<String>,
    /// Where included files are looked for, behind the directory of the file that includes them.
    #[arg(short = 'I', value_name = "DIRECTORY")]
    include: Vec<PathBuf>,
    /// What stands before the dot in names that begin with `·`.
    #[arg(short, long, value_name = "NAME", default_value = "main")]
    package: String,
}

fn main() -> ExitCode {
    let output = match Arguments::parse().task {
        Task::Translate(source) => source.assemble().map(|object| emit::mapped_asm(&object, true)),
        Task::List(source) => source.assemble().map(|object| Listing(&object).to_string()),
        Task::Check(source) => source.check().map(|()| String::new()),
    };
    match output {
        // Who reads may have seen enough.
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(diagnostics) => {
            for diagnostic in diagnostics {
                eprintln!("{diagnostic}");
            }
            ExitCode::FAILURE
        }
    }
}

impl Source {
    fn assemble(&self) -> Result<Object, Vec<Diagnostic>> {
        Ok(self.read()?.1)
    }

    /// The statements of the file, and what they become.
    fn read(&self) -> Result<(Vec<Statement>, Object), Vec<Diagnostic>> {
        let define = |it: &String| {
            let (name, value) = it.split_once('=').unwrap_or((it, "1"));
            (name.to_owned(), value.to_owned())
        };
        let options = Options { defines: self.define.iter().map(define).collect(), include_dirs: self.include.clone() };
        let parsed = parse_file(&self.file, &options)?;
        let unit = self.file.file_name().unwrap_or(Path::new("file").as_os_str()).to_string_lossy().into_owned();
        let options = object::Options { package: self.package.clone(), unit, ..object::Options::default() };
        let object = assemble::assemble(&parsed.statements, &options)?;
        Ok((parsed.statements, object))
    }

    fn check(&self) -> Result<(), Vec<Diagnostic>> {
        let (statements, object) = self.read()?;
        let mut found = vet::check(&statements, &[]);
        sound::check(&object, &mut found);
        found.extend(nosplit::check(&object));
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}
