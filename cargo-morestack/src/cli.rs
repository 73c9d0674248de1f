//! The command line.

use crate::cargo_command::{self, Request};
use crate::error::Result;
use crate::explain::{self, Explain};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Compiles Rust so that every function checks its stack, for tasks on 2 KB stacks that grow.
#[derive(Parser)]
#[command(name = "cargo morestack", bin_name = "cargo morestack", version, after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "All of cargo's own arguments are taken: see `cargo build --help` and its like.\n\
                     What is built goes into `morestack` in cargo's target directory, beside what `cargo build` makes.";

#[derive(Subcommand)]
enum Command {
    /// Compile packages with stack checks
    #[command(visible_alias = "b")]
    Build(CargoArgs),
    /// Compile and run a program
    #[command(visible_alias = "r")]
    Run(CargoArgs),
    /// Compile and run tests, those in the documentation included
    #[command(visible_alias = "t")]
    Test(CargoArgs),
    /// Compile and run benchmarks
    Bench(CargoArgs),
    /// Look for errors only, as `cargo check` does in a split build
    #[command(visible_alias = "c")]
    Check(CargoArgs),
    /// Remove what split builds have made
    Clean(CargoArgs),
    /// Show how a function was compiled: its check, its frame, whether it can be moved, the foreign calls that it makes
    Explain(Explain),
}

#[derive(Args)]
struct CargoArgs {
    /// Let ordinary threads run on small stacks as well (run, test, bench): what runs then exercises growth everywhere
    #[arg(long)]
    small_threads: bool,

    /// Arguments for cargo; what follows `--` is for the program that it runs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    rest: Vec<OsString>,
}

/// Does what the command line says.
///
/// # Errors
/// See [`cargo_command::run`].
pub fn run(mut words: Vec<OsString>) -> Result<ExitCode> {
    // cargo starts its subcommands with their name as the first argument.
    if words.first().is_some_and(|word| word == "morestack") {
        words.remove(0);
    }
    // What follows `--` is for the program that cargo runs.
    let passed_on = words.split_off(words.iter().position(|word| word == "--").unwrap_or(words.len()));
    let cli = Cli::parse_from([OsString::from("cargo morestack")].into_iter().chain(words));
    let (subcommand, arguments) = match cli.command {
        Command::Build(arguments) => ("build", arguments),
        Command::Run(arguments) => ("run", arguments),
        Command::Test(arguments) => ("test", arguments),
        Command::Bench(arguments) => ("bench", arguments),
        Command::Check(arguments) => ("check", arguments),
        Command::Explain(asked) => return explain::run(&asked),
        Command::Clean(arguments) => return cargo_command::clean(&arguments.rest),
    };
    cargo_command::run(&Request::new(subcommand, arguments.small_threads, arguments.rest, passed_on))
}
