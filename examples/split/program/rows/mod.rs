//! What is measured, a file each.

mod cross_crate;
mod fib;
mod foreign;
mod growth;
mod hashmap;
mod hot_split;
mod indirect;
mod json;
mod malloc;
pub mod recursion;
mod regex;
mod sort;
mod strings;

pub struct Row {
    pub name: &'static str,
    pub run: Run,
}

/// Where a row runs.
#[derive(Clone, Copy)]
pub enum Run {
    /// In a task.
    Task(fn()),
    /// On the program's first thread, because it starts tasks or processes itself.
    Main(fn()),
}

const fn task(name: &'static str, run: fn()) -> Row {
    Row { name, run: Run::Task(run) }
}

const fn main(name: &'static str, run: fn()) -> Row {
    Row { name, run: Run::Main(run) }
}

pub static ROWS: [Row; 14] = [
    task("fib", fib::run),
    task("hashmap", hashmap::run),
    task("strings", strings::run),
    task("json_typed", json::typed),
    task("json_value", json::value),
    task("regex", regex::run),
    task("sort", sort::run),
    task("cross_crate", cross_crate::run),
    task("indirect", indirect::run),
    task("foreign", foreign::run),
    task("hot_split", hot_split::run),
    main("recursion", recursion::run),
    task("malloc", malloc::run),
    main("growth", growth::run),
];
