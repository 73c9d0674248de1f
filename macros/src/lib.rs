//! The attributes `#[morestack::main]` and `#[morestack::test]`, and what `select!` expands to. Use them through the crate `morestack`.

#![forbid(unsafe_code)]

mod entry;
mod options;
mod select;

use entry::Entry;
use proc_macro::TokenStream;

/// Runs `main` as a task of the process's default runtime.
///
/// ```
/// #[morestack::main(workers = 2)]
/// fn main() -> Result<(), std::num::ParseIntError> {
///     let answer: u32 = "42".parse()?;
///     assert_eq!(answer, 42);
///     Ok(())
/// }
/// ```
///
/// The program's first thread starts the runtime and waits for the body, which runs on a worker. When the body returns,
/// the program ends, as it does when an ordinary `main` returns: other tasks are not waited for. A panic of the body ends
/// the program as a panic of `main` does.
///
/// The attribute is optional: without it `main` stays on its OS thread, and the default runtime starts when it is first used.
///
/// # Options
///
/// - `workers = 4`: how many OS threads the default runtime has; any expression of type `usize`. Without it, as many as there
///   are processors for this process.
/// - `crate = path`: where the crate `morestack` is found, if not at `::morestack`.
///
/// # The function
///
/// `fn main()` without arguments and type parameters, neither `async` nor `unsafe`. Its return type may be whatever an ordinary
/// `main` may return, values that are not `Send` included: they are turned into an exit code inside the task, where an error
/// is printed too. Attributes and visibility stay with the function.
#[proc_macro_attribute]
pub fn main(options: TokenStream, function: TokenStream) -> TokenStream {
    entry::expand_or_report(Entry::Main, options.into(), function.into()).into()
}

/// Runs a test as a task of a runtime of its own. Replaces `#[test]`.
///
/// ```
/// #[morestack::test]
/// fn four_is_even() {
///     assert_eq!(4 % 2, 0);
/// }
///
/// #[morestack::test(workers = 1)]
/// #[should_panic(expected = "out of bounds")]
/// fn indices_are_checked() {
///     let values = [1, 2];
///     let _ = values[std::hint::black_box(2)];
/// }
/// # fn main() {}
/// ```
///
/// Tests share no runtime, so none sees the tasks of another, and what a test leaves behind ends with it.
///
/// # Options
///
/// - `workers = 4`: how many OS threads run the test's tasks; any expression of type `usize`. Without it 2: so tasks do run
///   at the same time, while a suite that runs many tests at once does not start threads by the hundred. With `workers = 1` tasks
///   take turns.
/// - `crate = path`: where the crate `morestack` is found, if not at `::morestack`.
///
/// # The function
///
/// As for an ordinary test, `#[should_panic]`, `#[ignore]` and return types included: a free function without arguments and type
/// parameters, neither `async` nor `unsafe`. Other attributes and visibility stay with the function.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    entry::expand_or_report(Entry::Test, options.into(), function.into()).into()
}

/// What `morestack::channel::select!` and `select_biased!` expand to, with the path of their crate and the word `fair` or `biased` in
/// front of the arms.
#[doc(hidden)]
#[proc_macro]
pub fn __select(tokens: TokenStream) -> TokenStream {
    select::expand_or_report(tokens.into()).into()
}
