//! The program: it runs rows, or runs itself and another one in turns and compares them.

mod compare;
mod measure;
mod rows;
mod targets;

use morestack::runtime::{Builder, set_report_hook};
use rows::{ROWS, Row, Run};
use std::process::ExitCode;

const USAGE: &str = "usage: split [ROW...]                            runs the rows, or all of them
       split --against PATH [ROUNDS] [ROW...]     runs this program and the one at PATH in turns, and compares them
       split --build                              says how this program was built";

/// What is answered to `--build`, and printed by a comparison.
fn build(allocator: &str) -> String {
    format!("{} build, {allocator}", if cfg!(morestack_split) { "split" } else { "plain" })
}

pub fn main(allocator: &str) -> ExitCode {
    if rows::recursion::serve_child() {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("-h" | "--help") => {
            println!("{USAGE}\nrows: {}", ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(" "));
            Ok(())
        }
        Some("--build") => {
            println!("{}", build(allocator));
            Ok(())
        }
        Some("--against") => compare::main(&arguments[1..]),
        _ => choose(&arguments).and_then(|rows| rows.into_iter().try_for_each(run)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("split: {mistake}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The rows that are named; all, if none is.
fn choose(names: &[String]) -> Result<Vec<&'static Row>, String> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let find =
        |name: &String| ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("there is no row {name}"));
    names.iter().map(find).collect()
}

fn run(row: &Row) -> Result<(), String> {
    match row.run {
        Run::Task(body) => {
            // Rows take long and give way to nobody.
            set_report_hook(|_| {});
            let runtime = Builder::new().workers(1).build().map_err(|error| format!("no runtime: {error}"))?;
            runtime.run(body);
        }
        Run::Main(body) => body(),
    }
    Ok(())
}
